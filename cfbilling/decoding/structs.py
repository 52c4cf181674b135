"""The fast decoder: a `msgspec.Struct` made from a record class, by program.

The struct carries the wire's names, decodes JSON straight into typed values and refuses whatever
is not exactly the documented shape. Its rows become records a column at a time.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

import attrs
import msgspec

from cfbilling.records import Record

__all__ = ["AwareDatetime", "Refused", "StructDecoder", "exact_decimals"]

R = TypeVar("R", bound=Record)

_LAST_MICROSECOND = b":59:59.999999"

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
"""What msgspec calls an RFC 3339 date-time that must have an offset."""


class Refused(Exception):
    """The struct met a value that only the tolerant decoder can judge."""


def exact_decimals() -> Callable[[str], Decimal]:
    """Return what makes a number with exactly the digits of its text, whoever's context is set.

    What it returns raises `ArithmeticError` for an exponent beyond what a `Decimal` holds.
    """
    signals = (
        decimal.Clamped,
        decimal.Inexact,
        decimal.InvalidOperation,
        decimal.Overflow,
        decimal.Rounded,
        decimal.Subnormal,
        decimal.Underflow,
    )
    return decimal.Context(
        prec=decimal.MAX_PREC, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX, traps=list(signals)
    ).create_decimal


_WIRE_TYPES: Mapping[type, Any] = {
    str: str,
    bool: bool,
    datetime: AwareDatetime,
    # A Decimal in msgspec would also take a string, so the column check below does the typing.
    Decimal: Any,
}


def _value_types(record_type: type[Record]) -> dict[str, Any]:
    """Map each attribute to its type, without the None that any of them may be."""
    hints = get_type_hints(record_type)
    return {
        name: next(part for part in get_args(hints[name]) if part is not NoneType)
        for name in record_type.wire_names
    }


def _struct_field(name: str, value_type: Any, metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    wire_type = _WIRE_TYPES.get(value_type, dict[str, str | bool])
    if metadata.get("required") and not metadata["drifts"]:
        return name, wire_type
    return name, Any if wire_type is Any else wire_type | None, None


def _struct_for(record_type: type[Record], value_types: Mapping[str, Any]) -> type[msgspec.Struct]:
    fields = attrs.fields_dict(record_type)
    return msgspec.defstruct(
        f"_{record_type.__name__}Struct",
        [_struct_field(name, kind, fields[name].metadata) for name, kind in value_types.items()],
        rename=dict(record_type.wire_names),
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


class StructDecoder(Generic[R]):
    """Decodes slices of one record type at full speed, or refuses them."""

    def __init__(self, record_type: type[R]) -> None:
        self._record_type = record_type
        self._unfrozen: Any = _unfrozen(record_type)
        value_types = _value_types(record_type)
        struct: Any = _struct_for(record_type, value_types)
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(
            list[struct], float_hook=exact_decimals()
        )
        fields = attrs.fields_dict(record_type)
        names = list(enumerate(record_type.wire_names.items()))
        self._numbers = [
            (position, wire_name if fields[name].metadata.get("required") else None)
            for position, (name, wire_name) in names
            if value_types[name] is Decimal
        ]
        self._drifting = [
            (position, wire_name)
            for position, (name, wire_name) in names
            if fields[name].metadata.get("drifts")
        ]

    def decode(self, text: bytes) -> tuple[list[R], frozenset[str]]:
        """Decode a JSON array of records.

        Returns:
            The records, and the wire names of required fields that some of them lack.

        Raises:
            Refused: If a number's place holds something else, or a time has a fraction that msgspec
                would round up into the next hour.
            ArithmeticError: If a number's exponent is out of range.
            msgspec.MsgspecError: If the text is not JSON, or not of the documented shape.
        """
        if _LAST_MICROSECOND in text:
            raise Refused("a time may be rounded up")
        rows = self._decoder.decode(text)
        if not rows:
            return [], frozenset()
        columns: list[Sequence[Any]] = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        missing = {name for position, name in self._drifting if None in columns[position]}
        for position, required_name in self._numbers:
            columns[position], has_null = _numbers(columns[position])
            if has_null and required_name:
                missing.add(required_name)
        records = list(map(self._unfrozen, *columns, [{} for _ in rows]))
        for record in records:
            record.__class__ = self._record_type
        return records, frozenset(missing)


def _numbers(column: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    kinds = set(map(type, column))
    has_null = NoneType in kinds
    if not kinds <= {Decimal, int, NoneType}:
        raise Refused("a number's place holds something else")
    if int in kinds:
        column = [Decimal(value) if type(value) is int else value for value in column]
    return column, has_null
