"""Chunks fetched ahead concurrently, delivered in order, bounded.

Nothing is yielded inside a task group or a timeout: chunks are fetched by tasks that the client
owns, and what is ahead of the consumer is bounded by how many of them there are. Leaving a
stream early cancels them and waits for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from http import HTTPStatus
from itertools import islice
from time import perf_counter
from typing import Generic, TypeVar

import attrs

from cfbilling._concurrency import SMALL, Tasks, outcome
from cfbilling.chunk import DateChunk
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.errors import DecodeError, InvalidRequest
from cfbilling.events import (
    ChunkDone,
    ChunkNarrowed,
    FieldMissing,
    Observer,
    StreamStarted,
)
from cfbilling.protocol.endpoints import BillingRequest
from cfbilling.protocol.plan import Widths
from cfbilling.records import ChargeRecord
from cfbilling.transport.fetcher import Fetcher, explain
from cfbilling.transport.receiver import Received

__all__ = ["StreamSource"]

R = TypeVar("R", bound=ChargeRecord)


def _owned(records: list[R], chunk: DateChunk | None) -> list[R]:
    """Keep the records whose charge period starts inside the chunk.

    A record that does not say when it starts belongs where it ends; one that says neither is
    kept, since to drop it would lose it.
    """
    if chunk is None:
        return records
    lower, upper = chunk.lower, chunk.upper
    try:
        return [r for r in records if lower <= r.charge_period_start < upper]  # type: ignore[operator]  # None is dealt with below
    except TypeError:
        return [r for r in records if _belongs(r, chunk)]


def _belongs(record: ChargeRecord, chunk: DateChunk) -> bool:
    if record.charge_period_start is not None:
        return chunk.lower <= record.charge_period_start < chunk.upper
    return record.charge_period_end is None or chunk.lower < record.charge_period_end <= chunk.upper


@attrs.frozen
class _Part:
    """A request and its chunk, received whole."""

    request: BillingRequest
    received: Received


@attrs.frozen
class StreamSource(Generic[R]):
    """What a stream needs: where its chunks come from, and whom it tells.

    Attributes:
        request: The request for the whole range.
        decoder: What makes records.
        fetcher: What gets a chunk.
        widths: How long a chunk may be.
        tasks: The owner of what is fetched ahead.
        ahead: How many chunks to fetch ahead.
        observer: Who is told.
        is_owned: Whether the stream is iterated by a task that the client owns; then a chunk at a
            time needs no further task.
    """

    request: BillingRequest
    decoder: RecordDecoder[R]
    fetcher: Fetcher
    widths: Widths
    tasks: Tasks
    ahead: int
    observer: Observer
    is_owned: bool = False

    def batches(self) -> AsyncGenerator[list[R], None]:
        """Return the records as they are decoded."""
        return _Delivery(self).batches()

    def requests(self) -> Iterator[BillingRequest]:
        """Yield the request for each chunk, each planned when it is asked for."""
        whole = self.request
        for chunk in self.widths.chunks(whole.endpoint, whole.chunk):
            yield whole if chunk is whole.chunk else attrs.evolve(whole, chunk=chunk)

    async def fetch(self, request: BillingRequest) -> list[_Part]:
        """Get one chunk, in two parts if the service finds it too long."""
        try:
            return [_Part(request, await self.fetcher.fetch_chunk(request))]
        except InvalidRequest as refusal:
            narrower = self.widths.narrower(request.endpoint, request.chunk)
            if refusal.status != HTTPStatus.BAD_REQUEST or not narrower:
                raise
            parts = await self._fetch_narrower(request, narrower, refusal)
        if self.widths.remember(request.endpoint):
            width = self.widths.width(request.endpoint)
            self.observer(ChunkNarrowed(**request.facts, max_days=width))
        return parts

    async def _fetch_narrower(
        self, request: BillingRequest, narrower: list[DateChunk], refusal: InvalidRequest
    ) -> list[_Part]:
        parts: list[_Part] = []
        try:
            for chunk in narrower:
                part = attrs.evolve(request, chunk=chunk)
                parts.append(_Part(part, await self.fetcher.fetch_chunk(part)))
        except InvalidRequest:
            # Then it was not the length that the service does not accept.
            _close(parts)
            raise refusal from None
        except BaseException:
            _close(parts)
            raise
        return parts


def _close(parts: list[_Part]) -> None:
    for part in parts:
        part.received.spool.close()


def _close_result(task: asyncio.Task[list[_Part]]) -> None:
    if not task.cancelled() and task.exception() is None:
        _close(task.result())


class _Delivery(Generic[R]):
    """Turns received parts into batches, and tells what it sees on the way."""

    def __init__(self, source: StreamSource[R]) -> None:
        self._source = source
        self._told: set[str] = set()

    async def batches(self) -> AsyncGenerator[list[R], None]:
        source, whole = self._source, self._source.request
        count = source.widths.count(whole.endpoint, whole.chunk)
        source.observer(StreamStarted(**whole.facts, chunks=count))
        requests = source.requests()
        ahead: deque[asyncio.Task[list[_Part]]] = deque()
        parts: list[_Part] = []
        try:
            while parts := await self._next_parts(requests, ahead):
                for part in parts:
                    async with aclosing(self._part_batches(part)) as batches:
                        async for batch in batches:
                            yield batch
        finally:
            _close(parts)
            for task in ahead:
                task.cancel()
                task.add_done_callback(_close_result)
            await source.tasks.end(ahead)

    async def _next_parts(
        self, requests: Iterator[BillingRequest], ahead: deque[asyncio.Task[list[_Part]]]
    ) -> list[_Part]:
        """Return the next chunk, in its parts, or nothing after the last."""
        source = self._source
        if source.is_owned and source.ahead == 1:
            request = next(requests, None)
            return [] if request is None else await source.fetch(request)
        for request in islice(requests, source.ahead - len(ahead)):
            ahead.append(source.tasks.start(source.fetch(request)))
        if not ahead:
            return []
        parts = await outcome(ahead[0])
        ahead.popleft()
        return parts

    async def _part_batches(self, part: _Part) -> AsyncGenerator[list[R], None]:
        turns = self._source.fetcher.turns
        delivered = index = 0
        longest = 0.0
        while (text := await part.received.spool.take()) is not None:
            if len(text) > SMALL:
                await turns.take()
            began = perf_counter()
            batch = self._decoded(part, text, index)
            owned = _owned(batch, part.request.chunk)
            longest = max(longest, perf_counter() - began)
            index += len(batch)
            delivered += len(owned)
            if owned:
                yield owned
        part.received.spool.close()
        self._source.observer(
            ChunkDone(
                **part.request.facts,
                records=delivered,
                outside=index - delivered,
                longest_slice=longest,
            ),
        )

    def _decoded(self, part: _Part, text: bytes, index: int) -> list[R]:
        try:
            batch = self._source.decoder.decode(text, index)
        except DecodeError as error:
            explain(error, part.request, part.received)
            raise
        for field in sorted(batch.missing - self._told):
            self._told.add(field)
            self._source.observer(FieldMissing(**part.request.facts, field=field))
        return batch.records
