"""What every record is: a frozen class that is the only definition of its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import ClassVar

import attrs
import msgspec

from cfbilling._record_type import RecordBase, record_class, unknown

__all__ = ["Column", "PlainRecord", "Record"]

# By the text of a field's annotation: evaluating all of them would slow the import down.
_KINDS: Mapping[str, type] = MappingProxyType(
    {
        "str | None": str,
        "bool | None": bool,
        "Decimal | None": Decimal,
        "datetime | None": datetime,
        "Mapping[str, str | bool] | None": dict,
        "Mapping[str, object] | None": dict,
    }
)


def _focus_name(name: str) -> str:
    prefix, rest = ("x_", name[2:]) if name.startswith("x_") else ("", name)
    return prefix + "".join(word.capitalize() for word in rest.split("_"))


def _to_wire(value: object) -> object:
    if isinstance(value, Record):
        return value.to_wire()
    if isinstance(value, tuple):
        return [_to_wire(item) for item in value]
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        # At the calendar's edge, the offset that it came with has to stay.
        return value.isoformat()


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="number")


@attrs.frozen
class Column:
    """One documented field of a record class.

    Attributes:
        name: The record's attribute.
        wire_name: The field's name on the wire.
        kind: The type of its values: `str`, `bool`, `decimal.Decimal`, `datetime.datetime`,
            `dict` for an object or `tuple` for an array. Any value may be ``None`` instead.
    """

    name: str
    wire_name: str
    kind: type


@record_class(kw_only=True)
class Record(RecordBase):
    """What all records have in common.

    Attributes:
        extra: The fields that this version does not know, by their wire names.
    """

    strings_with_numbers: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose number stands in a string on the wire."""

    extra_name: ClassVar[str] = "extra"
    """What the column of ``extra`` is called in a file of columns."""

    extra: dict[str, object] = unknown()

    columns: ClassVar[tuple[Column, ...]] = ()
    """The documented fields, in order; without ``extra``."""

    wire_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Each attribute's name on the wire, in order; without ``extra``."""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        cls.columns = tuple(
            Column(field.name, cls._wire_name(field.name), _KINDS.get(str(field.type), tuple))
            for field in attrs.fields(cls)
            if field.name != "extra"
        )
        cls.wire_names = MappingProxyType({c.name: c.wire_name for c in cls.columns})

    @staticmethod
    def _wire_name(name: str) -> str:
        return _focus_name(name)

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:
        """Tell `rich` what ``repr`` shows: nothing personal."""
        for field in attrs.fields(type(self)):
            if field.repr:
                yield field.name, getattr(self, field.name)

    def to_wire(self) -> dict[str, object]:
        """Return the record as a dict with the wire's names, the way the service sends it.

        Absent fields are left out, date-times are RFC 3339 text in UTC, numbers stay `Decimal`,
        unknown fields come last. Decoding the result's JSON gives an equal record.
        """
        wire: dict[str, object] = {}
        for name, wire_name in self.wire_names.items():
            value = getattr(self, name)
            if value is not None:
                in_string = name in self.strings_with_numbers
                wire[wire_name] = str(value) if in_string else _to_wire(value)
        return wire | self.extra

    def to_json(self) -> bytes:
        """Return the record as the JSON that the service would send, each number digit for digit.

        It is the JSON of `to_wire`, in UTF-8 and without white space.
        """
        return _encoder().encode(self.to_wire())


@record_class(kw_only=True)
class PlainRecord(Record):
    """A record whose fields are in snake case on the wire already."""

    @staticmethod
    def _wire_name(name: str) -> str:
        return name
