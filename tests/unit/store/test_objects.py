"""Objects in any place: what a slow, odd or failing place does to whoever uses them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO, ClassVar

import pytest

from cfbilling import NumberOutOfRange, StoreError, WorkUnit, plan
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.records import ChargeRecord, UsageRecord
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.ndjson import NdjsonObjects
from cfbilling.store.objects import Objects
from cfbilling.store.parquet import ParquetObjects
from cfbilling.store.place import Part
from tests.unit.strategies import USAGE, array_text, row_of

(UNIT,) = plan(["a" * 32], "2025-05-01", "2025-05-02", endpoint="usage")
FACTS = ObjectFacts(unit_id=UNIT.id, fetched=datetime(2025, 6, 1, tzinfo=UTC), is_complete=True)


class MemoryPart:
    """A part in memory."""

    def __init__(self, place: MemoryPlace, key: str) -> None:
        self._place = place
        self._key = key
        self.file: BinaryIO = BytesIO()

    def commit(self) -> int:
        """Keep it."""
        self.file.seek(0)
        self._place.kept[self._key] = content = self.file.read()
        return len(content)

    def discard(self) -> None:
        """Count it."""
        self._place.discarded += 1


class MemoryPlace:
    """A place in memory, which may stand still.

    Attributes:
        kept: The objects.
        discarded: How many parts came to their end.
        gate: What an object waits for before it is opened.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.discarded = 0
        self.gate = threading.Event()
        self.gate.set()

    def check(self) -> None:
        """Find nothing."""

    def keys(self, folder: str) -> set[str]:
        """Return the keys."""
        return {key for key in self.kept if key.startswith(folder)}

    def folders(self, folder: str) -> set[str]:
        """Return the folders right below."""
        return {key.removeprefix(f"{folder}/").partition("/")[0] for key in self.keys(folder)}

    def open(self, key: str) -> BinaryIO | None:
        """Open an object."""
        assert self.gate.wait(60)
        return BytesIO(self.kept[key]) if key in self.kept else None

    def part(self, key: str) -> Part:
        """Begin an object."""
        return MemoryPart(self, key)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.kept.pop(key, None)


def records(count: int, **changes: str) -> list[ChargeRecord]:
    """Return records that differ in their quantity."""
    rows = [row_of(USAGE) | {"ConsumedQuantity": str(n)} | changes for n in range(count)]
    return list(RecordDecoder(UsageRecord).decode(array_text(*rows)).records)


async def in_batches(*batches: list[ChargeRecord]) -> AsyncIterator[list[ChargeRecord]]:
    """Yield batches."""
    for batch in batches:
        yield batch


async def test_a_slow_store_holds_up_nobody_else() -> None:
    """However many units wait for the store, the loop's own threads look up names meanwhile."""
    place = MemoryPlace()
    objects = Objects(place, NdjsonObjects())
    place.gate.clear()
    waiting = [asyncio.ensure_future(objects.facts(UNIT)) for _ in range(100)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert not any(task.done() for task in waiting)
    finally:
        place.gate.set()
    assert [None] * 100 == await asyncio.gather(*waiting)


async def test_threads_end_with_their_store() -> None:
    """A store that is dropped leaves no thread."""
    objects = Objects(MemoryPlace(), NdjsonObjects())
    await objects.facts(UNIT)
    started = list(objects._threads._executor._threads)
    assert started
    del objects
    gc.collect()
    for thread in started:
        await asyncio.to_thread(thread.join, 30)
        assert not thread.is_alive()


@pytest.mark.parametrize("shape", [NdjsonObjects(), ParquetObjects()])
@pytest.mark.parametrize("cuts", [[0], [1], [64], [65, 130], [100, 100, 199]])
async def test_where_batches_end_changes_no_byte(
    shape: NdjsonObjects | ParquetObjects, cuts: list[int]
) -> None:
    """The same records in other batches are the same object, to the byte."""
    some, places = records(200), (MemoryPlace(), MemoryPlace())
    ends = [*cuts, 200]
    batches = [some[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    for place, cut in zip(places, ([some], batches), strict=True):
        objects = Objects(place, shape)
        written = await objects.write(UNIT, in_batches(*cut), FACTS)
        assert 200 == written.facts.records
        assert written.facts == await objects.facts(UNIT)
        assert {objects.key(UNIT): written.length} == {k: len(v) for k, v in place.kept.items()}
        found = [record async for batch in objects.read(UNIT) for record in batch]
        assert some == found
        assert 1 == place.discarded
    assert places[0].kept == places[1].kept


@pytest.mark.parametrize("shape", [NdjsonObjects(), ParquetObjects()])
async def test_what_fails_while_records_come_is_told_as_it_is(
    shape: NdjsonObjects | ParquetObjects,
) -> None:
    """An error of the one who gives the records is no error of the store."""

    async def broken() -> AsyncIterator[list[ChargeRecord]]:
        yield records(100)
        raise LookupError("no more")

    place = MemoryPlace()
    objects = Objects(place, shape)
    with pytest.raises(LookupError, match="no more"):
        await objects.write(UNIT, broken(), FACTS)
    assert ({}, 1) == (place.kept, place.discarded)


async def test_a_number_that_does_not_fit_is_named() -> None:
    """It is not a failure of the store: the error says which column of which record."""
    place = MemoryPlace()
    some = records(99) + records(1, ConsumedQuantity="1e30")
    with pytest.raises(NumberOutOfRange, match="ConsumedQuantity 1E\\+30 does not fit"):
        await Objects(place, ParquetObjects()).write(UNIT, in_batches(some), FACTS)
    assert ({}, 1) == (place.kept, place.discarded)


async def test_an_object_of_another_unit_is_none() -> None:
    """What is under a unit's key but says that it is another's is not taken for it."""
    place = MemoryPlace()
    objects = Objects(place, NdjsonObjects())
    other: WorkUnit
    (other,) = plan(["b" * 32], "2025-05-01", "2025-05-02", endpoint="usage")
    await objects.write(UNIT, in_batches(records(1)), FACTS)
    place.kept[objects.key(other)] = place.kept[objects.key(UNIT)]
    assert await objects.facts(other) is None
    with pytest.raises(StoreError, match="not there, or of another version"):
        await anext(objects.read(other))


async def test_an_object_that_vanishes_between_two_looks_is_told() -> None:
    """Its facts were there, its records are not: told, not taken for an empty unit."""
    place = MemoryPlace()
    objects = Objects(place, NdjsonObjects())
    await objects.write(UNIT, in_batches(records(1)), FACTS)
    opened, times = place.open, [0]

    def once(key: str) -> BinaryIO | None:
        times[0] += 1
        return opened(key) if times[0] == 1 else None

    place.open = once  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="is not there any more"):
        await anext(objects.read(UNIT))


@pytest.mark.parametrize("shape", [NdjsonObjects(), ParquetObjects()])
async def test_a_long_unit_is_written_as_it_comes(shape: NdjsonObjects | ParquetObjects) -> None:
    """What is more than a row group, or than a block, is written before all of it is there."""
    some = records(40, ChargeDescription=f'"{"x" * 2**20}"')
    place, seen = MemoryPlace(), list[int]()
    parts: list[Part] = []
    begin = place.part

    def part(key: str) -> Part:
        parts.append(begin(key))
        return parts[-1]

    async def one_by_one() -> AsyncIterator[list[ChargeRecord]]:
        for record in some:
            seen.append(parts[0].file.tell())
            yield [record]

    place.part = part  # type: ignore[method-assign]
    objects = Objects(place, shape)
    await objects.write(UNIT, one_by_one(), FACTS)
    assert seen[0] < seen[20] < seen[-1]
    assert some == [record async for batch in objects.read(UNIT) for record in batch]


def test_another_event_loop_does_not_wait_for_the_first() -> None:
    """A loop that stands still in the middle of writing keeps no other one from writing."""
    objects = Objects(MemoryPlace(), NdjsonObjects())
    first = asyncio.new_event_loop()

    async def batches(*, stands_still: bool) -> AsyncIterator[list[ChargeRecord]]:
        yield records(1)
        if stands_still:
            first.stop()
            await asyncio.sleep(0)

    async def write(*, stands_still: bool) -> int:
        written = objects.write(UNIT, batches(stands_still=stands_still), FACTS)
        return (await asyncio.wait_for(written, 10)).facts.records

    task = first.create_task(write(stands_still=True))
    first.run_forever()
    assert not task.done()
    assert 1 == asyncio.run(write(stands_still=False))
    assert 1 == first.run_until_complete(task)
    first.close()


class Listed(set[str]):
    """Keys that know in which thread they are looked at."""

    looked_at: ClassVar[set[int]] = set()

    def __iter__(self) -> Iterator[str]:
        self.looked_at.add(threading.get_ident())
        return super().__iter__()


async def test_a_long_list_is_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of thousands of keys are taken apart in a thread, and come in order."""
    place, looked_at = MemoryPlace(), set[int]()
    ids = [letter * 32 for letter in "fab0"]
    units = [*plan(ids, "2025-01-01", "2025-04-01", endpoint="usage")]
    objects = Objects(place, NdjsonObjects())
    monkeypatch.setattr(Listed, "looked_at", looked_at)
    monkeypatch.setattr(place, "keys", lambda _: Listed(map(objects.key, units)))
    found = [(each.scope_id, each.month) for each in (await objects.partitions(UNIT)).values()]
    assert sorted((unit.scope_id, f"{unit.start:%Y-%m}") for unit in units) == found
    assert looked_at
    assert threading.get_ident() not in looked_at
