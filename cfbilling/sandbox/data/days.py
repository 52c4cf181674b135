"""Days and months as half-open ranges, and how they are written."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TypeAlias

__all__ = ["ONE_DAY", "DayTexts", "day_texts", "days", "month_start", "next_month"]

ONE_DAY = timedelta(days=1)

DayTexts: TypeAlias = tuple[str, str, str, str]

# Mostly the plain form; the other two are as legal in RFC 3339.
_STYLES = ("T00:00:00Z", "T00:00:00.000Z", "T00:00:00+00:00")


def days(start: date, end: date) -> Iterator[date]:
    """Yield every day of ``[start, end)``."""
    day = start
    while day < end:
        yield day
        day += ONE_DAY


def month_start(day: date) -> date:
    """Return the first day of the month of *day*."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Return the first day of the month after that of *day*."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def day_texts(day: date) -> tuple[DayTexts, ...]:
    """Write charge period start and end, billing period start and end, in each date style."""
    edges = (day, day + ONE_DAY, month_start(day), next_month(day))
    return tuple(_written(edges, style) for style in _STYLES)


def _written(edges: tuple[date, date, date, date], style: str) -> DayTexts:
    first, second, third, fourth = (f'"{edge.isoformat()}{style}"' for edge in edges)
    return first, second, third, fourth
