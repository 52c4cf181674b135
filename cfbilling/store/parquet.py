"""Parquet objects: exact decimals, row groups of a bounded size, the facts in the footer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Context, Decimal
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise

from cfbilling.arrow import MOST_DIGITS, RecordColumns, checked_scale
from cfbilling.decoding.converter import parse
from cfbilling.records import Column, Record
from cfbilling.store.facts import ObjectFacts

__all__ = ["ParquetObjects"]

_KEY = "cfbilling"
_GROUP_ROWS = 50_000
_GROUP_BYTES = 16 * 2**20
_READ_ROWS = 256
# To free tens of thousands of small arrays at once would hold up the event loop, from wherever.
_MOST_SMALL = 16


class _ParquetWriter:
    def __init__(
        self, file: BinaryIO, record_type: type[Record], decimal_scale: int | None
    ) -> None:
        self._columns = RecordColumns(record_type, decimal_scale=decimal_scale)
        self._writer: Any = pq.ParquetWriter(file, self._columns.schema, compression="zstd")
        self._full: list[list[Any]] = []
        self._waiting: list[Any] = []
        self._small: list[Any] = []
        self._rows = self._bytes = 0

    def add(self, records: Sequence[Record], lengths: Sequence[int]) -> None:
        """Take records; a row group ends at the row that fills it, wherever batches end."""
        begin = 0
        for index, length in enumerate(lengths, 1):
            self._rows += 1
            self._bytes += length
            if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self._hold(records[begin:index])
                self._full.append(self._waiting + self._small)
                self._waiting, self._small = [], []
                begin, self._rows, self._bytes = index, 0, 0
        if begin < len(records):
            self._hold(records[begin:])

    def _hold(self, records: Sequence[Record]) -> None:
        self._small.append(self._columns.batch(records))
        if len(self._small) >= _MOST_SMALL:
            self._waiting += _combined(self._small).to_batches()
            self._small = []

    @property
    def is_full(self) -> bool:
        """Whether a row group is full."""
        return bool(self._full)

    def flush(self) -> None:
        """Write the row groups that are full."""
        for batches in self._full:
            self._write(batches)
        self._full = []

    def finish(self, facts: ObjectFacts) -> None:
        """Write the last row group and the footer."""
        self.flush()
        if left := self._waiting + self._small:
            self._write(left)
        self._forget()
        self._writer.add_key_value_metadata({_KEY: facts.to_json()})
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file, while it is still open."""
        self._forget()
        # What went wrong before goes wrong again, and has been told.
        with suppress(Exception):
            self._writer.close()

    def _forget(self) -> None:
        # Here, in a thread: else whoever drops the writer would free them, in the event loop.
        self._full, self._waiting, self._small = [], [], []

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
