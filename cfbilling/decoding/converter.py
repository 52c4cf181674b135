"""The one cattrs converter: the tolerant decoder, for whatever the fast one refuses.

Fields that it does not know go to ``extra``, missing ones become ``None``, and an error says what
is wrong and where.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn, override

from cfbilling.decoding.moments import moment
from cfbilling.decoding.structs import Refused, exact_decimals
from cfbilling.errors import DecodeError
from cfbilling.records import Record

__all__ = ["KINDS", "UNREADABLE", "decode_object", "parse", "structure"]

R = TypeVar("R", bound=Record)

UNREADABLE = (
    msgspec.MsgspecError,
    ArithmeticError,
    UnicodeDecodeError,
    RecursionError,
    Refused,
)
KINDS = {str: "text", bool: "a boolean", dict: "an object", list: "an array", type(None): "null"}


class _WrongValue(Exception):
    pass


def _expected(wanted: str, value: object) -> NoReturn:
    # The value stays out of the message: records and profiles hold personal data.
    raise _WrongValue(f"expected {wanted}, got {KINDS.get(type(value), 'a number')}")


@cache
def _any_json() -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(float_hook=exact_decimals())


def _text(value: object, _: type) -> str:
    return value if isinstance(value, str) else _expected("text", value)


def _truth(value: object, _: type) -> bool:
    return value if isinstance(value, bool) else _expected("a boolean", value)


def _number(value: object, _: type) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if type(value) is int else _expected("a number", value)


def _number_in_text(value: object, _: type) -> Decimal | None:
    if value is None:
        return None
    text = _text(value, str)
    try:
        # Only what JSON calls a number: Decimal itself would take "NaN", "1_0" and " 1".
        return _number(_any_json().decode(text), Decimal)
    except (*UNREADABLE, _WrongValue):
        raise _WrongValue("expected a number in text, got other text") from None


def _moment(value: object, _: type) -> datetime:
    text = value if isinstance(value, str) else _expected("a date-time", value)
    try:
        return moment(text)
    except msgspec.ValidationError:
        raise _WrongValue("expected a date-time with an offset (RFC 3339)") from None


def _tags(value: object, _: type) -> dict[str, str | bool]:
    if not isinstance(value, dict):
        _expected("an object", value)
    for tag in value.values():
        if not isinstance(tag, str | bool):
            _expected("text or true", tag)
    return value


def _object(value: object, _: type) -> dict[str, object]:
    return value if isinstance(value, dict) else _expected("an object", value)


def _is_array(cls: Any) -> bool:
    return get_origin(cls) is tuple


def _array_hook(converter: cattrs.Converter, cls: Any) -> Any:
    item_type = get_args(cls)[0]

    def hook(value: object, _: type) -> tuple[Any, ...]:
        if not isinstance(value, list):
            _expected("an array", value)
        items: list[Any] = []
        for index, item in enumerate(value):
            try:
                items.append(converter.structure(item, item_type))
            except _WrongValue as error:
                raise _WrongValue(f"{error} at [{index}]") from None
            except cattrs.ClassValidationError as group:
                problem, note = group.group_exceptions()[0][0]
                name = item_type.wire_names[note.name]
                raise _WrongValue(f"{problem} at [{index}].{name}") from None
        return tuple(items)

    return hook


def _structure_hook(converter: cattrs.Converter, record_type: type[R]) -> Any:
    names = record_type.wire_names
    known = frozenset(names.values())
    overrides: dict[str, Any] = {
        name: override(
            rename=wire_name,
            struct_hook=_number_in_text if name in record_type.strings_with_numbers else None,
        )
        for name, wire_name in names.items()
    }
    structure_known = make_dict_structure_fn(
        record_type, converter, extra=override(omit=True), **overrides
    )

    def hook(wire: object, _: type[R]) -> R:
        if not isinstance(wire, dict):
            _expected("an object", wire)
        record = structure_known(wire, record_type)
        extra = {name: value for name, value in wire.items() if name not in known}
        return attrs.evolve(record, extra=extra) if extra else record

    return hook


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _truth)
    converter.register_structure_hook(Decimal, _number)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(lambda cls: cls == Mapping[str, str | bool], _tags)
    converter.register_structure_hook_func(lambda cls: cls == Mapping[str, object], _object)
    converter.register_structure_hook_factory(_is_array, lambda cls: _array_hook(converter, cls))
    converter.register_structure_hook_factory(
        lambda cls: isinstance(cls, type) and issubclass(cls, Record),
        lambda cls: _structure_hook(converter, cls),
    )
    return converter


def structure(wire: object, record_type: type[R], path: str) -> R:
    """Make a record of what stood at *path*.

    Raises:
        DecodeError: If a field has a wrong type; it names the path.
    """
    try:
        return _converter().structure(wire, record_type)
    except _WrongValue as error:
        raise DecodeError(str(error), path) from None
    except cattrs.ClassValidationError as group:
        problem, note = group.group_exceptions()[0][0]
        wire_name = record_type.wire_names[note.name]
        raise DecodeError(str(problem), f"{path}.{wire_name}") from group


def parse(text: bytes | msgspec.Raw, path: str) -> Any:
    """Read JSON that stood at *path*, its numbers exact.

    Raises:
        DecodeError: If it is not JSON, or a number is out of range.
    """
    try:
        return _any_json().decode(text)
    except UnicodeDecodeError:
        # Its representation would show the body.
        raise DecodeError("text is not UTF-8", path) from None
    except RecursionError:
        raise DecodeError("JSON is nested too deeply", path) from None
    except ArithmeticError as error:
        raise DecodeError("a number is out of range", path) from error
    except msgspec.MsgspecError as error:
        raise DecodeError(str(error), path) from error


def decode_object(text: bytes | msgspec.Raw, record_type: type[R]) -> R:
    """Decode a ``result`` that is one object.

    Raises:
        DecodeError: If it is not JSON, or a field has a wrong type; it names the path.
    """
    return structure(parse(text, "result"), record_type, "result")
