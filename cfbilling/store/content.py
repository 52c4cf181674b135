"""The content of a unit as a number: equal for equal records, in whatever order they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from cfbilling.records import Record

__all__ = ["Content", "TextSum"]

_BYTES: Final = 16


class TextSum:
    """Adds up the hashes of records' texts: no order is promised, and twins count twice.

    Attributes:
        records: How many there were.
    """

    def __init__(self) -> None:
        self.records = 0
        self._sum = 0

    @property
    def digest(self) -> str:
        """The sum, in hexadecimal."""
        return f"{self._sum % (1 << 8 * _BYTES):0{2 * _BYTES}x}"

    def add_texts(self, texts: Iterable[bytes]) -> None:
        """Add the texts of records."""
        for text in texts:
            self.records += 1
            self._sum += int.from_bytes(blake2b(text, digest_size=_BYTES).digest(), "big")


class Content(TextSum):
    """Adds up records."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode

    def add(self, records: Sequence[Record]) -> None:
        """Add records."""
        self.add_texts(map(self._encode, records))
