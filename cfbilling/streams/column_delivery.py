"""The answer to one query as Arrow: slices are gathered, and read beside the event loop.

What cannot be read exactly is decoded into records like any other slice, so that it ends in the
same columns or the same error. Events and figures are those of records.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.compute  # type: ignore[import-untyped]  # likewise

from cfbilling._concurrency import SMALL, Turns
from cfbilling.arrow import RecordColumns
from cfbilling.decoding.columns import ColumnReader, Read
from cfbilling.protocol.ownership import has_owner
from cfbilling.protocol.requests import Request, about
from cfbilling.records import ChargeRecord, Record
from cfbilling.streams.delivery import Delivery, Part
from cfbilling.transport.slice_spool import SliceSpool

__all__ = ["ColumnDelivery", "pieces_of"]

R = TypeVar("R", bound=Record)

# Its functions are made when it is imported, which type checkers do not see.
pc: Any = pyarrow.compute

_MIB = 2**20
_MANY = 1000
"""Records that make large arrays: to read them twice as many at once saves little more."""

_MOST = 10_000
"""Records that are read at once: of very short ones, columns take many times their text."""

_FEW = 100
"""Records that are dearer to read than to decode: a thread and forty arrays are more work."""

_PIECE = 64
"""How many records become columns in one turn of the event loop."""

_AT_ONCE = 2
"""How many jobs are under way: while one is read, the next is looked at."""


@attrs.define(eq=False)
class _Job:
    """Slices that are read together.

    Attributes:
        texts: The slices.
        size: Their length in bytes.
        records: How many records they have.
        parsing: What parses them; ``None`` if they have to become records.
    """

    texts: list[bytes] = attrs.field(factory=list)
    size: int = 0
    records: int = 0
    parsing: asyncio.Task[Any] | None = None

    def add(self, text: bytes, records: int) -> None:
        """Add a slice."""
        self.texts.append(text)
        self.size += len(text)
        self.records += records

    @property
    def is_full(self) -> bool:
        """Whether there is enough for large arrays, or as much as may be in memory."""
        if self.size < _MIB:
            return self.records >= _MOST
        return self.records >= _MANY or self.size >= 4 * _MIB

    @property
    def is_worthwhile(self) -> bool:
        """Whether reading it is less work than decoding it."""
        return self.records >= _FEW or self.size >= _MIB


class _Gathering:
    """Gathers the slices of a part into jobs, in order.

    Args:
        spool: The slices.
        look: What counts the records of a slice; ``None`` if it cannot be read.
        turns: The share of the event loop that it gets.
    """

    def __init__(
        self, spool: SliceSpool, look: Callable[[bytes], int | None], turns: Turns
    ) -> None:
        self._spool = spool
        self._look = look
        self._turns = turns
        self._unreadable: bytes | None = None

    async def next(self) -> tuple[_Job, bool] | None:
        """Return the next job, and whether it can be read; ``None`` after the last."""
        job = _Job()
        if self._unreadable is not None:
            job.add(self._unreadable, 0)
            self._unreadable = None
            return job, False
        while not job.is_full and (text := await self._spool.take()) is not None:
            if len(text) > SMALL:
                await self._turns.take()
            records = self._look(text)
            if records is not None:
                job.add(text, records)
            elif job.texts:
                self._unreadable = text
                break
            else:
                job.add(text, 0)
                return job, False
        return (job, job.is_worthwhile) if job.texts else None


class ColumnDelivery(Delivery[R]):
    """Delivers what a plain `Delivery` would, as columns."""

    async def columns(
        self, columns: RecordColumns, reader: ColumnReader
    ) -> AsyncGenerator[Any, None]:
        """Yield the records in order, as each `pyarrow.RecordBatch` is made; none is empty.

        Args:
            columns: What makes columns of records.
            reader: What reads columns for the same schema.

        Raises:
            NumberOutOfRange: For a number that its column cannot hold exactly.
            BillingError: What else went wrong, with the request's facts.
        """
        requests, count = self._planned()
        self._tell_started(self._request.chunk, count)
        ahead: deque[asyncio.Task[list[Part[R]]]] = deque()
        parts: list[Part[R]] = []
        try:
            while parts := await self._next_parts(requests, ahead):
                for part in parts:
                    async with aclosing(self._of_part(part, columns, reader)) as batches:
                        async for batch in batches:
                            yield batch
                    self._end(part)
        finally:
            await self._leave(parts, ahead)

    async def _of_part(
        self, part: Part[R], columns: RecordColumns, reader: ColumnReader
    ) -> AsyncGenerator[Any, None]:
        jobs: deque[_Job] = deque()
        is_hopeless = False

        def look(text: bytes) -> int | None:
            began = perf_counter()
            records = None if is_hopeless else reader.count(text)
            part.longest_slice = max(part.longest_slice, perf_counter() - began)
            return records

        gathering = _Gathering(part.received.spool, look, self.turns)
        try:
            while True:
                gathered = await gathering.next()
                if gathered is not None:
                    job, is_readable = gathered
                    if is_readable and not is_hopeless:
                        work = self._resources.beside.do(partial(reader.parse, job.texts))
                        job.parsing = self._resources.tasks.start(work)
                    jobs.append(job)
                while jobs and (gathered is None or len(jobs) >= _AT_ONCE):
                    read = await self._outcome(part, jobs[0], reader)
                    job = jobs.popleft()
                    if read is not None:
                        self._count(part, job, read)
                        yield read.batch
                        continue
                    # What one slice has that cannot be read, the others have as well.
                    is_hopeless = is_hopeless or job.parsing is not None
                    async with aclosing(self._by_records(part, job, columns)) as pieces:
                        async for piece in pieces:
                            yield piece
                if gathered is None:
                    return
        finally:
            await self._resources.tasks.end([job.parsing for job in jobs if job.parsing])

    async def _outcome(self, part: Part[R], job: _Job, reader: ColumnReader) -> Read | None:
        """Return the columns of a job; ``None`` for what has to become records."""
        if job.parsing is None:
            return None
        parsed = await self._resources.tasks.outcome(job.parsing)
        if parsed is None:
            return None
        await self.turns.take()
        read = reader.finish(parsed, self.scope_id)
        if read is None:
            return None
        await self.turns.take()
        return _owned(part.request, read)

    def _count(self, part: Part[R], job: _Job, read: Read) -> None:
        if read.missing:
            self._tell_missing(part.request, read.missing)
        part.decoded += job.records
        part.delivered += read.batch.num_rows

    async def _by_records(
        self, part: Part[R], job: _Job, columns: RecordColumns
    ) -> AsyncGenerator[Any, None]:
        """Yield what slices hold, by way of records."""
        request, received = part.request, part.received
        for text in job.texts:
            await self.turns.take()
            owned = self._owned(part, text)
            with about(request, received.status, received.ray_id):
                pieces = await pieces_of(owned, columns, self.scope_id, self.turns)
            for piece in pieces:
                yield piece


async def pieces_of(
    records: list[R], columns: RecordColumns, scope_id: str | None, turns: Turns
) -> list[Any]:
    """Return records as columns, in short batches, without holding the event loop up.

    Raises:
        NumberOutOfRange: For a number that its column cannot hold exactly.
    """
    made: list[Any] = []
    for begin in range(0, len(records), _PIECE):
        await turns.take()
        made.append(columns.batch(records[begin : begin + _PIECE], scope_id))
    return made


def _owned(request: Request[Record], read: Read) -> Read | None:
    """Keep what the request's chunk owns.

    Returns ``None`` for what has to become records to be judged: an answer about another account or
    about other days only.
    """
    if _has_strangers(request, read.batch):
        return None
    owned = _inside(request, read.batch)
    return attrs.evolve(read, batch=owned) if owned.num_rows else None


def _has_strangers(request: Request[Record], batch: Any) -> bool:
    if not has_owner(request):
        return False
    name = request.endpoint.record_type.wire_names["billing_account_id"]
    named = batch.column(name).unique().to_pylist()
    return not {None, request.scope_id}.issuperset(named)


def _inside(request: Request[Record], batch: Any) -> Any:
    """Keep what `cfbilling.protocol.ownership.inside` would keep."""
    chunk, record_type = request.chunk, request.endpoint.record_type
    if chunk is None or not issubclass(record_type, ChargeRecord):
        return batch
    names = record_type.wire_names
    start = batch.column(names["charge_period_start"])
    end = batch.column(names["charge_period_end"])
    lower, upper = (pa.scalar(moment, start.type) for moment in (chunk.lower, chunk.upper))
    starts = pc.and_(pc.greater_equal(start, lower), pc.less(start, upper))
    ends = pc.and_(pc.greater(end, lower), pc.less_equal(end, upper))
    belongs = pc.if_else(pc.is_valid(start), starts, pc.or_kleene(pc.is_null(end), ends))
    return batch if pc.all(belongs).as_py() else batch.filter(belongs)
