"""What a format is: records in, the bytes of a file out, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

import msgspec

from cfbilling import FocusRecord, Record

__all__ = ["ColumnarFormat", "Format", "account_column", "part_json"]


class Format(Protocol):
    """Turns records into the bytes of a file."""

    def begin(self) -> bytes:
        """Return what comes before the first record."""
        ...

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return what is to be written for these records of an account."""
        ...

    def finish(self) -> bytes:
        """Return what comes after the last record."""
        ...


@runtime_checkable
class ColumnarFormat(Format, Protocol):
    """Takes columns as well, as streams of records make them.

    Attributes:
        scope: The name of their first column, where it says whose each record is.
        scale: The digits after the point of every number; None for the usual.
    """

    scope: str
    scale: int | None

    def columns(self, batch: Any) -> bytes:
        """Return what is to be written for a `pyarrow.RecordBatch` of these columns."""
        ...


def account_column(record_type: type[Record]) -> str:
    """Return the name of the column that says whose a record is.

    It is the first. In a dataset of FOCUS it is the last, since FOCUS wants its own columns first
    and others with a prefix.
    """
    return "x_AccountId" if record_type is FocusRecord else "AccountId"


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="number")


def _wire(item: object) -> object:
    return item.to_wire() if isinstance(item, Record) else item


def part_json(value: object) -> str:
    """Return a part of a record, such as its tags, as JSON; each number keeps its digits."""
    wire = [_wire(item) for item in value] if isinstance(value, tuple) else value
    return _encoder().encode(wire).decode()
