"""Parquet: an explicit schema, decimals exact or refused, row groups of a bounded size."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling.cli.formats.columns import GatheringFormat

__all__ = ["ParquetFormat"]


class ParquetFormat(GatheringFormat):
    """Writes row groups; objects, arrays and ``extra`` are JSON text."""

    most_rows = 50_000
    most_bytes = 10 * 2**20

    def _opened(self, file: Any, schema: Any) -> Any:
        return pq.ParquetWriter(file, schema)
