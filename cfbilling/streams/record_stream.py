"""What every stream is to its consumer: items, batches, and an end that can come early."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, AsyncIterator
from types import AsyncGeneratorType, TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from cfbilling.errors import ConfigurationError
from cfbilling.records import Record

__all__ = ["BatchedStream", "Batches", "RecordStream", "column_streams"]

Item = TypeVar("Item")
Batch = TypeVar("Batch")
R = TypeVar("R", bound=Record)
Made = TypeVar("Made", bound=Record)


_AS_COLUMNS = "the stream is taken as columns: make another for its records"


class Batches(Protocol[Made]):
    """Whatever yields batches of records."""

    @property
    def record_type(self) -> type[Made]:
        """The class of the records."""
        ...

    @property
    def scope_id(self) -> str | None:
        """The account or organization that they are of, if it is known."""
        ...

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
        self._columns: AsyncGenerator[Any, None] | None = None
        self._is_by_item = self._is_by_batch = False

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
            ConfigurationError: If items were taken one by one before, or as columns.
        """
        if self._is_by_item:
            raise ConfigurationError("items were taken one by one: take the others likewise")
        if self._columns is not None:
            raise ConfigurationError(_AS_COLUMNS)
        self._is_by_batch = True
        return self._batches

    def _taken_as(self, columns: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """Have the stream taken as columns only, from now on.

        Raises:
            ConfigurationError: If it was begun before.
        """
        if self._is_by_item or self._is_by_batch or self._columns is not None:
            raise ConfigurationError("the stream was begun before: take it as columns only, once")
        self._columns, self._items = columns, _refused()
        return columns

    async def aclose(self) -> None:
        """End the stream: cancel what is under way and wait until that is over.

        Raises:
            ConfigurationError: If another task is waiting for an item of it; cancel that task.
        """
        await _close(self._items)
        await _close(self._batches)
        if self._columns is not None:
            await _close(self._columns)

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


async def _refused() -> AsyncGenerator[Any, None]:
    nothing: tuple[object, ...] = ()
    for item in nothing:
        yield item
    raise ConfigurationError(_AS_COLUMNS)


def column_streams() -> Any:
    """Return the module that makes columns, which not everybody has what it needs for.

    Raises:
        ConfigurationError: If pyarrow is missing.
    """
    try:
        return importlib.import_module("cfbilling.streams.columns")
    except ImportError as error:
        raise ConfigurationError("columns need pyarrow: install the extra arrow") from error


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
        self._delivery = delivery
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

    def arrow(
        self, *, decimal_scale: int | None = None, scope: str | None = None
    ) -> AsyncIterator[Any]:
        """Yield the records as columns: each a `pyarrow.RecordBatch` of the same schema.

        The schema is `cfbilling.arrow.schema` of the record type. A batch has a thousand records or
        more where there are as many, and no more than about four megabytes of them. Needs the extra
        ``arrow``. A stream is taken in this way or as records, once.

        Args:
            decimal_scale: Digits after the point of every number, 0 to 38; ``None`` for 28 in
                amounts and prices, 22 in quantities.
            scope: The name of a first column for the id of the account or organization.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right, a stream that was
                begun before, or without pyarrow.
            NumberOutOfRange: While iterating, for a number that its column cannot hold exactly.
            BillingError: What ended the stream.
        """
        return self._as_columns(column_streams().Columns(decimal_scale, scope))

    async def table(self, *, decimal_scale: int | None = None, scope: str | None = None) -> Any:
        """Return all records as one `pyarrow.Table`, in memory; without any, it has its columns.

        Args:
            decimal_scale: As in `arrow`.
            scope: As in `arrow`.

        Raises:
            ConfigurationError: As in `arrow`.
            NumberOutOfRange: For a number that its column cannot hold exactly.
            BillingError: What ended the stream.
        """
        module = column_streams()
        columns = module.Columns(decimal_scale, scope)
        batches = self._as_columns(columns)
        return await module.table_of(batches, columns, self._delivery.record_type)

    def _as_columns(self, columns: Any) -> AsyncGenerator[Any, None]:
        columns.schema(self._delivery.record_type)
        return self._taken_as(column_streams().joined(columns.batches(self._delivery)))
