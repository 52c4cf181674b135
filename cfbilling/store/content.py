"""The content of a unit as a number: equal for equal records, in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from cfbilling.records import Record

__all__ = ["Content"]

_BYTES: Final = 16


class Content:
    """Counts and adds up records.

    The service promises no order; so each record's hash is added up, and twins count twice.

    Attributes:
        records: How many there were.
    """

    def __init__(self) -> None:
        self.records = 0
        self._sum = 0
        self._encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode

    def add(self, records: Sequence[Record]) -> list[int]:
        """Add records, and return the length of each as text."""
        lengths: list[int] = []
        for record in records:
            text = self._encode(record)
            lengths.append(len(text))
            self._sum += int.from_bytes(blake2b(text, digest_size=_BYTES).digest(), "big")
        self.records += len(records)
        return lengths

    @property
    def digest(self) -> str:
        """The sum, in hexadecimal."""
        return f"{self._sum % (1 << 8 * _BYTES):0{2 * _BYTES}x}"
