"""Arrow: an IPC stream, which a program at the end of a pipe reads as it comes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling.cli.formats.columns import GatheringFormat

__all__ = ["ArrowFormat"]


class ArrowFormat(GatheringFormat):
    """Writes the same columns as Parquet, batch by batch."""

    most_rows = 1000
    most_bytes = 2**20

    def _opened(self, file: Any, schema: Any) -> Any:
        return pa.ipc.new_stream(file, schema)

    def _written(self, table: Any) -> Any:
        # As one batch, however short those were that came.
        return table.combine_chunks()
