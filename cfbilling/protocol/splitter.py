"""Pure date arithmetic: one long range into the chunks that the service accepts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import attrs

from cfbilling.chunk import MAX_DAYS, DateChunk
from cfbilling.errors import ConfigurationError

__all__ = [
    "Moment",
    "month_to_date",
    "next_chunk",
    "parsed_moment",
    "requested_range",
    "split_range",
    "whole_range",
]

_LENGTH_OF_A_DATE = len("YYYY-MM-DD")

Moment = date | datetime | str
"""A ``date`` (midnight UTC), an aware ``datetime``, or either of them as an ISO 8601 string."""


def parsed_moment(name: str, moment: Moment) -> date:
    """Return a date or an aware datetime for what a caller gave.

    Raises:
        ConfigurationError: If it is neither; the message names the argument *name*.
    """
    if isinstance(moment, str):
        text = moment.strip()
        parse = date.fromisoformat if len(text) <= _LENGTH_OF_A_DATE else datetime.fromisoformat
        try:
            moment = parse(text)
        except ValueError:
            raise ConfigurationError(f"{name} is not an ISO 8601 date or date-time") from None
    if isinstance(moment, datetime) and moment.utcoffset() is None:
        raise ConfigurationError(
            f"{name} is a naive datetime: give it a time zone, or pass a date (midnight UTC)"
        )
    if not isinstance(moment, date):
        raise ConfigurationError(
            f"{name} must be a date, an aware datetime or an ISO 8601 string, "
            f"not {type(moment).__name__}"
        )
    return moment


def whole_range(start: Moment, end: Moment) -> DateChunk:
    """Check a range and return it as one chunk.

    Args:
        start: The first moment inside.
        end: The first moment outside.

    Raises:
        ConfigurationError: For anything that is not a range: ``start`` not before ``end``, a naive
            ``datetime``, a ``date`` mixed with a ``datetime``, text that is not ISO 8601.
    """
    first, last = parsed_moment("start", start), parsed_moment("end", end)
    if isinstance(first, datetime) != isinstance(last, datetime):
        raise ConfigurationError("start and end must both be dates or both be datetimes")
    if first >= last:
        raise ConfigurationError(f"start ({first}) must be before end ({last})")
    # Accounts by thousands are asked about the same days; equal times may be of other zones.
    made = DateChunk if isinstance(first, datetime) else _of_days
    chunk = made(first, last)
    try:
        _ = chunk.days
    except OverflowError:
        raise ConfigurationError("start or end is outside the years 1 to 9999 in UTC") from None
    return chunk


@lru_cache(maxsize=64)
def _of_days(first: date, last: date) -> DateChunk:
    return DateChunk(first, last)


def requested_range(start: Moment | None, end: Moment | None, now: datetime) -> DateChunk | None:
    """Return the range that a call means; ``None`` leaves it to the service.

    ``start`` alone means through the end of today (UTC).

    Raises:
        ConfigurationError: If there is only an ``end``, or the two are not a range.
    """
    if start is None:
        if end is not None:
            raise ConfigurationError("end needs a start")
        return None
    if end is None:
        tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
        start = parsed_moment("start", start)
        has_time = isinstance(start, datetime)
        end = datetime.combine(tomorrow, time(), UTC) if has_time else tomorrow
    return whole_range(start, end)


def month_to_date(now: datetime) -> DateChunk:
    """Return the present month (UTC) through today."""
    today = now.astimezone(UTC).date()
    return DateChunk(today.replace(day=1), today + timedelta(days=1))


def next_chunk(whole: DateChunk, max_days: int) -> tuple[DateChunk, DateChunk | None]:
    """Cut the first chunk off a checked range; return it and what is left."""
    if whole.days <= max_days:
        return whole, None
    cut: date = date.fromordinal(whole.first_day.toordinal() + max_days)
    if isinstance(whole.start, datetime):
        cut = datetime.combine(cut, time(), UTC)
    return attrs.evolve(whole, end=cut), attrs.evolve(whole, start=cut)


def split_range(start: Moment, end: Moment, max_days: int = MAX_DAYS) -> list[DateChunk]:
    """Split ``[start, end)`` into contiguous chunks, in order.

    With datetimes the seams are at midnight UTC, because the service counts whole UTC days: no
    chunk touches more than ``max_days`` of them.

    Args:
        start: The first moment inside.
        end: The first moment outside.
        max_days: The longest a chunk may be, in days.

    Returns:
        At least one chunk; only the last may be shorter than ``max_days`` (with datetimes, the
        first may begin late in its first day).

    Raises:
        ConfigurationError: As `whole_range`, and for ``max_days`` below 1.
    """
    if isinstance(max_days, bool) or not isinstance(max_days, int) or max_days < 1:
        raise ConfigurationError(f"max_days must be a whole number of at least 1, not {max_days!r}")
    chunks: list[DateChunk] = []
    rest: DateChunk | None = whole_range(start, end)
    while rest is not None:
        chunk, rest = next_chunk(rest, max_days)
        chunks.append(chunk)
    return chunks
