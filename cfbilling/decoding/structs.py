"""The fast decoder: a `msgspec.Struct` made from a record class, by program.

The struct carries the wire's names, decodes JSON straight into typed values and refuses whatever
is not exactly the documented shape. Its rows become records one by one, in a generated function.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Generic, TypeAlias, TypeVar, get_args, get_type_hints

import attrs
import msgspec

from cfbilling._record import unfrozen
from cfbilling.decoding.moments import Moments
from cfbilling.records import Record

__all__ = ["Refused", "StructDecoder", "exact_decimals", "has_struct"]

R = TypeVar("R", bound=Record)


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
    # What fills the records does the rest: a text of a time is read once, however often it comes,
    # and a Decimal in msgspec would also take a string.
    datetime: str,
    Decimal: Any,
    Mapping[str, str | bool]: dict[str, str | bool],
    Mapping[str, object]: dict[str, Any],
}


def _value_types(record_type: type[Record]) -> dict[str, Any]:
    """Map each attribute to its type, without the None that any of them may be."""
    hints = get_type_hints(record_type)
    return {
        name: next(part for part in get_args(hints[name]) if part is not NoneType)
        for name in record_type.wire_names
    }


def has_struct(record_type: type[Record]) -> bool:
    """Return whether a struct can be made: records with arrays inside are few, and small."""
    return all(column.kind is not tuple for column in record_type.columns)


def _struct_field(name: str, value_type: Any, metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    wire_type = _WIRE_TYPES[value_type]
    if metadata.get("required") and not metadata["drifts"]:
        return name, wire_type
    return name, Any if wire_type is Any else wire_type | None, None


def _in_wire_order(record_type: type[Record]) -> list[str]:
    """Return the attributes in the documented order of the wire, which decodes fastest."""
    fields, wire_names = attrs.fields_dict(record_type), record_type.wire_names
    return sorted(
        wire_names,
        key=lambda name: (not fields[name].metadata.get("required"), wire_names[name]),
    )


def _struct_for(record_type: type[Record], value_types: Mapping[str, Any]) -> type[msgspec.Struct]:
    fields = attrs.fields_dict(record_type)
    return msgspec.defstruct(
        f"_{record_type.__name__}Struct",
        [
            _struct_field(name, value_types[name], fields[name].metadata)
            for name in _in_wire_order(record_type)
        ],
        rename=dict(record_type.wire_names),
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


Fill: TypeAlias = Callable[[Iterable[Any], set[str]], list[Any]]
"""Makes records of rows, and adds the wire names of required fields that some of them lack."""


def _fill_for(record_type: type[Record], value_types: Mapping[str, Any]) -> Fill:
    """Generate the function that makes records of rows, field by field in a straight line.

    attrs makes its own methods the same way. A loop over the fields, or a call with all of them,
    would cost as much as decoding.
    """
    names, moments = _in_wire_order(record_type), Moments()
    lines = [
        # Names as defaults are looked up faster than global ones, and a call of `type` as such is
        # faster than `__class__`.
        (
            "def fill(rows, missing, known=known, read=read, Unfrozen=Unfrozen, Frozen=Frozen,"
            " Decimal=Decimal, of_int=of_int, type=type, int=int):"
        ),
        " records = []",
        " add = records.append",
        " for row in rows:",
        "  record = Unfrozen()",
        *(line for name in names for line in _filling(name, record_type, value_types[name])),
        "  record.extra = {}",
        "  record.__class__ = Frozen",
        "  add(record)",
        " return records",
    ]
    scope: dict[str, Any] = {
        "known": moments.known,
        "read": moments.read,
        "Unfrozen": unfrozen(record_type),
        "Frozen": record_type,
        "Decimal": Decimal,
        "of_int": Decimal.from_float,
        "Refused": Refused,
    }
    exec("\n".join(lines), scope)  # noqa: S102 - of our own names only
    fill: Fill = scope["fill"]
    return fill


def _filling(name: str, record_type: type[Record], value_type: Any) -> list[str]:
    """Return the lines of the generated function that fill one field."""
    metadata = attrs.fields_dict(record_type)[name].metadata
    may_lack = metadata.get("required") and (value_type is Decimal or metadata["drifts"])
    lack = f"missing.add({record_type.wire_names[name]!r})" if may_lack else "pass"
    lines = [f"  value = row.{name}"]
    if value_type is Decimal:
        lines += [
            f"  if value is None: {lack}",
            "  elif type(value) is not Decimal:",
            "   if type(value) is not int: raise Refused",
            "   value = of_int(value)",
        ]
    elif may_lack:
        lines += [f"  if value is None: {lack}"]
    if value_type is datetime:
        # `get`, or a dict that fills itself, would be a call each time.
        lines += ["  try: value = known[value]", "  except KeyError: value = read(value)"]
    if len(lines) == 1:
        return [f"  record.{name} = row.{name}"]
    return [*lines, f"  record.{name} = value"]


class StructDecoder(Generic[R]):
    """Decodes slices of one record type at full speed, or refuses them."""

    def __init__(self, record_type: type[R]) -> None:
        value_types = _value_types(record_type)
        struct: Any = _struct_for(record_type, value_types)
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(
            list[struct], float_hook=exact_decimals()
        )
        self._fill = _fill_for(record_type, value_types)

    def decode(self, text: bytes) -> tuple[list[R], frozenset[str]]:
        """Decode a JSON array of records.

        Returns:
            The records, and the wire names of required fields that some of them lack.

        Raises:
            Refused: If a number's place holds something else.
            ArithmeticError: If a number's exponent is out of range.
            msgspec.MsgspecError: If the text is not JSON, or not of the documented shape.
        """
        missing: set[str] = set()
        records: list[R] = self._fill(self._decoder.decode(text), missing)
        return records, frozenset(missing)
