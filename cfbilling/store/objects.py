"""The objects of a store, by unit: written whole, asked for their facts, read back."""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, cast
from weakref import WeakKeyDictionary

import attrs

from cfbilling._concurrency import Turns
from cfbilling.errors import StoreError
from cfbilling.jobs import WorkUnit
from cfbilling.records import ChargeRecord, Record
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.object_format import ObjectFormat, ObjectWriter
from cfbilling.store.partitions import Partition, folder_of, key_of, partition_of, scope_of
from cfbilling.store.place import Part, Place, mapped
from cfbilling.store.threads import Threads
from cfbilling.streams.record_stream import RecordStream

__all__ = ["Objects", "Written"]

_PIECE = 64
"""How many records are added in one turn of the event loop."""


@attrs.frozen
class Written:
    """What was written.

    Attributes:
        facts: The facts of the new object.
        length: Its length in bytes.
    """

    facts: ObjectFacts
    length: int


class Objects:
    """Objects of one format in one place.

    Args:
        place: Where they are.
        shape: Their format.
    """

    def __init__(self, place: Place, shape: ObjectFormat) -> None:
        self._place = place
        self._shape = shape
        # A store may be used by several event loops, one after the other or in threads.
        self._turns: WeakKeyDictionary[AbstractEventLoop, Turns] = WeakKeyDictionary()
        self._threads = Threads()

    @property
    def decimal_scale(self) -> int | None:
        """The digits after the point of each number that is written; ``None`` for the usual."""
        return self._shape.decimal_scale

    async def check(self) -> None:
        """Raise `StoreError` if nothing can be written, as far as that can be known before."""
        await self._threads.do(self._place.check)

    def key(self, unit: WorkUnit) -> str:
        """Return the key of a unit's object.

        Raises:
            ConfigurationError: If the unit is not one month.
        """
        return key_of(unit, self._shape.suffix)

    async def partitions(self, unit: WorkUnit) -> dict[str, Partition]:
        """Return the keys of all units that differ in scope and month only, in that order."""
        return await self._threads.do(partial(self._partitions, folder_of(unit)))

    def _partitions(self, folder: str) -> dict[str, Partition]:
        # In a thread all of it, and sorted in short pieces: hundreds of thousands at once would
        # hold up the event loop from there.
        scopes: defaultdict[str, list[tuple[str, str, Partition]]] = defaultdict(list)
        for key in self._place.keys(folder):
            if (place := partition_of(key, self._shape.suffix)) is not None:
                scopes[place.scope_id].append((place.month, key, place))
        return {key: place for scope in sorted(scopes) for _, key, place in sorted(scopes[scope])}

    async def scopes(self, unit: WorkUnit) -> list[str]:
        """Return the scopes that have a folder of a unit's endpoint and parameters, in order."""
        names = await self._threads.do(partial(self._place.folders, folder_of(unit)))
        return sorted(scope for name in names if (scope := scope_of(name)) is not None)

    async def remove(self, key: str) -> None:
        """Remove an object."""
        await self._threads.do(partial(self._place.remove, key))

    async def facts(self, unit: WorkUnit) -> ObjectFacts | None:
        """Return the facts of a unit's object; ``None`` without one that this version wrote."""
        return await self._threads.do(partial(self._facts, self.key(unit), unit.id))

    def _facts(self, key: str, unit_id: str) -> ObjectFacts | None:
        file = self._place.open(key)
        if file is None:
            return None
        with mapped(f"read {key}"), closing(file):
            facts = self._shape.facts(file)
        return facts if facts is not None and facts.unit_id == unit_id else None

    def batches_of(self, stream: RecordStream[Any]) -> AsyncIterator[Any]:
        """Return a stream's batches as the format likes them best."""
        return self._shape.batches_of(stream)

    async def write(
        self,
        unit: WorkUnit,
        batches: AsyncIterator[Any],
        facts: ObjectFacts,
    ) -> Written:
        """Write a unit's records; the object that was there stays until they are all there.

        Args:
            unit: The unit.
            batches: Its records, in lists or as `batches_of` gives them.
            facts: What is known of it before: its content is not.
        """
        key = self.key(unit)
        async with self._threads.held(partial(self._place.part, key), _discarded) as part:
            begin = partial(self._writer, part, unit, facts)
            async with self._threads.held(begin, _abandoned) as writer:
                async for batch in batches:
                    await self._add(writer, batch, key)
                known = attrs.evolve(facts, decimal_scale=self.decimal_scale)
                return await self._threads.do(partial(_finished, writer, known, part, key))

    def _writer(self, part: Part, unit: WorkUnit, facts: ObjectFacts) -> ObjectWriter:
        with mapped(f"write {self.key(unit)}"):
            return self._shape.writer(part.file, unit.record_type, facts)

    async def _add(self, writer: ObjectWriter, batch: Any, key: str) -> None:
        turns = self._turns.setdefault(get_running_loop(), Turns())
        for piece in _pieces(batch):
            await turns.take()
            writer.add(piece)
            if writer.is_full:
                await self._threads.do(partial(_flushed, writer, key))

    async def read(self, unit: WorkUnit) -> AsyncGenerator[list[ChargeRecord], None]:
        """Yield the records of a unit's object.

        Raises:
            StoreError: If there is no object that this version wrote, or it cannot be read.
        """
        key = self.key(unit)
        if await self.facts(unit) is None:
            raise StoreError(f"{key} is not there, or of another version")
        async with self._threads.held(partial(self._place.open, key), _closed) as file:
            if file is None:
                raise StoreError(f"{key} is not there any more")
            pieces = self._shape.read(file, unit.record_type)
            while (records := await self._threads.do(partial(_next, pieces, key))) is not None:
                yield cast("list[ChargeRecord]", records)


def _pieces(batch: Any) -> list[Any]:
    """Return records in short lists; columns are made already, and stay as they are."""
    if not isinstance(batch, list):
        return [batch]
    return [batch[begin : begin + _PIECE] for begin in range(0, len(batch), _PIECE)]


def _discarded(part: Part) -> None:
    part.discard()


def _abandoned(writer: ObjectWriter) -> None:
    writer.abandon()


def _closed(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()


def _finished(writer: ObjectWriter, facts: ObjectFacts, part: Part, key: str) -> Written:
    with mapped(f"write {key}"):
        told = writer.finish(facts)
    return Written(told, part.commit())


def _flushed(writer: ObjectWriter, key: str) -> None:
    with mapped(f"write {key}"):
        writer.flush()


def _next(pieces: Iterator[list[Record]], key: str) -> list[Record] | None:
    with mapped(f"read {key}"):
        return next(pieces, None)
