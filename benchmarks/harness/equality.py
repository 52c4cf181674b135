"""Whether two contenders returned the same records: field by field, on the wire's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from cfbilling import UsageRecord

__all__ = ["assert_same_as_floor", "assert_same_as_sdk"]


def _present(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wire.items() if value is not None}


def _ours(record: UsageRecord) -> dict[str, Any]:
    assert not record.extra, record.extra
    return _present(
        {wire_name: getattr(record, name) for name, wire_name in record.wire_names.items()}
    )


def _theirs(model: BaseModel) -> dict[str, Any]:
    # Not from a dump: the SDK's models keep the undecoded values beside the typed ones.
    fields = type(model).model_fields
    return _present({field.alias or name: getattr(model, name) for name, field in fields.items()})


def _with_floats(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value for name, value in wire.items()
    }


def assert_same_as_sdk(ours: list[UsageRecord], theirs: Iterable[BaseModel]) -> None:
    """Compare with the SDK's models, whose numbers are floats."""
    for record, model in zip(ours, theirs, strict=True):
        expected = _theirs(model)
        assert isinstance(expected["ChargePeriodStart"], datetime)
        assert _with_floats(_ours(record)) == expected, (record, expected)


def assert_same_as_floor(ours: list[UsageRecord], rows: Iterable[dict[str, Any]]) -> None:
    """Compare with exact values by the wire's names, digit for digit."""
    for record, row in zip(ours, rows, strict=True):
        mine, expected = _ours(record), _present(row)
        assert mine == expected, (record, expected)
        assert repr(mine) == repr({name: expected[name] for name in mine}), (record, expected)
