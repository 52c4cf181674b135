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
    """Adds up the hashes of texts: the service promises no order, and twins count twice.

    Attributes:
        texts: How many there were.
    """

    def __init__(self) -> None:
        self.texts = 0
        self._sum = 0

    def add(self, texts: Iterable[bytes]) -> None:
        """Add texts."""
        for text in texts:
            self.texts += 1
            self._sum += int.from_bytes(blake2b(text, digest_size=_BYTES).digest(), "big")

    @property
    def digest(self) -> str:
        """The sum, in hexadecimal."""
        return f"{self._sum % (1 << 8 * _BYTES):0{2 * _BYTES}x}"


class Content:
    """Counts and adds up records."""

    def __init__(self) -> None:
        self._sum = TextSum()
        self._encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode

    def add(self, records: Sequence[Record]) -> None:
        """Add records."""
        self._sum.add(map(self._encode, records))

    @property
    def records(self) -> int:
        """How many there were."""
        return self._sum.texts

    @property
    def digest(self) -> str:
        """The sum, in hexadecimal."""
        return self._sum.digest
