"""Parquet: an explicit schema, decimals exact or refused, a row group as records arrive."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise

from cfbilling import Column, Record
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT
from cfbilling.cli.formats.format import part_json

__all__ = ["MOST_DIGITS", "ParquetFormat"]

MOST_DIGITS = 38
# Quantities run to 16 digits before the point, amounts of money and prices to 12.
_QUANTITY_SCALE = 22
_MONEY_SCALE = 26
_GROUP_ROWS = 20_000
_EXACT = decimal.Context(
    prec=MOST_DIGITS, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow]
)
_MISFITS = (pa.ArrowInvalid, OverflowError, decimal.DecimalException)


class _Sink:
    """A file for pyarrow that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        """Do nothing: what was written is still to be taken."""


def _kind(column: Column, scale: int | None) -> Any:
    if column.kind is Decimal:
        usual = _QUANTITY_SCALE if "Quantity" in column.wire_name else _MONEY_SCALE
        return pa.decimal128(MOST_DIGITS, usual if scale is None else scale)
    kinds = {bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    return kinds.get(column.kind, pa.string())


def _schema(record_type: type[Record], scale: int | None, *, with_account: bool) -> Any:
    first = [("AccountId", pa.string())] if with_account else []
    fields = [(column.wire_name, _kind(column, scale)) for column in record_type.columns]
    return pa.schema([*first, *fields, (record_type.extra_name, pa.string())])


def _json(value: object) -> str | None:
    return None if value is None else part_json(value)


class ParquetFormat:
    """Writes row groups; objects, arrays and ``extra`` are JSON text.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is the first column, for records without one.
        scale: Digits after the point of every number; None for 26 in amounts and prices, 22 in
            quantities.
    """

    def __init__(self, record_type: type[Record], *, with_account: bool, scale: int | None) -> None:
        self._columns = record_type.columns
        self._with_account = with_account
        self._schema = _schema(record_type, scale, with_account=with_account)
        self._pick = attrgetter(*(column.name for column in self._columns), "extra")
        self._sink = _Sink()
        self._waiting: list[Any] = []
        self._rows = 0
        self._writer: Any = None

    def begin(self) -> bytes:
        """Return the magic bytes."""
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema)
        return self._sink.take()

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return a row group when enough rows have come together, else nothing yet."""
        self._waiting.append(self._batch(account_id, records))
        self._rows += len(records)
        return self._group() if self._rows >= _GROUP_ROWS else b""

    def finish(self) -> bytes:
        """Return the last row group and the footer."""
        last = self._group()
        self._writer.close()
        return last + self._sink.take()

    def _group(self) -> bytes:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._rows = [], 0
        return self._sink.take()

    def _batch(self, account_id: str, records: Sequence[Record]) -> Any:
        *columns, extras = zip(*map(self._pick, records), strict=True)
        arrays = [
            self._array(column, values, records)
            for column, values in zip(self._columns, columns, strict=True)
        ]
        arrays.append(pa.array([_json(extra or None) for extra in extras], pa.string()))
        if self._with_account:
            arrays.insert(0, pa.array([account_id] * len(records), pa.string()))
        return pa.record_batch(arrays, schema=self._schema)

    def _array(self, column: Column, values: Sequence[Any], records: Sequence[Record]) -> Any:
        try:
            return self._converted(column, values)
        except _MISFITS as error:
            raise self._misfit(column, values, records) from error

    def _converted(self, column: Column, values: Sequence[Any]) -> Any:
        kind = self._schema.field(column.wire_name).type
        if column.kind in (dict, tuple):
            values = [_json(value) for value in values]
        elif column.kind is Decimal:
            # pyarrow cannot be asked to: it loses a number whose last digit is more than 38
            # places from the column's, and for one far beyond that the process dies.
            step = Decimal((0, (1,), -kind.scale))
            values = [None if v is None else _EXACT.quantize(v, step) for v in values]
        return pa.array(values, kind)

    def _misfit(
        self, column: Column, values: Sequence[Any], records: Sequence[Record]
    ) -> CommandError:
        """Find the value that does not fit, and name it with its record."""
        kind = self._schema.field(column.wire_name).type
        for value, record in zip(values, records, strict=True):
            try:
                self._converted(column, [value])
            except _MISFITS:
                return CommandError(
                    f"{column.wire_name} {value} does not fit {kind} (see --decimal-scale), "
                    f"in {_identity(record)}",
                    OUTPUT,
                )
        return CommandError(f"{column.wire_name} does not fit {kind}", OUTPUT)


def _identity(record: Record) -> str:
    wire = record.to_wire()
    names = ("BillingAccountId", "ServiceName", "x_BillableMetricName", "ChargePeriodStart")
    told = [f"{name} {wire[name]}" for name in names if name in wire]
    return "the record with " + ", ".join(told)
