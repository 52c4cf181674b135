from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.cli.errors import CommandError
from cfbilling.cli.sync.months import month_range_of, months_told

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("start", "end", "expected", "count"),
    [
        (None, None, (date(2025, 3, 1), date(2026, 4, 1)), 13),
        ("2025-01", None, (date(2025, 1, 1), date(2026, 4, 1)), 15),
        ("2025-11", "2026-02", (date(2025, 11, 1), date(2026, 2, 1)), 3),
        (None, "2026-01", (date(2025, 3, 1), date(2026, 1, 1)), 10),
        (" 2026-03 ", None, (date(2026, 3, 1), date(2026, 4, 1)), 1),
        ("9999-12", "9999-12", None, 0),
    ],
)
def test_months_are_whole(
    start: str | None, end: str | None, expected: tuple[date, date] | None, count: int
) -> None:
    """Months reach from the first to before the last; by default a year and the current one."""
    if expected is None:
        with pytest.raises(CommandError):
            month_range_of(start, end, TODAY)
        return
    months = month_range_of(start, end, TODAY)
    assert (expected, count) == ((months.start, months.end), len(months))


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        ("2025-13", None, "--from"),
        ("2025-01-01", None, "--from"),
        ("0000-01", None, "--from"),
        (None, "soon", "--to"),
        ("2026-04", None, "2026-04"),
        ("2025-02", "2025-02", "2025-02"),
    ],
)
def test_what_is_no_month_is_named(start: str | None, end: str | None, named: str) -> None:
    """What is no month, and a range without one, are refused by the option's name."""
    with pytest.raises(CommandError, match=named):
        month_range_of(start, end, TODAY)


def test_the_first_year_has_no_year_before() -> None:
    """The usual beginning is never before the calendar's."""
    assert date(1, 1, 1) == month_range_of(None, None, date(1, 5, 1)).start


def test_months_are_told_in_runs() -> None:
    """Months that follow each other are told as a run, over the new year too."""
    months = ["2025-03", "2024-12", "2025-01", "2025-05", "2025-01"]
    assert "2024-12 to 2025-01, 2025-03, 2025-05" == months_told(months)
    assert "" == months_told([])


@given(st.sets(st.integers(2000 * 12, 2010 * 12)))
def test_no_month_is_lost_in_telling(numbers: set[int]) -> None:
    """The runs hold exactly the months that were told, whichever they are."""
    told = months_told(f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers)
    found: set[int] = set()
    for run in told.split(", ") if told else []:
        first, _, last = run.partition(" to ")
        begin, end = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last or first))
        assert found.isdisjoint(range(begin - 1, end + 2)), "runs that touch are one"
        found |= set(range(begin, end + 1))
    assert numbers == found
