"""The answer to one query: its requests fetched ahead concurrently, delivered in order, bounded.

Nothing is yielded inside a task group or a timeout: what is fetched ahead is fetched by tasks that
the client owns, and bounded by how many of them there are. Leaving a delivery early cancels them
and waits for them. One request at a time is fetched by the consumer's own task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from time import perf_counter
from typing import Any, Generic, TypeVar

import attrs

from cfbilling._concurrency import SMALL, Turns
from cfbilling.chunk import DateChunk
from cfbilling.credentials import Credentials
from cfbilling.decoding.converter import decode_object
from cfbilling.errors import BillingError, DecodeError, InvalidRequest
from cfbilling.events import ChunkDone, ChunkNarrowed, FieldMissing, StreamStarted
from cfbilling.protocol.ownership import check_owner, holds_other_days, inside
from cfbilling.protocol.plan import Alternative
from cfbilling.protocol.requests import Request, about
from cfbilling.records import Record
from cfbilling.streams.resources import Resources
from cfbilling.transport.receiver import Received

__all__ = ["Delivery", "Part"]

R = TypeVar("R", bound=Record)
D = TypeVar("D", bound="Delivery[Any]")


@attrs.define(eq=False)
class Part(Generic[R]):
    """A request and its answer, received whole.

    Attributes:
        request: The request.
        received: The answer.
        decoded: The number of its records that were decoded.
        delivered: The number of them that its chunk owns.
        longest_slice: The longest time that a slice took, in seconds.
        is_elsewhere: Whether records were seen that nobody asked about, and none that is owned.
    """

    request: Request[R]
    received: Received
    decoded: int = 0
    delivered: int = 0
    longest_slice: float = 0.0
    is_elsewhere: bool = False


class Delivery(Generic[R]):
    """Fetches what one query asks for and decodes it; made by `Pipeline.deliver`.

    Args:
        resources: What an open client has.
        request: The request for the whole range.
        credentials: The credential that signs.
        ahead: The number of requests to fetch ahead.
        is_doubtful: Whether the account may not be let in: then the stream is told of with the
            first answer only.
        is_probed: Whether nothing is fetched ahead of that.

    Attributes:
        has_answered: Whether an answer came, be it empty.
    """

    def __init__(
        self,
        resources: Resources,
        request: Request[R],
        credentials: Credentials,
        ahead: int = 1,
        *,
        is_doubtful: bool = False,
        is_probed: bool = False,
    ) -> None:
        self._resources = resources
        self._request = request
        self._credentials = credentials
        self._ahead = ahead
        self._is_doubtful = is_doubtful
        self._is_probed = is_probed
        self.has_answered = False
        self._told_missing: set[str] = set()

    @property
    def request(self) -> Request[R]:
        """The request for the whole range."""
        return self._request

    @property
    def record_type(self) -> type[R]:
        """The class of the records."""
        return self._request.endpoint.record_type

    @property
    def scope_id(self) -> str | None:
        """The account or organization that it is about."""
        return self._request.scope_id

    @property
    def turns(self) -> Turns:
        """The share of the event loop that work on its records gets."""
        return self._resources.turns

    def remade(self, kind: type[D]) -> D:
        """Return what delivers the same in another way."""
        return kind(self._resources, self._request, self._credentials, self._ahead)

    async def one(self) -> R:
        """Return the one object that the endpoint answers with.

        Raises:
            BillingError: What went wrong, with the request's facts.
        """
        return await self._resources.tasks.here(self._object())

    async def _object(self) -> R:
        request = self._request
        received = await self._resources.fetcher.fetch(request, self._credentials)
        try:
            with about(request, received.status, received.ray_id):
                return decode_object(
                    await received.spool.take() or b"", request.endpoint.record_type
                )
        finally:
            received.spool.close()

    def batches(self) -> AsyncGenerator[list[R], None]:
        """Return what yields the records in order, as they are decoded; no batch is empty.

        Raises:
            BillingError: While iterating: what went wrong, with the request's facts.
        """
        requests, count = self._planned()
        return self._streamed(requests, self._request.chunk, count)

    def _planned(self) -> tuple[Iterator[Request[R]], int]:
        """Return what asks for the whole range, and how many requests that is going to be."""
        planner = self._resources.planner
        count = planner.count(self._request)
        self._ahead = min(self._ahead, count)
        return planner.requests(self._request), count

    def _tell_started(self, chunk: DateChunk | None, chunks: int) -> None:
        whole = self._request
        self._resources.observer(
            StreamStarted(
                endpoint=whole.endpoint.name, scope_id=whole.scope_id, chunk=chunk, chunks=chunks
            )
        )

    async def _streamed(
        self, requests: Iterator[Request[R]], whole: DateChunk | None, count: int
    ) -> AsyncGenerator[list[R], None]:
        """Yield the records of some requests, which are to be so many."""
        resources = self._resources
        if count and not self._is_doubtful:
            self._tell_started(whole, count)
        ahead: deque[asyncio.Task[list[Part[R]]]] = deque()
        parts: list[Part[R]] = []
        try:
            while parts := await self._next_parts(requests, ahead):
                if self._is_doubtful:
                    self._is_doubtful = False
                    self._tell_started(whole, count)
                for part in parts:
                    # In line: a generator for each part would cost a tenth of a small answer.
                    while (text := await part.received.spool.take()) is not None:
                        if len(text) > SMALL:
                            await resources.turns.take()
                        if owned := self._owned(part, text):
                            yield owned
                    self._end(part)
        finally:
            await self._leave(parts, ahead)

    async def _leave(self, parts: list[Part[R]], ahead: deque[asyncio.Task[list[Part[R]]]]) -> None:
        """Let go of what has come, and end what is under way."""
        _close(parts)
        for task in ahead:
            task.cancel()
            task.add_done_callback(_close_result)
        await self._resources.tasks.end(ahead)

    async def _next_parts(
        self, requests: Iterator[Request[R]], ahead: deque[asyncio.Task[list[Part[R]]]]
    ) -> list[Part[R]]:
        """Return the next answer, in its parts, or nothing after the last."""
        if self._ahead == 1:
            request = next(requests, None)
            if request is None:
                return []
            return await self._resources.tasks.here(self._fetch(request))
        most = 1 if self._is_probed and not self.has_answered else self._ahead
        for request in islice(requests, most - len(ahead)):
            ahead.append(self._resources.tasks.start(self._fetch(request)))
        if not ahead:
            return []
        parts = await self._resources.tasks.outcome(ahead[0])
        ahead.popleft()
        return parts

    async def _fetch(self, request: Request[R]) -> list[Part[R]]:
        """Get the answer to a request, or to what can be asked instead."""
        resources = self._resources
        try:
            return [await self._fetch_part(request)]
        except BillingError as refusal:
            alternative = resources.planner.instead(request, refusal)
            if alternative is None:
                raise
            parts = await self._fetch_instead(alternative, refusal)
        try:
            if resources.planner.learn(alternative):
                resources.observer(ChunkNarrowed(**request.facts, max_days=alternative.max_days))
        except BaseException:
            _close(parts)
            raise
        return parts

    async def _fetch_instead(
        self, alternative: Alternative[R], refusal: BillingError
    ) -> list[Part[R]]:
        parts: list[Part[R]] = []
        try:
            for request in alternative.requests:
                parts.append(await self._fetch_part(request))  # noqa: PERF401 - closed on an error
        except InvalidRequest:
            # Then what could be mended was not what the service does not accept.
            _close(parts)
            raise refusal from None
        except BaseException:
            _close(parts)
            raise
        return parts

    async def _fetch_part(self, request: Request[R]) -> Part[R]:
        received = await self._resources.fetcher.fetch(request, self._credentials)
        if not received.is_array:
            received.spool.close()
            with about(request, received.status, received.ray_id):
                raise DecodeError("expected an array", "result")
        self.has_answered = True
        return Part(request, received)

    async def _decoded(self, part: Part[R]) -> list[R]:
        """Return all records of an answer, whichever days they are of, and close it."""
        resources, received = self._resources, part.received
        records: list[R] = []
        try:
            while (text := await received.spool.take()) is not None:
                await resources.turns.take()
                records += self._batch(part, text)
        finally:
            received.spool.close()
        return records

    def _batch(self, part: Part[R], text: bytes) -> list[R]:
        """Decode a slice."""
        request, received = part.request, part.received
        with about(request, received.status, received.ray_id):
            decoder = self._resources.decoder(request.endpoint.record_type)
            batch = decoder.decode(text, part.decoded)
            check_owner(request, batch.records)
        if batch.missing:
            self._tell_missing(request, batch.missing)
        part.decoded += len(batch.records)
        return batch.records

    def _owned(self, part: Part[R], text: bytes) -> list[R]:
        """Decode a slice, and keep what the part's chunk owns."""
        request, began = part.request, perf_counter()
        records = self._batch(part, text)
        chunk = request.chunk
        owned = records if chunk is None else inside(chunk, records)
        part.longest_slice = max(part.longest_slice, perf_counter() - began)
        part.delivered += len(owned)
        if not part.delivered and not part.is_elsewhere:
            part.is_elsewhere = holds_other_days(request, records)
        return owned

    def _tell_missing(self, request: Request[R], missing: frozenset[str]) -> None:
        for field in sorted(missing - request.endpoint.may_lack - self._told_missing):
            self._told_missing.add(field)
            self._resources.observer(FieldMissing(**request.facts, field=field))

    def _end(self, part: Part[R]) -> None:
        part.received.spool.close()
        request = part.request
        if part.is_elsewhere and not part.delivered:
            with about(request, part.received.status, part.received.ray_id):
                raise DecodeError("the answer is about another range", "result")
        self._resources.observer(
            ChunkDone(
                endpoint=request.endpoint.name,
                scope_id=request.scope_id,
                chunk=request.chunk,
                records=part.delivered,
                outside=part.decoded - part.delivered,
                longest_slice=part.longest_slice,
            )
        )


def _close(parts: list[Part[R]]) -> None:
    for part in parts:
        part.received.spool.close()


def _close_result(task: asyncio.Task[list[Part[Any]]]) -> None:
    if not task.cancelled() and task.exception() is None:
        _close(task.result())
