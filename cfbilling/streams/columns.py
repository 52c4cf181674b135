"""Streams as Arrow: which delivery is read in which way, and batches of a worthwhile length."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling._concurrency import Turns
from cfbilling.arrow import RecordColumns
from cfbilling.decoding.columns import ColumnReader
from cfbilling.errors import AccountFailure, BillingError, ConfigurationError, FanOutError
from cfbilling.protocol.requests import about
from cfbilling.records import Record
from cfbilling.streams.column_delivery import ColumnDelivery, pieces_of
from cfbilling.streams.delivery import Delivery
from cfbilling.streams.record_stream import Batches

__all__ = ["Columns", "joined", "table_of"]

R = TypeVar("R", bound=Record)

_ENOUGH_RECORDS = 1000
_ENOUGH_BYTES = 2**20


class Columns:
    """What deliveries become: batches of one schema for each type of record.

    Args:
        decimal_scale: As in `cfbilling.arrow.schema`.
        scope: The same.
    """

    def __init__(self, decimal_scale: int | None, scope: str | None) -> None:
        self._decimal_scale = decimal_scale
        self._scope = scope
        self._asked: set[type[Record]] = set()
        self._made: dict[type[Record], tuple[RecordColumns, ColumnReader]] = {}

    def schema(self, record_type: type[Record]) -> Any:
        """Return the schema for a type of record.

        Raises:
            ConfigurationError: For a scale or a name that is none.
        """
        return self._of(record_type)[0].schema

    def schema_without(self, record_type: type[Record]) -> Any:
        """Return the schema where there are no records: of the one type asked about, or this."""
        (only,) = self._asked if len(self._asked) == 1 else (record_type,)
        return self.schema(only)

    def _of(self, record_type: type[Record]) -> tuple[RecordColumns, ColumnReader]:
        if record_type not in self._made:
            columns = RecordColumns(
                record_type, decimal_scale=self._decimal_scale, scope=self._scope
            )
            reader = _reader(record_type, self._decimal_scale, self._scope)  # type: ignore[arg-type]  # a class has a hash
            self._made[record_type] = columns, reader
        return self._made[record_type]

    def batches(self, delivery: Batches[R]) -> AsyncGenerator[Any, None]:
        """Return what yields a delivery as record batches, as they are made; none is empty.

        Raises:
            BillingError: While iterating, as with records; and `NumberOutOfRange` for a number
                that its column cannot hold exactly.
        """
        self._asked.add(delivery.record_type)
        # A subclass makes something of the answers, and only of records.
        if isinstance(delivery, Delivery) and type(delivery) is Delivery:
            columns, reader = self._of(delivery.record_type)
            return delivery.remade(ColumnDelivery).columns(columns, reader)
        return self._by_records(delivery)

    async def _by_records(self, delivery: Batches[R]) -> AsyncGenerator[Any, None]:
        columns, _ = self._of(delivery.record_type)
        turns = delivery.turns if isinstance(delivery, Delivery) else Turns()
        facts = about(delivery.request) if isinstance(delivery, Delivery) else nullcontext()
        async with aclosing(delivery.batches()) as batches:
            async for records in batches:
                with facts:
                    pieces = await pieces_of(records, columns, delivery.scope_id, turns)
                for piece in pieces:
                    yield piece


@lru_cache(32)
def _reader(
    record_type: type[Record], decimal_scale: int | None, scope: str | None
) -> ColumnReader:
    # To make one takes as long as to read a hundred records, and many streams are short.
    columns = RecordColumns(record_type, decimal_scale=decimal_scale, scope=scope)
    return ColumnReader(record_type, columns)


async def joined(batches: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    """Yield record batches of a worthwhile length, made of those that are short; all else as it is.

    What came before an error comes before it here, too.
    """
    short, rows, size = list[Any](), 0, 0
    item: Any
    failure: BillingError | None = None
    async with aclosing(batches):
        while True:
            try:
                item = await anext(batches, None)
            except BillingError as error:
                item, failure = None, error
            is_batch = isinstance(item, pa.RecordBatch)
            if short and not (is_batch and short[0].schema.equals(item.schema)):
                yield _one(short)
                short, rows, size = [], 0, 0
            if item is None:
                break
            if not is_batch:
                yield item
                continue
            short.append(item)
            rows, size = rows + item.num_rows, size + item.nbytes
            if rows >= _ENOUGH_RECORDS or size >= _ENOUGH_BYTES:
                yield _one(short)
                short, rows, size = [], 0, 0
    if failure is not None:
        raise failure


def _one(batches: list[Any]) -> Any:
    """Return one batch of all the rows."""
    if len(batches) == 1:
        return batches[0]
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return whole


async def table_of(
    batches: AsyncGenerator[Any, None], columns: Columns, record_type: type[Record]
) -> Any:
    """Return all batches as one `pyarrow.Table`.

    Args:
        batches: The batches, and failures among them.
        columns: What makes them.
        record_type: The class of the records, as far as it is known before.

    Raises:
        ConfigurationError: If batches are of several schemas.
        FanOutError: At the end, if there are failures: a table has no place for them.
    """
    found, failures = list[Any](), list[AccountFailure]()
    async with aclosing(batches):
        async for item in batches:
            if isinstance(item, AccountFailure):
                failures.append(item)
                continue
            if found and not item.schema.equals(found[0].schema):
                raise ConfigurationError(
                    "the records are of several types, which fit no one table: take arrow()"
                )
            found.append(item)
    if failures:
        raise FanOutError(failures)
    schema = found[0].schema if found else columns.schema_without(record_type)
    return pa.Table.from_batches(found, schema)
