"""Bytes to records: the fast structs first, and the converter for whatever they refuse."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from cfbilling.decoding.converter import KINDS, UNREADABLE, parse, structure
from cfbilling.decoding.structs import StructDecoder, has_fast_way
from cfbilling.errors import DecodeError
from cfbilling.records import Record

__all__ = ["Batch", "RecordDecoder", "required_names"]

R = TypeVar("R", bound=Record)


@attrs.frozen
class Batch(Generic[R]):
    """The records of one slice.

    Attributes:
        records: In the order of the body.
        missing: Wire names of required fields that were absent or null in some of them.
    """

    records: list[R]
    missing: frozenset[str] = frozenset()


def required_names(record_type: type[Record]) -> dict[str, str]:
    """Map each attribute that the vendor documents as always there to its name on the wire."""
    return {
        field.name: record_type.wire_names[field.name]
        for field in attrs.fields(record_type)
        if field.metadata.get("required")
    }


class RecordDecoder(Generic[R]):
    """Decodes the slices of one record type."""

    def __init__(self, record_type: type[R]) -> None:
        self._record_type = record_type
        self._structs = StructDecoder(record_type) if has_fast_way(record_type) else None

    def decode(self, text: bytes, first_index: int = 0) -> Batch[R]:
        """Decode a JSON array of records.

        Args:
            text: The array.
            first_index: The number of records in ``result`` before it, so that an error names the
                right place.

        Raises:
            DecodeError: If the text is no JSON array of records; it names what and where.
        """
        batch = self._by_structs(text)
        return self.decode_tolerantly(text, first_index) if batch is None else batch

    def _by_structs(self, text: bytes) -> Batch[R] | None:
        """Decode what the structs do not refuse.

        Why they refuse holds values, which no traceback may show: so it ends here.
        """
        if self._structs is None:
            return None
        try:
            return Batch(*self._structs.decode(text))
        except UNREADABLE:
            return None

    def decode_tolerantly(self, text: bytes, first_index: int = 0) -> Batch[R]:
        """Decode like `decode`, by the converter alone."""
        rows = parse(text, f"result[{first_index}:]")
        if not isinstance(rows, list):
            raise DecodeError(
                f"expected an array, got {KINDS.get(type(rows), 'a number')}", "result"
            )
        records = [
            structure(row, self._record_type, f"result[{index}]")
            for index, row in enumerate(rows, first_index)
        ]
        missing = frozenset(
            wire_name
            for name, wire_name in required_names(self._record_type).items()
            if any(getattr(record, name) is None for record in records)
        )
        return Batch(records, missing)
