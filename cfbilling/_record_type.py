"""How a record class is made: attrs knows its fields, and its instances are structs of msgspec.

msgspec fills a struct in C while it reads JSON. Were the records no structs themselves, each would
have to be copied out of one, field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs
import msgspec

__all__ = ["RecordBase", "optional", "personal", "record_class", "required", "unfrozen", "unknown"]

T = TypeVar("T")

_AS_THEY_ARE: Mapping[str, tuple[Any, Any]] = MappingProxyType({})


class _Options(dict[str, Any]):
    """What stands in the body of a record class for a field: what attrs is told of it."""


def required(*, drifts: bool = False) -> Any:
    """Return a field that the vendor documents as always there."""
    # What drifts is required in one published revision of the vendor's reference only.
    return _Options(default=None, metadata={"required": True, "drifts": drifts})


def optional(*, hash: bool | None = None) -> Any:  # noqa: A002 - attrs' own word
    """Return a field that may be absent."""
    return _Options(default=None, hash=hash)


def personal() -> Any:
    """Return a field that is in no ``repr``, since it is personal data."""
    return _Options(default=None, repr=False)


def unknown() -> Any:
    """Return the field of all that is unknown."""
    return _Options(factory=dict, hash=False, repr=False)


def _for_msgspec(value: object) -> object:
    """Return what msgspec understands of a record class's body."""
    if not isinstance(value, _Options):
        return value
    if "factory" in value:
        return msgspec.field(default_factory=value["factory"])
    return value["default"]


class _RecordType(msgspec.StructMeta):
    """Makes a struct of a record class, and keeps what its body says of the fields for attrs."""

    _body: dict[str, Any]

    def __new__(  # noqa: PYI034 - to a type checker, a metaclass has no `Self`
        mcls: type[_RecordType], name: str, bases: tuple[type, ...], body: dict[str, Any]
    ) -> _RecordType:
        understood = {key: _for_msgspec(value) for key, value in body.items()}
        # What is cached needs a place. Without one there is no need of `gc`, which costs something
        # for each record: only what refers to itself is not freed then, and no record is like that.
        is_cached = any(isinstance(value, cached_property) for value in body.values())
        has_place = is_cached or any(base.__dictoffset__ for base in bases)
        made = super().__new__(
            mcls, name, bases, understood, kw_only=True, gc=has_place, dict=has_place
        )
        made._body = body
        return made


def _frozen(record_type: _RecordType, *, kw_only: bool) -> _RecordType:
    body = record_type.__dict__["_body"]
    del record_type._body  # noqa: SLF001 - it is kept for here only
    fields = record_type.__struct_fields__
    inherited = getattr(record_type.__base__, "__struct_fields__", ())
    if lacking := [name for name in fields if name not in inherited and name not in body]:
        raise TypeError(f"{record_type.__name__}.{lacking[0]} has no default")
    # In the order of the body, even if a base class has the field, too.
    own = {name: value for name, value in body.items() if name in fields}
    return attrs.frozen(
        record_type,
        these={name: _for_attrs(value) for name, value in own.items()},
        kw_only=kw_only,
        # These are the struct's.
        slots=False,
        init=False,
        match_args=False,
    )


def _for_attrs(value: object) -> Any:
    """Return what attrs is told of a field in a record class's body."""
    return attrs.field(**value) if isinstance(value, _Options) else attrs.field(default=value)


if TYPE_CHECKING:
    # To a type checker, too, records are what they are to their users.
    from attrs import frozen as record_class

    RecordBase = object
else:
    RecordBase = _RecordType("RecordBase", (msgspec.Struct,), {"__module__": __name__})

    def record_class(*, kw_only: bool) -> Callable[[_RecordType], _RecordType]:
        """Make a record class of the class below: one that is frozen, and that attrs knows.

        Args:
            kw_only: True, for type checkers: a struct's fields are given by name only.
        """
        return partial(_frozen, kw_only=kw_only)


def unfrozen(
    record_type: type[T], fields: Mapping[str, tuple[Any, Any]] = _AS_THEY_ARE, **config: Any
) -> type[T]:
    """Make a subclass with the same layout whose instances can be filled and then frozen.

    Its fields are stored plainly, and an instance gets its true class afterwards.

    Args:
        record_type: The true class.
        fields: Type and default of each field that msgspec is to read in another way.
        **config: What else `msgspec.Struct` is to know of the class.
    """
    body: dict[str, Any] = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}}
    body |= {name: given for name, (_, given) in fields.items() if given is not msgspec.NODEFAULT}
    name = f"_Unfrozen{record_type.__name__}"
    made: Any = msgspec.StructMeta.__new__(
        _RecordType, name, (record_type,), body, kw_only=True, **config
    )
    # Not in its body, where msgspec would not heed them; and both, since only together they are one
    # slot of CPython's, which is the quick way.
    made.__setattr__ = object.__setattr__
    made.__delattr__ = object.__delattr__
    return cast("type[T]", made)
