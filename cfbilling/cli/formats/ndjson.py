"""NDJSON: an object for each record, one on each line."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cfbilling import Record

__all__ = ["NdjsonFormat"]


_ACCOUNT_ID = "AccountId"


class NdjsonFormat:
    """Writes each record by the names of the wire: each number with its digits, no nulls.

    Documented fields come first, in their order, and times are in UTC: one record has one text,
    however the service has put it.

    Args:
        with_account: Whether the account's id is the first key, for records that may lack it.
    """

    def __init__(self, *, with_account: bool = False) -> None:
        self._with_account = with_account

    def begin(self) -> bytes:
        """Return nothing: the first line is the first record."""
        return b""

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return one line for each record."""
        if not self._with_account:
            return b"".join([record.to_json() + b"\n" for record in records])
        first = b'{"AccountId":' + msgspec.json.encode(account_id)
        return b"".join([_with_first(first, record) for record in records])

    def finish(self) -> bytes:
        """Return nothing: the last line is the last record."""
        return b""


def _with_first(first: bytes, record: Record) -> bytes:
    text = record.to_json()
    if _ACCOUNT_ID in record.extra:
        # The service has said it after all, and a key must not come twice.
        return text + b"\n"
    return first + (b"" if text == b"{}" else b",") + text[1:] + b"\n"
