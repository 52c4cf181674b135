"""Records as Arrow columns, digit for digit; it needs pyarrow, the extra ``arrow``."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling._record import Column, Record
from cfbilling.errors import ConfigurationError, NumberOutOfRange

__all__ = ["MOST_DIGITS", "RecordColumns", "checked_scale", "schema"]

MOST_DIGITS = 38
"""The digits of a decimal column, before and after the point together."""

# Quantities run to 16 digits before the point, amounts of money and prices to 10: of a double that
# is printed shortest, 17 digits can come after ten zeros.
_QUANTITY_SCALE = 22
_MONEY_SCALE = 28
_MOST_TOLD = 100
_IDENTITY = ("BillingAccountId", "ServiceName", "x_BillableMetricName", "ChargePeriodStart", "id")
_MISFITS = (pa.ArrowInvalid, OverflowError, decimal.DecimalException)


def checked_scale(decimal_scale: int | None) -> int | None:
    """Return the argument *decimal_scale*.

    Raises:
        ConfigurationError: If it is none.
    """
    if decimal_scale is not None and (
        type(decimal_scale) is not int or not 0 <= decimal_scale <= MOST_DIGITS
    ):
        raise ConfigurationError(f"decimal_scale must be 0 to {MOST_DIGITS}")
    return decimal_scale


def schema(
    record_type: type[Record], *, decimal_scale: int | None = None, scope: str | None = None
) -> Any:
    """Return the `pyarrow.Schema` of a record type: its documented fields, and ``extra``.

    Numbers are ``decimal128`` of 38 digits, date-times are UTC in microseconds, objects, arrays
    and ``extra`` are JSON text. Columns have the names of the wire; that of ``extra`` is the
    record type's ``extra_name``.

    Args:
        record_type: The class of the records.
        decimal_scale: Digits after the point of every number, 0 to 38; ``None`` for 28 in amounts
            and prices, 22 in quantities.
        scope: The name of a first column for whose records they are.

    Raises:
        ConfigurationError: For a scale that is none, or a scope that cannot be a column's name.
    """
    checked_scale(decimal_scale)
    if scope is not None:
        _check_scope(record_type, scope)
    first = [] if scope is None else [(scope, pa.string())]
    fields = [(column.wire_name, _kind(column, decimal_scale)) for column in record_type.columns]
    return pa.schema([*first, *fields, (record_type.extra_name, pa.string())])


def _check_scope(record_type: type[Record], scope: object) -> None:
    if not isinstance(scope, str) or not scope:
        raise ConfigurationError("scope must be the name of a column")
    if scope in {*record_type.wire_names.values(), record_type.extra_name}:
        raise ConfigurationError(f"scope {scope!r} is the name of another column")


def _kind(column: Column, scale: int | None) -> Any:
    if column.kind is Decimal:
        usual = _QUANTITY_SCALE if "Quantity" in column.wire_name else _MONEY_SCALE
        return pa.decimal128(MOST_DIGITS, usual if scale is None else scale)
    kinds = {bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    return kinds.get(column.kind, pa.string())


def _wire(value: object) -> object:
    return value.to_wire() if isinstance(value, Record) else value


class RecordColumns:
    """Turns records into columns.

    Args:
        record_type: The class of the records.
        decimal_scale: As in `schema`.
        scope: As in `schema`.

    Attributes:
        schema: The schema of all batches.

    Raises:
        ConfigurationError: As `schema`.
    """

    def __init__(
        self,
        record_type: type[Record],
        *,
        decimal_scale: int | None = None,
        scope: str | None = None,
    ) -> None:
        self.schema: Any = schema(record_type, decimal_scale=decimal_scale, scope=scope)
        self._columns = record_type.columns
        self._has_scope = scope is not None
        self._pick = attrgetter(*(column.name for column in self._columns), "extra")
        self._encode = msgspec.json.Encoder(decimal_format="number").encode
        # pyarrow cannot be asked to: it loses a number whose last digit is more than 38 places
        # from the column's, and for one far beyond that the process dies.
        self._exact = decimal.Context(
            prec=MOST_DIGITS,
            traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow],
        ).quantize

    def batch(self, records: Sequence[Record], scope_id: str | None = None) -> Any:
        """Return a `pyarrow.RecordBatch`; its cost is about 15 µs for each record.

        Args:
            records: At least one.
            scope_id: Whose they are, for the first column.

        Raises:
            NumberOutOfRange: For a number that its column cannot hold exactly.
        """
        *columns, extras = zip(*map(self._pick, records), strict=True)
        arrays = [
            self._array(column, values, records)
            for column, values in zip(self._columns, columns, strict=True)
        ]
        arrays.append(pa.array([self._json(extra or None) for extra in extras], pa.string()))
        if self._has_scope:
            arrays.insert(0, pa.array([scope_id] * len(records), pa.string()))
        return pa.record_batch(arrays, schema=self.schema)

    def _array(self, column: Column, values: Sequence[Any], records: Sequence[Record]) -> Any:
        try:
            return self._converted(column, values)
        except _MISFITS as error:
            raise self._misfit(column, values, records) from error

    def _converted(self, column: Column, values: Sequence[Any]) -> Any:
        kind = self.schema.field(column.wire_name).type
        if column.kind in (dict, tuple):
            values = [self._json(value) for value in values]
        elif column.kind is Decimal:
            step, exact = Decimal((0, (1,), -kind.scale)), self._exact
            values = [None if value is None else exact(value, step) for value in values]
        return pa.array(values, kind)

    def _json(self, value: object) -> str | None:
        """Return a part of a record, such as its tags, as JSON; each number keeps its digits."""
        if value is None:
            return None
        wire = [_wire(item) for item in value] if isinstance(value, tuple) else value
        return self._encode(wire).decode()

    def _misfit(
        self, column: Column, values: Sequence[Any], records: Sequence[Record]
    ) -> NumberOutOfRange:
        """Find the value that does not fit, and name it with its record."""
        kind = self.schema.field(column.wire_name).type
        for value, record in zip(values, records, strict=True):
            try:
                self._converted(column, [value])
            except _MISFITS:
                told = f"{column.wire_name} {str(value)[:_MOST_TOLD]} does not fit {kind}"
                return NumberOutOfRange(f"{told}{_identity(record)}", column=column.wire_name)
        return NumberOutOfRange(f"{column.wire_name} does not fit {kind}", column=column.wire_name)


def _identity(record: Record) -> str:
    wire = record.to_wire()
    told = [f"{name} {str(wire[name])[:_MOST_TOLD]}" for name in _IDENTITY if name in wire]
    return f", in the record with {', '.join(told)}" if told else ""
