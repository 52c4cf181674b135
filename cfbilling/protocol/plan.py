"""Which range is meant, and which chunk of it comes next at the width that the service accepts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from cfbilling.chunk import DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.splitter import Moment, next_chunk, parsed_moment, whole_range

__all__ = ["Widths", "meant_range"]


def meant_range(start: Moment | None, end: Moment | None, now: datetime) -> DateChunk | None:
    """Return the range that a call means; ``None`` leaves it to the service.

    ``start`` alone means through the end of today (UTC).

    Raises:
        ConfigurationError: If there is only an ``end``, or the two are no range.
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


class Widths:
    """How long a chunk may be for each endpoint; remembers what the service refused.

    Args:
        chunk_days: The longest chunk to ask for, in days.
    """

    def __init__(self, chunk_days: int) -> None:
        self._chunk_days = chunk_days
        self._narrowed: set[str] = set()

    def width(self, endpoint: Endpoint) -> int:
        """Return the longest chunk in days, as good as endless when the endpoint is not split."""
        if endpoint.max_days is None:
            return date.max.toordinal()
        most = endpoint.max_days - 1 if endpoint.name in self._narrowed else endpoint.max_days
        return min(self._chunk_days, most)

    def narrower(self, endpoint: Endpoint, chunk: DateChunk | None) -> list[DateChunk]:
        """Return the parts to ask for instead of a chunk that may have been refused as too long.

        Only a full-width chunk may: a service that counts both of its ends takes one day less.
        """
        if chunk is None or endpoint.max_days is None or chunk.days < endpoint.max_days:
            return []
        first, rest = next_chunk(chunk, endpoint.max_days - 1)
        return [first] if rest is None else [first, rest]

    def remember(self, endpoint: Endpoint) -> bool:
        """Keep to the narrower width from now on; return whether that is new."""
        is_new = endpoint.name not in self._narrowed
        self._narrowed.add(endpoint.name)
        return is_new

    def count(self, endpoint: Endpoint, whole: DateChunk | None) -> int:
        """Return how many chunks a range is going to be."""
        return 1 if whole is None else -(-whole.days // self.width(endpoint))

    def chunks(self, endpoint: Endpoint, whole: DateChunk | None) -> Iterator[DateChunk | None]:
        """Yield the chunks of a range, each cut when it is asked for."""
        rest = whole
        while rest is not None:
            chunk, rest = next_chunk(rest, self.width(endpoint))
            yield chunk
        if whole is None:
            yield None
