"""JSON: one array, with an object for each record, written as records arrive."""

from __future__ import annotations

from collections.abc import Sequence

from cfbilling import Record
from cfbilling.cli.formats.ndjson import NdjsonFormat

__all__ = ["JsonFormat"]


class JsonFormat:
    """Writes an array of the objects that NDJSON has; it has no end where its records have none.

    Args:
        lines: What makes the objects, one on each line.
    """

    def __init__(self, lines: NdjsonFormat) -> None:
        self._lines = lines
        self._before = b"\n"

    def begin(self) -> bytes:
        """Return the beginning of the array."""
        return b"["

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return one object for each record."""
        before, self._before = self._before, b",\n"
        # A line feed inside a text is escaped.
        lines = self._lines.rows(account_id, records).removesuffix(b"\n")
        return before + lines.replace(b"\n", b",\n")

    def finish(self) -> bytes:
        """Return the end of the array."""
        return b"\n]\n"
