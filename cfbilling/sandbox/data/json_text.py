"""JSON text in which a number is written exactly as its Decimal says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Literal, TypeAlias

__all__ = ["Json", "Whitespace", "array_marks", "json_text", "object_text"]

Whitespace = Literal["compact", "pretty"]
Json: TypeAlias = "str | Decimal | int | bool | Mapping[str, Json] | Sequence[Json] | None"

_INDENT = "  "


def json_text(
    value: Json, whitespace: Whitespace = "compact", depth: int = 0, *, ascii_only: bool = False
) -> str:
    """Write *value* as JSON.

    Args:
        value: The value; a Decimal becomes the number that ``str`` shows.
        whitespace: Whitespace between members and items.
        depth: Depth of the value, for the indentation.
        ascii_only: Whether to escape every character beyond ASCII.
    """
    if isinstance(value, str):
        return encode_basestring_ascii(value) if ascii_only else encode_basestring(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, Decimal | int):
        return str(value)
    if isinstance(value, Mapping):
        members = (
            (name, json_text(member, whitespace, depth + 1, ascii_only=ascii_only))
            for name, member in value.items()
        )
        return object_text(members, whitespace, depth)
    items = [json_text(item, whitespace, depth + 1, ascii_only=ascii_only) for item in value]
    if not items:
        return "[]"
    start, separator, end = array_marks(whitespace, depth)
    return f"{start}{separator.join(items)}{end}"


def object_text(members: Iterable[tuple[str, str]], whitespace: Whitespace, depth: int) -> str:
    """Write an object whose members are JSON text already."""
    inner, outer = _breaks(whitespace, depth)
    colon = ":" if whitespace == "compact" else ": "
    body = f",{inner}".join(
        f"{encode_basestring_ascii(name)}{colon}{text}" for name, text in members
    )
    return f"{{{inner}{body}{outer}}}" if body else "{}"


def array_marks(whitespace: Whitespace, depth: int) -> tuple[str, str, str]:
    """Return what stands before, between and after the items of an array that has some."""
    inner, outer = _breaks(whitespace, depth)
    return f"[{inner}", f",{inner}", f"{outer}]"


def _breaks(whitespace: Whitespace, depth: int) -> tuple[str, str]:
    if whitespace == "compact":
        return "", ""
    return "\n" + _INDENT * (depth + 1), "\n" + _INDENT * depth
