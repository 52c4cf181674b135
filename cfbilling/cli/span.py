"""The range that a command is about, where the service is not asked to fill it in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from cfbilling import DateChunk, split_range
from cfbilling.cli.date_range import DateRange

__all__ = ["span_of"]

_DAY = timedelta(days=1)
_LENGTH_OF_A_DATE = len("2025-01-01")


def span_of(days: DateRange, today: date) -> DateChunk:
    """Return the days as a range.

    Args:
        days: The days, as they were asked for; by default the current month through today.
        today: The present UTC day.

    Raises:
        BillingError: If they are no range.
    """
    if days.start is None:
        return DateChunk(today.replace(day=1), today + _DAY)
    end = days.end or _end_of(today, str(days.start))
    chunks = split_range(days.start, end)
    return DateChunk(chunks[0].start, chunks[-1].end)


def _end_of(today: date, start: str) -> date:
    """Return the end of today, with a time if the start has one."""
    end = today + _DAY
    has_time = len(start.strip()) > _LENGTH_OF_A_DATE
    return datetime.combine(end, time(), UTC) if has_time else end
