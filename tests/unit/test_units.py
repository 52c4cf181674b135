"""Units: the same unit, as FOCUS spells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling._units import focus_unit


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        ("Requests", "Requests"),
        ("requests", "Requests"),
        ("GB-months", "GB-Months"),
        ("GB-month", "GB-Months"),
        ("GB-s", "GB-Seconds"),
        ("vCPU-s", "vCPU-Seconds"),
        ("Browser-Hours", "Browser-Hours"),
        ("CPU-ms", "CPU Milliseconds"),
        ("GB/hour", "GB/Hour"),
        ("Requests/days", "Requests/Day"),
        ("Million Requests", "1000000 Requests"),
        ("Hundred Thousand Images", "100000 Images"),
        ("Half Million queries", "500000 Queries"),
        ("10 million Requests", "10000000 Requests"),
        ("Million GB-s", "1000000 GB-Seconds"),
        ("1000 Tokens", "1000 Tokens"),
        ("b", "b"),
        ("GB", "GB"),
    ],
)
def test_a_unit_is_spelled_as_focus_spells_it(told: str, unit: str) -> None:
    """Times by their full names, numbers in digits, words with a capital."""
    assert unit == focus_unit(told)


@pytest.mark.parametrize(
    "told",
    [
        "Million",
        "Half Requests",
        "X-rays",
        "A-b-c",
        "größe",
        "9" * 19 + " X",
        "999999999999999999 " * 300 + "X",
    ],
)
def test_what_has_no_rule_stays(told: str) -> None:
    """A number without a unit, one that is not whole or has no end, a hyphen without a time."""
    assert told == focus_unit(told)


@pytest.mark.parametrize("told", [None, "", " ", "\t"])
def test_blank_is_no_unit(told: str | None) -> None:
    """The vendor may send an empty unit; FOCUS has null for that."""
    assert focus_unit(told) is None


@given(st.text(max_size=40))
def test_spelling_twice_changes_nothing(told: str) -> None:
    """What is spelled once is spelled right, and no text is too odd."""
    once = focus_unit(told)
    assert once == focus_unit(once)
