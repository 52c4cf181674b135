"""Arrow: an IPC stream, which a program at the end of a pipe reads as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling import Record
from cfbilling.cli.formats.columns import GatheredColumns, Sink

__all__ = ["ArrowFormat"]

_BATCH_ROWS = 1000
_BATCH_BYTES = 2**20


class ArrowFormat:
    """Writes the same columns as Parquet, batch by batch.

    Args:
        record_type: The class of the records.
        with_account: As for Parquet.
        scale: As for Parquet.
    """

    def __init__(self, record_type: type[Record], *, with_account: bool, scale: int | None) -> None:
        self._waiting = GatheredColumns.of(record_type, with_account=with_account, scale=scale)
        self.scope, self.scale = self._waiting.scope, scale
        self._sink = Sink()
        self._writer: Any = None

    def begin(self) -> bytes:
        """Return the schema."""
        file = pa.PythonFile(self._sink, mode="w")
        self._writer = pa.ipc.new_stream(file, self._waiting.schema)
        return self._sink.take()

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return a batch when enough has come together, else nothing yet."""
        self._waiting.add(account_id, records)
        return self._enough()

    def columns(self, batch: Any) -> bytes:
        """Return the same for columns that are made already."""
        self._waiting.add_columns(batch)
        return self._enough()

    def _enough(self) -> bytes:
        is_enough = self._waiting.rows >= _BATCH_ROWS or self._waiting.size >= _BATCH_BYTES
        return self._batch() if is_enough else b""

    def finish(self) -> bytes:
        """Return the last batch and the end of the stream."""
        last = self._batch() if self._waiting.rows else b""
        self._writer.close()
        return last + self._sink.take()

    def _batch(self) -> bytes:
        self._writer.write_table(self._waiting.take().combine_chunks())
        return self._sink.take()
