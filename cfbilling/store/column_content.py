"""The content of columns as a number: equal for equal rows, in whatever order and batches."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.compute  # type: ignore[import-untyped]  # likewise

from cfbilling.arrow import MOST_DIGITS
from cfbilling.decoding.converter import parse
from cfbilling.records import Record
from cfbilling.store.content import TextSum

__all__ = ["ColumnContent"]

# Its functions are made when it is imported, which type checkers do not see.
pc: Any = pyarrow.compute

# Between values, and in the place of one that is not there: texts as good as never have them.
_BETWEEN, _ABSENT = "\x1f", "\x1e"
_PIECE = 256


class ColumnContent(TextSum):
    """Adds up rows.

    A row's text has its values in order, numbers with all digits that any column has. Most of it is
    done without the interpreter.

    Args:
        record_type: What the rows are: equal tags are equal, in whatever order their keys came.
    """

    def __init__(self, record_type: type[Record]) -> None:
        super().__init__()
        objects = [c.wire_name for c in record_type.columns if c.kind in (dict, tuple)]
        self._json = frozenset([*objects, record_type.extra_name])
        self._encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode

    def add(self, batch: Any) -> list[int]:
        """Add the rows of a `pyarrow.RecordBatch`; return the length of each as text. Blocking."""
        texts = [
            self._in_order(column) if name in self._json else _as_text(column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        joined = pc.binary_join_element_wise(
            *texts, _BETWEEN, null_handling="replace", null_replacement=_ABSENT
        )
        rows: list[bytes] = joined.cast(pa.binary()).to_pylist()
        if not _is_plain(rows, texts):
            rows = [_unmistakable(*row) for row in zip(rows, *map(_values, texts), strict=True)]
        for begin in range(0, len(rows), _PIECE):
            self.add_texts(rows[begin : begin + _PIECE])
            # Lets the event loop have the interpreter, which else takes it after five milliseconds.
            time.sleep(0)
        return list(map(len, rows))

    def _in_order(self, column: Any) -> Any:
        if column.null_count == len(column):
            return column
        ordered = [
            text and self._encode(parse(text.encode(), "")).decode() for text in _values(column)
        ]
        return pa.array(ordered, pa.string())


def _as_text(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        # As a date-time it would take twenty times as long.
        column = column.cast(pa.int64())
    elif pa.types.is_decimal(column.type):
        # Of every scale there is, so that columns of another scale do not make another content.
        column = column.cast(pa.decimal256(2 * MOST_DIGITS, MOST_DIGITS))
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _values(texts: Any) -> list[str | None]:
    values: list[str | None] = texts.to_pylist()
    return values


def _is_plain(rows: list[bytes], texts: list[Any]) -> bool:
    """Return whether no text has what stands between values or for one that is not there."""
    whole = b"".join(rows)
    between, absent = len(rows) * (len(texts) - 1), sum(text.null_count for text in texts)
    return (between, absent) == (whole.count(_BETWEEN.encode()), whole.count(_ABSENT.encode()))


def _unmistakable(row: bytes, *values: str | None) -> bytes:
    """Return a row's text; as JSON, if it could be another row's as well."""
    between, absent = len(values) - 1, values.count(None)
    if (between, absent) == (row.count(_BETWEEN.encode()), row.count(_ABSENT.encode())):
        return row
    return msgspec.json.encode(values)
