"""The sandbox's own records, in the forms in which a file must have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

__all__ = ["JANUARY", "MONTH", "cells", "comparable", "parsed"]

JANUARY = date(2025, 1, 1), date(2025, 2, 1)
MONTH = ("--month", "2025-01")


def _comparable(name: str, value: object) -> object:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value).as_tuple()
    return datetime.fromisoformat(value) if isinstance(value, str) and "Period" in name else value


def comparable(wires: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return wire objects in a form that shows each digit; null is the same as absent."""
    return [
        {name: _comparable(name, value) for name, value in wire.items() if value is not None}
        for wire in wires
    ]


def parsed(line: str | bytes) -> dict[str, object]:
    """Return the object of a line, each number with its digits."""
    found: dict[str, object] = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    return found


def cells(wire: Mapping[str, object], header: list[str]) -> dict[str, str]:
    """Return the text that a CSV reader must find for a wire object."""
    return {name: _cell(name, wire.get(name)) for name in header}


def _cell(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case dict():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case str() if "Period" in name:
            return datetime.fromisoformat(value).isoformat().replace("+00:00", "Z")
    return str(value)
