"""What to ask: the requests that a query becomes, and what is asked instead of a refused one.

Pure, but for what it remembers of the service's limits. Whoever sends the requests drives it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from datetime import date
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import attrs

from cfbilling.errors import (
    ApiError,
    BillingError,
    InvalidRequest,
    NotCovered,
    NotFound,
    PermissionDenied,
    RateLimited,
)
from cfbilling.protocol.cycle_windows import Reading
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.requests import SOURCES, Request
from cfbilling.protocol.splitter import next_chunk
from cfbilling.records import Record

__all__ = ["Alternative", "Planner"]

R = TypeVar("R", bound=Record)

_MOST_ACCOUNTS = 65_536


@attrs.frozen(eq=False)
class Alternative(Generic[R]):
    """What to ask instead of a request that was refused.

    Attributes:
        requests: The requests, in order; together they cover what the refused one did.
        max_days: The width of a chunk, in days, that is proven to be accepted if they are.
    """

    requests: tuple[Request[R], ...]
    max_days: int


class Planner:
    """Decides what to ask next; remembers what the service refused.

    Args:
        chunk_days: The longest chunk to ask for, in days.

    Attributes:
        reading: How the service was seen to read ``to`` of a billing cycle.
    """

    def __init__(self, chunk_days: int) -> None:
        self._chunk_days = chunk_days
        self._most_days: dict[str, int] = {}
        self._sources: OrderedDict[tuple[Hashable, str | None], Endpoint[Any]] = OrderedDict()
        self.reading = Reading.UNKNOWN

    def _width(self, endpoint: Endpoint[Any]) -> int:
        """Return the longest chunk in days, as good as endless when the endpoint is not split."""
        if endpoint.max_days is None:
            return date.max.toordinal()
        return min(self._chunk_days, self._most_days.get(endpoint.name, endpoint.max_days))

    def count(self, request: Request[R]) -> int:
        """Return how many requests a range is going to be."""
        whole = request.chunk
        return 1 if whole is None else -(-whole.days // self._width(request.endpoint))

    def requests(self, request: Request[R]) -> Iterator[Request[R]]:
        """Yield the request for each chunk, each cut when it is asked for."""
        rest = request.chunk
        if rest is None:
            yield request
        while rest is not None:
            chunk, rest = next_chunk(rest, self._width(request.endpoint))
            yield request if chunk is request.chunk else request.over(chunk)

    def instead(self, request: Request[R], refusal: BillingError) -> Alternative[R] | None:
        """Return what to ask instead of a refused request, if there is anything.

        Only a 400 to a chunk of full width may be about its width: a service that counts both of
        its ends takes one day less.
        """
        most, chunk = request.endpoint.max_days, request.chunk
        is_about_request = isinstance(refusal, InvalidRequest)
        if not is_about_request or refusal.status != HTTPStatus.BAD_REQUEST:
            return None
        if chunk is None or most is None or chunk.days < most:
            return None
        first, rest = next_chunk(chunk, most - 1)
        parts = [first] if rest is None else [first, rest]
        return Alternative(tuple(map(request.over, parts)), most - 1)

    def learn(self, alternative: Alternative[R]) -> bool:
        """Keep to what was accepted from now on; return whether that is new."""
        name = alternative.requests[0].endpoint.name
        is_new = self._most_days.get(name) != alternative.max_days
        self._most_days[name] = alternative.max_days
        return is_new

    def sources(self, request: Request[R], credentials: Hashable) -> tuple[Endpoint[Any], ...]:
        """Return the endpoints that a request's records may come from, the best first."""
        name = request.query.source
        sources = request.endpoint.sources
        if name != "auto":
            return (sources[SOURCES.index(name)],)
        known = self.known_source(request, credentials)
        if known is None:
            return sources
        return known, *(source for source in sources if source is not known)

    def known_source(self, request: Request[R], credentials: Hashable) -> Endpoint[Any] | None:
        """Return the source that let an account in under a credential, if it is remembered."""
        return self._sources.get((credentials, request.scope_id))

    def may_be_elsewhere(self, refusal: ApiError) -> bool:
        """Return whether another source may know what this one refuses.

        What an endpoint answers to an account that is not let in is not documented: a 403 with
        whatever code, or a 404. A 401 is about the credential.
        """
        if isinstance(refusal, NotFound | PermissionDenied | NotCovered):
            return True
        is_told = refusal.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        return is_told and not isinstance(refusal, RateLimited)

    def learn_source(
        self, request: Request[R], credentials: Hashable, source: Endpoint[Any] | None
    ) -> None:
        """Begin with a source from now on for an account, or look for one anew.

        What one credential may see, another may not.
        """
        key = credentials, request.scope_id
        self._sources.pop(key, None)
        if source is not None:
            self._sources[key] = source
            if len(self._sources) > _MOST_ACCOUNTS:
                self._sources.popitem(last=False)
