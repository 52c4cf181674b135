"""The columns of a record type, for the formats that have columns."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import attrs
import msgspec

from cfbilling import BillingProfile, PaygoRecord, UsageRecord

__all__ = ["Column", "Record", "RecordType", "columns_of", "json_of", "rfc3339"]

Record = UsageRecord | PaygoRecord | BillingProfile
RecordType = type[UsageRecord] | type[PaygoRecord] | type[BillingProfile]

_KINDS = (str, bool, Decimal, datetime)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@attrs.frozen
class Column:
    """One documented field.

    Attributes:
        name: The record's attribute.
        wire_name: Its name on the wire, which is the column's.
        kind: The type of its values; `dict` for an object.
    """

    name: str
    wire_name: str
    kind: type


def columns_of(record_type: RecordType) -> list[Column]:
    """Return the documented fields of a record type, in the order of its class."""
    hints = get_type_hints(record_type)
    return [
        Column(name, wire_name, _kind(hints[name]))
        for name, wire_name in record_type.wire_names.items()
    ]


def _kind(hint: Any) -> type:
    return next((kind for kind in _KINDS if kind in get_args(hint)), dict)


def rfc3339(moment: datetime) -> str:
    """Return a time as the wire has it, in UTC."""
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        # At the calendar's edge, the offset that it came with has to stay.
        return moment.isoformat()


def json_of(value: object) -> bytes:
    """Return JSON in which each number has the digits that were sent."""
    return _ENCODER.encode(value)
