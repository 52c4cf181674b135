"""How records are compared with the sandbox's truth: digit for digit, instant for instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache

from cfbilling.records import Record

__all__ = ["received", "truth"]

_DATE_TIMES = ("Period", "created_on", "_period_", "occurred_at", "valid_", "_depletion_")


@cache
def _is_date_time(name: str) -> bool:
    return any(part in name for part in _DATE_TIMES)


def _normal(name: str, value: object) -> object:
    if isinstance(value, str):
        return datetime.fromisoformat(value) if _is_date_time(name) else value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return str(value)
    return value


def _row(wire: Mapping[str, object]) -> dict[str, object]:
    return {name: _normal(name, value) for name, value in wire.items() if value is not None}


def truth(wires: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return wire objects in comparable form; null is the same as absent."""
    return [_row(wire) for wire in wires]


def received(records: Iterable[Record]) -> list[dict[str, object]]:
    """Return records in comparable form."""
    return [_row(record.to_wire()) for record in records]
