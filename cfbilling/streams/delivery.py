"""The answer to one query: its requests fetched ahead concurrently, delivered in order, bounded.

Nothing is yielded inside a task group or a timeout: requests are fetched by tasks that the client
owns, and what is ahead of the consumer is bounded by how many of them there are. Leaving a
delivery early cancels them and waits for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from time import perf_counter
from typing import Any, Generic, TypeVar

import attrs

from cfbilling._concurrency import SMALL, Tasks, Turns
from cfbilling.credentials import Credentials
from cfbilling.decoding.converter import decode_object
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.errors import BillingError, DecodeError, InvalidRequest
from cfbilling.events import ChunkDone, ChunkNarrowed, FieldMissing, Observer, StreamStarted
from cfbilling.protocol.ownership import check_owner, holds_other_days, inside
from cfbilling.protocol.plan import Alternative, Planner
from cfbilling.protocol.requests import Request, about
from cfbilling.records import Record
from cfbilling.transport.fetcher import Fetcher
from cfbilling.transport.receiver import Received

__all__ = ["Delivery", "Pipeline"]

R = TypeVar("R", bound=Record)


@attrs.frozen(eq=False)
class Pipeline:
    """The parts of an open client.

    Attributes:
        fetcher: The fetcher of answers.
        planner: The planner of requests.
        turns: The share of the event loop that decoding gets.
        observer: Told of streams, chunks and fields.
        tasks: The owner of all tasks of the client.
    """

    fetcher: Fetcher
    planner: Planner
    turns: Turns
    observer: Observer
    tasks: Tasks = attrs.field(factory=Tasks)
    _decoders: dict[type[Record], RecordDecoder[Any]] = attrs.field(factory=dict, init=False)

    def deliver(
        self,
        request: Request[R],
        credentials: Credentials,
        ahead: int = 1,
        *,
        is_owned: bool = False,
    ) -> Delivery[R]:
        """Return the delivery of a request, which may become several.

        Args:
            request: The request for the whole range.
            credentials: The credential that signs.
            ahead: The number of requests to fetch ahead.
            is_owned: Whether it is consumed by a task that the client owns; then one request at a
                time needs no further task.
        """
        return Delivery(self, request, credentials, ahead, is_owned=is_owned)

    async def close(self) -> None:
        """End all that is under way."""
        try:
            await self.tasks.close()
        finally:
            await self.fetcher.close()

    def decoder(self, record_type: type[R]) -> RecordDecoder[R]:
        """Return the decoder of a record type, made once."""
        if record_type not in self._decoders:
            self._decoders[record_type] = RecordDecoder(record_type)
        return self._decoders[record_type]


@attrs.define(eq=False)
class _Part(Generic[R]):
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
    """Fetches what one query asks for and decodes it; made by `Pipeline.deliver`."""

    def __init__(
        self,
        pipeline: Pipeline,
        request: Request[R],
        credentials: Credentials,
        ahead: int,
        *,
        is_owned: bool,
    ) -> None:
        self._pipeline = pipeline
        self._request = request
        self._credentials = credentials
        self._ahead = ahead
        self._is_owned = is_owned
        self._told_missing: set[str] = set()

    async def one(self) -> R:
        """Return the one object that the endpoint answers with.

        Raises:
            BillingError: What went wrong, with the request's facts.
        """
        tasks = self._pipeline.tasks
        task = tasks.start(self._object())
        try:
            return await tasks.outcome(task)
        finally:
            await tasks.end([task])

    async def _object(self) -> R:
        request = self._request
        received = await self._pipeline.fetcher.fetch(request, self._credentials)
        try:
            with about(request, received.status, received.ray_id):
                return decode_object(
                    await received.spool.take() or b"", request.endpoint.record_type
                )
        finally:
            received.spool.close()

    async def batches(self) -> AsyncGenerator[list[R], None]:
        """Yield the records in order, as they are decoded; no batch is empty.

        Raises:
            BillingError: What went wrong, with the request's facts.
        """
        pipeline, whole = self._pipeline, self._request
        pipeline.observer(
            StreamStarted(
                endpoint=whole.endpoint.name,
                scope_id=whole.scope_id,
                chunk=whole.chunk,
                chunks=pipeline.planner.count(whole),
            )
        )
        requests = pipeline.planner.requests(whole)
        ahead: deque[asyncio.Task[list[_Part[R]]]] = deque()
        parts: list[_Part[R]] = []
        try:
            while parts := await self._next_parts(requests, ahead):
                for part in parts:
                    # In line: a generator for each part would cost a tenth of a small answer.
                    while (text := await part.received.spool.take()) is not None:
                        if len(text) > SMALL:
                            await pipeline.turns.take()
                        if owned := self._owned(part, text):
                            yield owned
                    self._end(part)
        finally:
            _close(parts)
            for task in ahead:
                task.cancel()
                task.add_done_callback(_close_result)
            await pipeline.tasks.end(ahead)

    async def _next_parts(
        self, requests: Iterator[Request[R]], ahead: deque[asyncio.Task[list[_Part[R]]]]
    ) -> list[_Part[R]]:
        """Return the next answer, in its parts, or nothing after the last."""
        if self._is_owned and self._ahead == 1:
            request = next(requests, None)
            return [] if request is None else await self._fetch(request)
        for request in islice(requests, self._ahead - len(ahead)):
            ahead.append(self._pipeline.tasks.start(self._fetch(request)))
        if not ahead:
            return []
        parts = await self._pipeline.tasks.outcome(ahead[0])
        ahead.popleft()
        return parts

    async def _fetch(self, request: Request[R]) -> list[_Part[R]]:
        """Get the answer to a request, or to what can be asked instead."""
        pipeline = self._pipeline
        try:
            return [await self._fetch_part(request)]
        except BillingError as refusal:
            alternative = pipeline.planner.instead(request, refusal)
            if alternative is None:
                raise
            parts = await self._fetch_instead(alternative, refusal)
        try:
            if pipeline.planner.learn(alternative):
                pipeline.observer(ChunkNarrowed(**request.facts, max_days=alternative.max_days))
        except BaseException:
            _close(parts)
            raise
        return parts

    async def _fetch_instead(
        self, alternative: Alternative[R], refusal: BillingError
    ) -> list[_Part[R]]:
        parts: list[_Part[R]] = []
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

    async def _fetch_part(self, request: Request[R]) -> _Part[R]:
        received = await self._pipeline.fetcher.fetch(request, self._credentials)
        if not received.is_array:
            received.spool.close()
            with about(request, received.status, received.ray_id):
                raise DecodeError("expected an array", "result")
        return _Part(request, received)

    def _owned(self, part: _Part[R], text: bytes) -> list[R]:
        """Decode a slice, and keep what the part's chunk owns."""
        request, received = part.request, part.received
        began = perf_counter()
        with about(request, received.status, received.ray_id):
            decoder = self._pipeline.decoder(request.endpoint.record_type)
            batch = decoder.decode(text, part.decoded)
            check_owner(request, batch.records)
        if batch.missing:
            self._tell_missing(request, batch.missing)
        chunk = request.chunk
        owned = batch.records if chunk is None else inside(chunk, batch.records)
        part.longest_slice = max(part.longest_slice, perf_counter() - began)
        part.decoded += len(batch.records)
        part.delivered += len(owned)
        if not part.delivered and not part.is_elsewhere:
            part.is_elsewhere = holds_other_days(request, batch.records)
        return owned

    def _tell_missing(self, request: Request[R], missing: frozenset[str]) -> None:
        for field in sorted(missing - self._told_missing):
            self._told_missing.add(field)
            self._pipeline.observer(FieldMissing(**request.facts, field=field))

    def _end(self, part: _Part[R]) -> None:
        part.received.spool.close()
        request = part.request
        if part.is_elsewhere and not part.delivered:
            with about(request, part.received.status, part.received.ray_id):
                raise DecodeError("the answer is about another range", "result")
        self._pipeline.observer(
            ChunkDone(
                endpoint=request.endpoint.name,
                scope_id=request.scope_id,
                chunk=request.chunk,
                records=part.delivered,
                outside=part.decoded - part.delivered,
                longest_slice=part.longest_slice,
            )
        )


def _close(parts: list[_Part[R]]) -> None:
    for part in parts:
        part.received.spool.close()


def _close_result(task: asyncio.Task[list[_Part[Any]]]) -> None:
    if not task.cancelled() and task.exception() is None:
        _close(task.result())
