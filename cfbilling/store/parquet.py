"""Parquet objects: exact decimals, row groups of a bounded size, the facts in the footer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from decimal import Context, Decimal
from functools import partial
from typing import Any, BinaryIO

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise

from cfbilling.arrow import MOST_DIGITS, RecordColumns, checked_scale
from cfbilling.decoding.converter import parse
from cfbilling.records import Column, Record
from cfbilling.store.column_content import ColumnContent
from cfbilling.store.facts import ObjectFacts
from cfbilling.streams.record_stream import RecordStream

__all__ = ["ParquetObjects"]

_KEY = "cfbilling"
_GROUP_ROWS = 50_000
_GROUP_BYTES = 16 * 2**20
_READ_ROWS = 256
# What is added to a row group at once: enough for large arrays, and bounded.
_MANY_ROWS = 1000
_MANY_BYTES = 4 * 2**20
_MANY_BATCHES = 64


class _ParquetWriter:
    def __init__(
        self, file: BinaryIO, record_type: type[Record], decimal_scale: int | None
    ) -> None:
        self._columns = RecordColumns(record_type, decimal_scale=decimal_scale)
        self._writer: Any = pq.ParquetWriter(file, self._columns.schema, compression="zstd")
        self._content = ColumnContent(record_type)
        self._new: list[Any] = []
        self._new_rows = self._new_bytes = 0
        self._full: list[list[Any]] = []
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def add(self, batch: Any) -> None:
        """Take records, or columns."""
        rows = self._columns.batch(batch) if isinstance(batch, list) else batch
        self._new.append(rows)
        self._new_rows += rows.num_rows
        self._new_bytes += rows.nbytes

    @property
    def is_full(self) -> bool:
        """Whether there is enough to add to a row group."""
        is_long = self._new_rows >= _MANY_ROWS or len(self._new) >= _MANY_BATCHES
        return is_long or self._new_bytes >= _MANY_BYTES

    def flush(self) -> None:
        """Add what is new to a row group, and write those that are full."""
        new, self._new, self._new_rows, self._new_bytes = self._new, [], 0, 0
        if len(new) > 1:
            new = _combined(new).to_batches()
        for rows in new:
            self._group(rows)
        for batches in self._full:
            self._write(batches)
        self._full = []

    def _group(self, rows: Any) -> None:
        """Add rows to row groups, each of which ends at the row that fills it."""
        begin = 0
        for index, length in enumerate(self._content.add(rows), 1):
            self._rows += 1
            self._bytes += length
            if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self._waiting.append(rows.slice(begin, index - begin))
                self._full.append(self._waiting)
                self._waiting, begin = [], index
                self._rows = self._bytes = 0
        if begin < rows.num_rows:
            self._waiting.append(rows.slice(begin))

    def finish(self, facts: ObjectFacts) -> ObjectFacts:
        """Write the last row group and the footer."""
        self.flush()
        if self._waiting:
            self._write(self._waiting)
        self._forget()
        content = self._content
        told = attrs.evolve(facts, records=content.records, digest=content.digest)
        self._writer.add_key_value_metadata({_KEY: told.to_json()})
        self._writer.close()
        return told

    def abandon(self) -> None:
        """Let go of the file, while it is still open."""
        self._forget()
        # What went wrong before goes wrong again, and has been told.
        with suppress(Exception):
            self._writer.close()

    def _forget(self) -> None:
        # Here, in a thread: else whoever drops the writer would free them, in the event loop.
        self._new, self._full, self._waiting = [], [], []

    def _write(self, batches: list[Any]) -> None:
        # In one piece: else the pages would tell where batches ended.
        self._writer.write_table(_combined(batches))


def _combined(batches: list[Any]) -> Any:
    return pa.Table.from_batches(batches).combine_chunks()


def _plain(exact: Context, number: Decimal | None) -> Decimal | None:
    """Return an equal number without the zeros that fill a column's scale."""
    if number is None:
        return None
    # The thread's own context has fewer digits than a column, and would round.
    short = number.normalize(exact)
    is_whole = int(short.as_tuple().exponent) > 0
    return short.quantize(Decimal(1), context=exact) if is_whole else short


def _as_is(value: Any) -> Any:
    return value


def _parsed(text: str | None) -> Any:
    return None if text is None else parse(text.encode(), "")


def _reader(column: Column) -> Callable[[Any], Any]:
    if column.kind is Decimal:
        return partial(_plain, Context(prec=MOST_DIGITS))
    return _parsed if column.kind in (dict, tuple) else _as_is


class ParquetObjects:
    """Objects that DuckDB, Polars, Spark and Athena read as they are.

    Args:
        decimal_scale: The digits after the point of each number; ``None`` for the usual.
    """

    suffix = ".parquet"

    def __init__(self, decimal_scale: int | None = None) -> None:
        self.decimal_scale = checked_scale(decimal_scale)

    def batches_of(self, stream: RecordStream[Any]) -> AsyncIterator[Any]:
        """Return its columns."""
        return stream.arrow(decimal_scale=self.decimal_scale)

    def writer(
        self,
        file: BinaryIO,
        record_type: type[Record],
        facts: ObjectFacts,  # noqa: ARG002 - they come at the end
    ) -> _ParquetWriter:
        """Return a writer."""
        return _ParquetWriter(file, record_type, self.decimal_scale)

    def facts(self, file: BinaryIO) -> ObjectFacts | None:
        """Return the facts in the footer."""
        try:
            told = pq.read_metadata(file).metadata or {}
        except pa.ArrowException:
            return None
        except OSError as error:
            if error.errno is None:
                # pyarrow's way to say that this is no Parquet.
                return None
            raise
        return ObjectFacts.from_json(told.get(_KEY.encode(), b""))

    def read(self, file: BinaryIO, record_type: type[Record]) -> Iterator[list[Record]]:
        """Yield the records; numbers are equal to those that were written."""
        columns = [(c.name, c.wire_name, _reader(c)) for c in record_type.columns]
        for batch in pq.ParquetFile(file).iter_batches(_READ_ROWS):
            rows = batch.to_pylist()
            yield [
                record_type(
                    extra=_parsed(row[record_type.extra_name]) or {},
                    **{name: read(row[wire_name]) for name, wire_name, read in columns},
                )
                for row in rows
            ]
