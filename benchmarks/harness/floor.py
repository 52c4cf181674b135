"""The floor: what gunzip and `msgspec` alone need to make typed values of a whole body."""

from __future__ import annotations

import zlib
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["FloorRecord", "decode_at_once", "wire_values"]

_GZIP_WBITS = 16 + zlib.MAX_WBITS


def _wire_name(name: str) -> str:
    prefix, words = ("x_", name[2:]) if name.startswith("x_") else ("", name)
    return prefix + words.title().replace("_", "")


class FloorRecord(msgspec.Struct, rename=_wire_name):
    """A usage record, no more than its fields."""

    billing_account_id: str
    billing_account_name: str
    charge_category: str
    charge_description: str
    charge_frequency: str
    charge_period_end: datetime
    charge_period_start: datetime
    consumed_quantity: Decimal
    consumed_unit: str
    host_provider_name: str
    invoice_issuer_name: str
    service_provider_name: str
    x_billable_metric_name: str
    billed_cost: Decimal | None = None
    billing_currency: str | None = None
    billing_period_end: datetime | None = None
    billing_period_start: datetime | None = None
    charge_class: str | None = None
    contracted_cost: Decimal | None = None
    contracted_unit_price: Decimal | None = None
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    list_unit_price: Decimal | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    region_id: str | None = None
    region_name: str | None = None
    sub_account_id: str | None = None
    sub_account_name: str | None = None
    tags: dict[str, str | bool] | None = None
    x_billable_metric_id: str | None = None
    x_product_category_name: str | None = None
    x_product_family_id: str | None = None
    x_product_family_name: str | None = None
    x_zone_id: str | None = None
    x_zone_name: str | None = None


class _Envelope(msgspec.Struct):
    success: bool
    result: list[FloorRecord]


_DECODER = msgspec.json.Decoder(_Envelope)


def decode_at_once(body: bytes) -> list[FloorRecord]:
    """Decode a gzip body whole."""
    envelope = _DECODER.decode(zlib.decompress(body, _GZIP_WBITS))
    assert envelope.success
    return envelope.result


def wire_values(record: FloorRecord) -> dict[str, Any]:
    """Return the values by their names on the wire."""
    names = record.__struct_encode_fields__
    return dict(zip(names, msgspec.structs.astuple(record), strict=True))
