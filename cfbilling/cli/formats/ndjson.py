"""NDJSON: the wire's own objects, one on each line."""

from __future__ import annotations

from collections.abc import Sequence

from cfbilling import Record

__all__ = ["NdjsonFormat"]


class NdjsonFormat:
    """Writes each record as the service sends it; a number keeps its digits."""

    def begin(self) -> bytes:
        """Return nothing: the first line is the first record."""
        return b""

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:  # noqa: ARG002 - the wire's objects get nothing added
        """Return one line for each record."""
        return b"".join([record.to_json() + b"\n" for record in records])

    def finish(self) -> bytes:
        """Return nothing: the last line is the last record."""
        return b""
