"""What an object says of itself; there is no other state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs
import msgspec

__all__ = ["SCHEMA_VERSION", "ObjectFacts"]

SCHEMA_VERSION: Final = 1
"""Of the columns and of the facts; an object of another version is fetched anew."""


class _Told(msgspec.Struct, frozen=True, omit_defaults=True):
    schema: int
    unit: str
    fetched: datetime
    complete: bool
    records: int
    digest: str
    scale: int | None = None


@attrs.frozen(kw_only=True)
class ObjectFacts:
    """The facts of an object.

    Attributes:
        unit_id: The unit whose records these are.
        fetched: When fetching began, UTC.
        is_complete: Whether all its days were over then.
        records: How many there are.
        digest: Of the records, whatever their order.
        decimal_scale: The digits after the point of each number; ``None`` for the usual.
    """

    unit_id: str
    fetched: datetime
    is_complete: bool
    records: int = 0
    digest: str = ""
    decimal_scale: int | None = None

    def to_json(self) -> bytes:
        """Return the facts as the JSON that `from_json` reads."""
        return msgspec.json.encode(
            _Told(
                SCHEMA_VERSION,
                self.unit_id,
                self.fetched.astimezone(UTC),
                self.is_complete,
                self.records,
                self.digest,
                self.decimal_scale,
            )
        )

    @classmethod
    def from_json(cls, text: bytes) -> ObjectFacts | None:
        """Return the facts; ``None`` if they are of another version, or none of ours."""
        try:
            told = msgspec.json.decode(text, type=_Told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if told.schema != SCHEMA_VERSION or told.fetched.tzinfo is None:
            return None
        return cls(
            unit_id=told.unit,
            fetched=told.fetched,
            is_complete=told.complete,
            records=told.records,
            digest=told.digest,
            decimal_scale=told.scale,
        )
