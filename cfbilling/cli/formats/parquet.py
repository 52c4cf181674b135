"""Parquet: an explicit schema, decimals exact or refused, row groups of a bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise

from cfbilling import Record
from cfbilling.cli.formats.columns import GatheredColumns, Sink

__all__ = ["ParquetFormat"]

_GROUP_ROWS = 50_000
_GROUP_BYTES = 10 * 2**20


class ParquetFormat:
    """Writes row groups; objects, arrays and ``extra`` are JSON text.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is a column, for records without one.
        scale: Digits after the point of every number; None for 28 in amounts and prices, 22 in
            quantities.
    """

    def __init__(self, record_type: type[Record], *, with_account: bool, scale: int | None) -> None:
        self._waiting = GatheredColumns.of(record_type, with_account=with_account, scale=scale)
        self.scope, self.scale = self._waiting.scope, scale
        self._sink = Sink()
        self._writer: Any = None

    def begin(self) -> bytes:
        """Return the magic bytes."""
        file = pa.PythonFile(self._sink, mode="w")
        self._writer = pq.ParquetWriter(file, self._waiting.schema)
        return self._sink.take()

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return a row group when enough has come together, else nothing yet."""
        self._waiting.add(account_id, records)
        return self._enough()

    def columns(self, batch: Any) -> bytes:
        """Return the same for columns that are made already."""
        self._waiting.add_columns(batch)
        return self._enough()

    def _enough(self) -> bytes:
        is_enough = self._waiting.rows >= _GROUP_ROWS or self._waiting.size >= _GROUP_BYTES
        return self._group() if is_enough else b""

    def finish(self) -> bytes:
        """Return the last row group and the footer."""
        last = self._group() if self._waiting.rows else b""
        self._writer.close()
        return last + self._sink.take()

    def _group(self) -> bytes:
        self._writer.write_table(self._waiting.take())
        return self._sink.take()
