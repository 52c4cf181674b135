"""What every record is: a frozen class that is the only definition of its shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import attrs
import msgspec

__all__ = ["Column", "PlainRecord", "Record", "optional", "personal", "required", "unfrozen"]

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


def required(*, drifts: bool = False) -> Any:
    """Return a field that the vendor documents as always there."""
    # What drifts is required in one published revision of the vendor's reference only.
    return attrs.field(default=None, metadata={"required": True, "drifts": drifts})


def optional(*, hash: bool | None = None) -> Any:  # noqa: A002 - attrs' own word
    """Return a field that may be absent."""
    return attrs.field(default=None, hash=hash)


def personal() -> Any:
    """Return a field that is in no ``repr``, since it is personal data."""
    return attrs.field(default=None, repr=False)


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


@attrs.frozen(kw_only=True)
class Record:
    """What all records have in common.

    Attributes:
        extra: The fields that this version does not know, by their wire names.
    """

    strings_with_numbers: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose number stands in a string on the wire."""

    extra_name: ClassVar[str] = "extra"
    """What the column of ``extra`` is called in a file of columns."""

    extra: dict[str, object] = attrs.field(factory=dict, hash=False, repr=False)

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


@attrs.frozen(kw_only=True)
class PlainRecord(Record):
    """A record whose fields are in snake case on the wire already."""

    @staticmethod
    def _wire_name(name: str) -> str:
        return name


def unfrozen(record_type: type[Record]) -> type[Record]:
    """Make a subclass with the same layout whose instances can be filled and then frozen.

    A frozen attrs class sets each field through ``object.__setattr__``, which costs more than
    decoding them. Here the fields are stored plainly, and the instance gets its true class
    afterwards.
    """
    plain = {
        "__slots__": (),
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(f"_Unfrozen{record_type.__name__}", (record_type,), plain)
