"""The fast decoder: JSON straight into the records, which are structs of msgspec themselves.

What is read into is an unfrozen twin of a record class that carries the wire's names and refuses
whatever is not exactly the documented shape. What msgspec cannot make of JSON, a generated
function does, row by row; then the rows are frozen.
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

from cfbilling._record_type import unfrozen
from cfbilling.decoding.moments import Moments
from cfbilling.records import Record

__all__ = ["Refused", "StructDecoder", "exact_decimals", "has_fast_way"]

R = TypeVar("R", bound=Record)


class Refused(Exception):
    """A row holds a value that only the tolerant decoder can judge."""


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
    # What finishes the rows does the rest: a text of a time is read once, however often it comes,
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


def has_fast_way(record_type: type[Record]) -> bool:
    """Return whether it is decoded fast: records with arrays inside are few, and small."""
    return all(column.kind is not tuple for column in record_type.columns)


def _row_field(value_type: Any, metadata: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return type and default of a field, as msgspec is to read it."""
    wire_type = _WIRE_TYPES[value_type]
    if metadata.get("required") and not metadata["drifts"]:
        return wire_type, msgspec.NODEFAULT
    return Any if wire_type is Any else wire_type | None, None


def _row_type(record_type: type[R], value_types: Mapping[str, Any]) -> type[R]:
    attributes = attrs.fields_dict(record_type)
    fields = {
        name: _row_field(value_types[name], attributes[name].metadata)
        for name in record_type.wire_names
    }
    # No JSON is of this type, so that a field of this name is an unknown one like any other.
    fields["extra"] = msgspec.UnsetType, msgspec.field(default_factory=dict)
    wire_names = dict(record_type.wire_names)
    return unfrozen(record_type, fields, rename=wire_names, forbid_unknown_fields=True)


Finish: TypeAlias = Callable[[Iterable[Any], set[str]], None]
"""Makes records of rows, and adds the wire names of required fields that some of them lack."""


def _finish_for(record_type: type[Record], value_types: Mapping[str, Any]) -> Finish:
    """Generate the function that makes records of rows, field by field in a straight line.

    attrs makes its own methods the same way. A loop over the fields would cost as much as
    decoding.
    """
    moments = Moments()
    lines = [
        # Names as defaults are looked up faster than global ones, and a call of `type` as such is
        # faster than `__class__`.
        (
            "def finish(rows, missing, known=known, read=read, Frozen=Frozen, Decimal=Decimal,"
            " of_int=of_int, type=type, int=int):"
        ),
        " for row in rows:",
        *(
            line
            for name in record_type.wire_names
            for line in _finishing(name, record_type, value_types[name])
        ),
        "  row.__class__ = Frozen",
    ]
    scope: dict[str, Any] = {
        "known": moments.known,
        "read": moments.read,
        "Frozen": record_type,
        "Decimal": Decimal,
        "of_int": Decimal.from_float,
        "Refused": Refused,
    }
    exec("\n".join(lines), scope)  # noqa: S102 - of our own names only
    finish: Finish = scope["finish"]
    return finish


def _finishing(name: str, record_type: type[Record], value_type: Any) -> list[str]:
    """Return the lines of the generated function that see to one field."""
    metadata = attrs.fields_dict(record_type)[name].metadata
    may_lack = metadata.get("required") and (value_type is Decimal or metadata["drifts"])
    lack = f"missing.add({record_type.wire_names[name]!r})" if may_lack else "pass"
    lines = [f"  value = row.{name}"]
    if value_type is Decimal:
        return [
            *lines,
            "  if type(value) is not Decimal:",
            f"   if value is None: {lack}",
            f"   elif type(value) is int: row.{name} = of_int(value)",
            "   else: raise Refused",
        ]
    if may_lack:
        lines += [f"  if value is None: {lack}"]
    if value_type is datetime:
        # `get`, or a dict that fills itself, would be a call each time.
        lines += [
            f"  try: row.{name} = known[value]",
            f"  except KeyError: row.{name} = read(value)",
        ]
    return lines if len(lines) > 1 else []


class StructDecoder(Generic[R]):
    """Decodes slices of one record type at full speed, or refuses them."""

    def __init__(self, record_type: type[R]) -> None:
        value_types = _value_types(record_type)
        row_type: Any = _row_type(record_type, value_types)
        self._decoder: msgspec.json.Decoder[list[R]] = msgspec.json.Decoder(
            list[row_type], float_hook=exact_decimals()
        )
        self._finish = _finish_for(record_type, value_types)

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
        rows = self._decoder.decode(text)
        self._finish(rows, missing)
        return rows, frozenset(missing)
