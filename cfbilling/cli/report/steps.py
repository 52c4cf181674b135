"""What a bar of the chart stands for: a day, or of a longer range a week or a month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

import attrs

__all__ = ["Step", "Steps", "steps_of"]

Step = Literal["day", "week", "month"]

_DAY = timedelta(days=1)
_MOST_DAYS = 120
_MOST_WEEKS = 2 * 366
# Ten years: beyond them, a month without a cost has no place of its own.
_MOST_MONTHS = 3660


@attrs.frozen
class Steps:
    """The bars of a chart.

    Attributes:
        step: What each stands for; a week begins on its Monday.
        names: The first day of each bar, or its month, in order and without a gap.
        first: The first day of the chart.
    """

    step: Step
    names: list[str]
    first: date

    def name_of(self, day: date) -> str:
        """Return the name of the bar that a day belongs to."""
        return _name(self.step, self.first, day)


def steps_of(span: tuple[date, date] | None, seen: Iterable[date]) -> Steps:
    """Return the bars of a range of days, or of the days that are seen if that is longer.

    Args:
        span: The first and the last day of the range, if it is known.
        seen: The days that have a cost.
    """
    days = sorted({*seen, *(span or ())})
    first, last = days[0], days[-1]
    length = (last - first).days + 1
    step: Step = "day" if length <= _MOST_DAYS else "week" if length <= _MOST_WEEKS else "month"
    every = days if length > _MOST_MONTHS else _each(first, last)
    return Steps(step, list(dict.fromkeys(_name(step, first, day) for day in every)), first)


def _name(step: Step, first: date, day: date) -> str:
    if step == "month":
        return day.isoformat()[: len("2025-01")]
    if step == "week":
        # The first week may be in part before the range.
        day = max(first, day - day.weekday() * _DAY)
    return day.isoformat()


def _each(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * _DAY
