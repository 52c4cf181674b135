"""The fast decoder: a `msgspec.Struct` twin made from a record class, by program.

The twin carries the wire's names, decodes JSON straight into typed values and refuses whatever
is not exactly the documented shape. Its rows become records a column at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

import attrs
import msgspec

from cfbilling.records import Record

__all__ = ["AwareDatetime", "Batch", "Refused", "Twin", "exact_decimal"]

R = TypeVar("R", bound=Record)

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
"""What msgspec calls an RFC 3339 date-time that must have an offset."""

_MOST_REMEMBERED = 8192


class Refused(Exception):
    """The twin met a value that only the tolerant decoder can judge."""


@attrs.frozen
class Batch(Generic[R]):
    """The records of one slice.

    Attributes:
        records: In the order of the body.
        missing: Wire names of required fields that were absent or null in some of them.
    """

    records: list[R]
    missing: frozenset[str] = frozenset()


def exact_decimal(text: str) -> Decimal:
    """Return the number with exactly the digits of *text*, a JSON number.

    Raises:
        Refused: If its exponent is beyond what a `Decimal` holds.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise Refused("a number is out of range") from None
    if not number.is_finite():
        # Where the caller's decimal context traps nothing, the constructor says NaN.
        raise Refused("a number is out of range")
    return number


class _Remembered(dict[str, Decimal]):
    """Numbers by their text: prices and zero costs repeat in every record."""

    def __missing__(self, text: str) -> Decimal:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        number = self[text] = exact_decimal(text)
        return number


_WIRE_TYPES: Mapping[type, Any] = {
    str: str,
    bool: bool,
    datetime: AwareDatetime,
    # A Decimal in msgspec would also take a string, so the column check below does the typing.
    Decimal: Any,
}


def _value_type(record_type: type[Record], name: str) -> Any:
    (value_type,) = (
        part for part in get_args(get_type_hints(record_type)[name]) if part is not NoneType
    )
    return value_type


def _struct_field(record_type: type[Record], field: attrs.Attribute[Any]) -> tuple[Any, ...]:
    value_type = _value_type(record_type, field.name)
    wire_type = _WIRE_TYPES.get(value_type, dict[str, str | bool])
    if field.metadata.get("required") and not field.metadata["drifts"]:
        return field.name, wire_type
    return field.name, wire_type | None if wire_type is not Any else Any, None


def _struct_for(record_type: type[Record]) -> type[msgspec.Struct]:
    names = record_type.wire_names
    fields = [_struct_field(record_type, getattr(attrs.fields(record_type), n)) for n in names]
    return msgspec.defstruct(
        f"_{record_type.__name__}Twin",
        fields,
        rename=dict(names),
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _unfrozen(record_type: type[Record]) -> type[Record]:
    """Make a subclass with the same layout whose instances can be filled and then frozen.

    A frozen attrs class sets each field through ``object.__setattr__``, which costs more than
    decoding them. Here the fields are stored plainly, positionally, and the instance gets its
    true class afterwards.
    """
    names = [*record_type.wire_names, "extra"]
    lines = [f"def __init__(self, {', '.join(names)}):", *(f"    self.{n} = {n}" for n in names)]
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - attrs makes its own methods the same way
    return type(
        f"_Unfrozen{record_type.__name__}",
        (record_type,),
        {
            "__slots__": (),
            "__init__": scope["__init__"],
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )


class Twin(Generic[R]):
    """Decodes slices of one record type at full speed, or refuses them."""

    def __init__(self, record_type: type[R]) -> None:
        self._record_type = record_type
        self._unfrozen: Any = _unfrozen(record_type)
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(
            list[_struct_for(record_type)],  # type: ignore[misc]  # a type made by program
            float_hook=_Remembered().__getitem__,
        )
        names = record_type.wire_names
        fields = attrs.fields_dict(record_type)
        types = [_value_type(record_type, name) for name in names]
        self._numbers = [
            (position, wire_name if fields[name].metadata.get("required") else None)
            for position, (name, wire_name) in enumerate(names.items())
            if types[position] is Decimal
        ]
        self._drifting = [
            (position, wire_name)
            for position, (name, wire_name) in enumerate(names.items())
            if fields[name].metadata.get("drifts")
        ]

    def decode(self, text: bytes) -> Batch[R]:
        """Decode a JSON array of records.

        Raises:
            Refused: If a number's place holds something else.
            msgspec.MsgspecError: If the text is not JSON, or not of the documented shape.
        """
        rows = self._decoder.decode(text)
        if not rows:
            return Batch([])
        columns: list[Sequence[Any]] = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        missing = {name for position, name in self._drifting if None in columns[position]}
        for position, required_name in self._numbers:
            columns[position], has_null = _numbers(columns[position])
            if has_null and required_name:
                missing.add(required_name)
        records = list(map(self._unfrozen, *columns, [{} for _ in rows]))
        for record in records:
            record.__class__ = self._record_type
        return Batch(records, frozenset(missing))


def _numbers(column: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    kinds = set(map(type, column))
    has_null = NoneType in kinds
    if not kinds <= {Decimal, int, NoneType}:
        raise Refused("a number's place holds something else")
    if int in kinds:
        column = [Decimal(value) if type(value) is int else value for value in column]
    return column, has_null
