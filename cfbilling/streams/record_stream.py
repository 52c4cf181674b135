"""What every stream is to its consumer: items, batches, and an end that can come early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import AsyncGeneratorType, TracebackType
from typing import Generic, Protocol, Self, TypeVar

from cfbilling.errors import ConfigurationError
from cfbilling.records import Record

__all__ = ["BatchedStream", "Batches", "RecordStream"]

Item = TypeVar("Item")
Batch = TypeVar("Batch")
R = TypeVar("R", bound=Record)
Made = TypeVar("Made")


class Batches(Protocol[Made]):
    """Whatever yields batches of records."""

    def batches(self) -> AsyncGenerator[list[Made], None]:
        """Return what yields them."""
        ...


class BatchedStream(AsyncIterator[Item], Generic[Item, Batch]):
    """An async iterator of items that come in batches, and an async context manager.

    Iterate it once, with ``async for`` or by `batches`. Left early, it ends what is under way: at
    once when it is used as a context manager or `aclose` is called, else when it is let go of.
    What was begun item by item goes on item by item: by batches, the rest of one would be lost.
    """

    def __init__(
        self, batches: AsyncGenerator[Batch, None], items: AsyncGenerator[Item, None]
    ) -> None:
        self._batches = batches
        self._items = items
        self._is_by_item = False

    def __aiter__(self) -> AsyncIterator[Item]:  # noqa: PYI034 - see below
        self._is_by_item = True
        # The generator itself, so that a step costs no call of ours.
        return self._items

    async def __anext__(self) -> Item:
        self._is_by_item = True
        return await anext(self._items)

    def batches(self) -> AsyncIterator[Batch]:
        """Yield the batches as they are decoded: never empty.

        Raises:
            ConfigurationError: If items were taken one by one before.
        """
        if self._is_by_item:
            raise ConfigurationError("items were taken one by one: take the others likewise")
        return self._batches

    async def aclose(self) -> None:
        """End the stream: cancel what is under way and wait until that is over.

        Raises:
            ConfigurationError: If another task is waiting for an item of it; cancel that task.
        """
        await _close(self._items)
        await _close(self._batches)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


async def _close(generator: AsyncGenerator[object, None]) -> None:
    if isinstance(generator, AsyncGeneratorType) and generator.ag_running:
        raise ConfigurationError("another task is waiting for the next item: cancel that")
    await generator.aclose()


async def _one_by_one(batches: AsyncGenerator[list[R], None]) -> AsyncGenerator[R, None]:
    async for batch in batches:
        for record in batch:
            yield record


class RecordStream(BatchedStream[R, list[R]]):
    """The records of one call, in the order of their chunks, each exactly once.

    Starts to fetch when it is first asked for a record. Every way to iterate raises the
    `BillingError` that ended it; after that it is empty.
    """

    def __init__(self, delivery: Batches[R]) -> None:
        batches = delivery.batches()
        super().__init__(batches, _one_by_one(batches))

    async def collect(self) -> list[R]:
        """Return all records in one list, in memory.

        Raises:
            ConfigurationError: If records were taken one by one before.
            BillingError: What ended the stream.
        """
        records: list[R] = []
        async for batch in self.batches():
            records += batch
        return records
