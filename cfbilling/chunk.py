"""The date range of one request: a value with no rules but its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

import attrs

__all__ = ["MAX_DAYS", "DateChunk"]

MAX_DAYS = 31
"""The longest range that one usage request may ask for, in days (documented)."""

_DAY = timedelta(days=1)


def _instant(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.combine(moment, time(), UTC)


@attrs.frozen(order=True)
class DateChunk:
    """A half-open range ``[start, end)`` that fits into one request.

    Attributes:
        start: The first moment inside. A ``date`` means midnight UTC.
        end: The first moment outside. A ``date`` means midnight UTC.
    """

    start: date
    end: date

    @cached_property
    def lower(self) -> datetime:
        """``start`` as an instant, UTC."""
        return _instant(self.start)

    @cached_property
    def upper(self) -> datetime:
        """``end`` as an instant, UTC."""
        return _instant(self.end)

    @cached_property
    def first_day(self) -> date:
        """The UTC day that holds ``start``: what goes on the wire as ``from``."""
        return self.lower.date()

    @cached_property
    def day_after(self) -> date:
        """The first UTC day wholly outside: what goes on the wire as ``to``."""
        upper = self.upper
        return upper.date() if upper.time() == time() else upper.date() + _DAY

    @cached_property
    def days(self) -> int:
        """How many UTC days the chunk touches."""
        return self.day_after.toordinal() - self.first_day.toordinal()

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"
