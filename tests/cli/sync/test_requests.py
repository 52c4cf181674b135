from __future__ import annotations

import pytest

from cfbilling import QuotaPolicy
from cfbilling.cli.sync.requests import Bounds, minutes_of_waiting
from cfbilling.cli.sync.run import size_told


@pytest.mark.parametrize(
    ("requests", "minutes"),
    [(0, 0), (1, 0), (1200, 0), (1201, 5), (2400, 5), (2401, 10), (12_000, 45)],
)
def test_the_first_quota_is_there_at_once(requests: int, minutes: int) -> None:
    """Each quota but the first is waited for, five minutes long."""
    waiting = minutes_of_waiting(Bounds(0, requests), QuotaPolicy())
    assert Bounds(0, minutes) == waiting


def test_part_of_a_minute_counts_as_one() -> None:
    """A window of seconds is not told as no time at all."""
    waiting = minutes_of_waiting(Bounds(11, 111), QuotaPolicy(requests=10, seconds=20))
    assert Bounds(1, 4) == waiting


def test_bounds_that_are_equal_are_one_number() -> None:
    """A range is told as such only where it is one."""
    assert ("1,200", "1 to 6") == (str(Bounds(100, 100) * 12), str(Bounds(1, 6)))


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (10**15, "1,000.0 TB"),
    ],
)
def test_sizes_are_told_for_people(count: int, told: str) -> None:
    """A number of bytes has the unit that keeps it short."""
    assert told == size_told(count)
