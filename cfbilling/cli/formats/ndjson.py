"""NDJSON: an object for each record, one on each line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cfbilling import Record

__all__ = ["NdjsonFormat"]


class NdjsonFormat:
    """Writes each record by the names of the wire: each number with its digits, no nulls.

    Documented fields come first, in their order, and times are in UTC: one record has one text,
    however the service has put it.

    Args:
        account_key: The first key, whose value is the account's id, for records that may lack it.
    """

    def __init__(self, *, account_key: str | None = None) -> None:
        self._account_key = account_key

    def begin(self) -> bytes:
        """Return nothing: the first line is the first record."""
        return b""

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return one line for each record."""
        key = self._account_key
        if key is None:
            return b"".join([record.to_json() + b"\n" for record in records])
        first = msgspec.json.encode({key: account_id})[:-1]
        # Where the service has said it after all, a key must not come twice.
        return b"".join(
            [
                record.to_json() + b"\n" if key in record.extra else _with_first(first, record)
                for record in records
            ]
        )

    def finish(self) -> bytes:
        """Return nothing: the last line is the last record."""
        return b""


def _with_first(first: bytes, record: Record) -> bytes:
    text = record.to_json()
    return first + (b"" if text == b"{}" else b",") + text[1:] + b"\n"
