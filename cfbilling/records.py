"""The records: one frozen class for each shape that the service sends.

Each class is the only definition of its record; the decoders are made from it. Fields carry the
wire's names in snake case. Numbers are exact `decimal.Decimal`, date-times are aware
`datetime.datetime`, and a field that was absent or null is ``None``, required or not, since the
vendor's alpha and beta endpoints drop fields between two revisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import attrs
import msgspec

__all__ = ["BillingProfile", "ChargeRecord", "Column", "PaygoRecord", "Record", "UsageRecord"]

# By the text of a field's annotation: evaluating all of them would slow the import down.
_KINDS: Mapping[str, type] = MappingProxyType(
    {
        "str | None": str,
        "bool | None": bool,
        "Decimal | None": Decimal,
        "datetime | None": datetime,
        "Mapping[str, str | bool] | None": dict,
    }
)


def _focus_name(name: str) -> str:
    prefix, rest = ("x_", name[2:]) if name.startswith("x_") else ("", name)
    return prefix + "".join(word.capitalize() for word in rest.split("_"))


def _required(*, drifts: bool = False) -> Any:
    # What drifts is required in one published revision of the vendor's reference only.
    return attrs.field(default=None, metadata={"required": True, "drifts": drifts})


def _optional(*, hash: bool | None = None) -> Any:  # noqa: A002 - attrs' own word
    return attrs.field(default=None, hash=hash)


def _personal() -> Any:
    return attrs.field(default=None, repr=False)


def _to_wire(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        # At the calendar's edge, the offset that it came with has to stay.
        return value.isoformat()


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="number")


@attrs.frozen
class Column:
    """One documented field of a record class.

    Attributes:
        name: The record's attribute.
        wire_name: The field's name on the wire.
        kind: The type of its values: `str`, `bool`, `decimal.Decimal`, `datetime.datetime`, or
            `dict` for an object. Any value may be ``None`` instead.
    """

    name: str
    wire_name: str
    kind: type


@attrs.frozen(kw_only=True)
class Record:
    """What all records have in common.

    Attributes:
        extra: The fields that this version does not know, by their wire names.
    """

    strings_with_numbers: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose number stands in a string on the wire."""

    extra: dict[str, object] = attrs.field(factory=dict, hash=False, repr=False)

    columns: ClassVar[tuple[Column, ...]] = ()
    """The documented fields, in order; without ``extra``."""

    wire_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Each attribute's name on the wire, in order; without ``extra``."""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        cls.columns = tuple(
            Column(field.name, cls._wire_name(field.name), _KINDS[str(field.type)])
            for field in attrs.fields(cls)
            if field.name != "extra"
        )
        cls.wire_names = MappingProxyType({c.name: c.wire_name for c in cls.columns})

    @staticmethod
    def _wire_name(name: str) -> str:
        return _focus_name(name)

    def to_wire(self) -> dict[str, object]:
        """Return the record as a dict with the wire's names, the way the service sends it.

        Absent fields are left out, date-times are RFC 3339 text in UTC, numbers stay `Decimal`,
        unknown fields come last. Decoding the result's JSON gives an equal record.
        """
        wire: dict[str, object] = {}
        for name, wire_name in self.wire_names.items():
            value = getattr(self, name)
            if value is not None:
                in_string = name in self.strings_with_numbers
                wire[wire_name] = str(value) if in_string else _to_wire(value)
        return wire | self.extra

    def to_json(self) -> bytes:
        """Return the record as the JSON that the service would send, each number digit for digit.

        It is the JSON of `to_wire`, in UTF-8 and without white space.
        """
        return _encoder().encode(self.to_wire())


@attrs.frozen(kw_only=True)
class ChargeRecord(Record):
    """A record of what was used in one charge period.

    Attributes:
        charge_period_start: The first moment inside, UTC.
        charge_period_end: The first moment outside, UTC.
    """

    charge_period_start: datetime | None = _required()
    charge_period_end: datetime | None = _required()


@attrs.frozen(kw_only=True)
class UsageRecord(ChargeRecord):
    """One billable metric of one account on one day, free-tier usage included (FOCUS v1.3).

    Amounts are in ``billing_currency``, quantities in the unit named beside them.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    billing_account_id: str | None = _required(drifts=True)
    billing_account_name: str | None = _required(drifts=True)
    charge_category: str | None = _required()
    charge_description: str | None = _required()
    charge_frequency: str | None = _required()
    consumed_quantity: Decimal | None = _required()
    consumed_unit: str | None = _required()
    host_provider_name: str | None = _required()
    invoice_issuer_name: str | None = _required()
    service_provider_name: str | None = _required()
    x_billable_metric_name: str | None = _required(drifts=True)
    billed_cost: Decimal | None = _optional()
    billing_currency: str | None = _optional()
    billing_period_end: datetime | None = _optional()
    billing_period_start: datetime | None = _optional()
    charge_class: str | None = _optional()
    contracted_cost: Decimal | None = _optional()
    contracted_unit_price: Decimal | None = _optional()
    effective_cost: Decimal | None = _optional()
    list_cost: Decimal | None = _optional()
    list_unit_price: Decimal | None = _optional()
    pricing_quantity: Decimal | None = _optional()
    pricing_unit: str | None = _optional()
    region_id: str | None = _optional()
    region_name: str | None = _optional()
    sub_account_id: str | None = _optional()
    sub_account_name: str | None = _optional()
    tags: Mapping[str, str | bool] | None = _optional(hash=False)
    x_billable_metric_id: str | None = _optional()
    x_product_category_name: str | None = _optional()
    x_product_family_id: str | None = _optional()
    x_product_family_name: str | None = _optional()
    x_zone_id: str | None = _optional()
    x_zone_name: str | None = _optional()


@attrs.frozen(kw_only=True)
class PaygoRecord(ChargeRecord):
    """One service's pay-as-you-go usage in one charge period, with running totals.

    The cumulated fields count from ``billing_period_start``. The beta endpoint sends the required
    eleven fields only.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    billing_currency: str | None = _required()
    billing_period_start: datetime | None = _required()
    consumed_quantity: Decimal | None = _required()
    consumed_unit: str | None = _required()
    contracted_cost: Decimal | None = _required()
    cumulated_contracted_cost: Decimal | None = _required()
    cumulated_pricing_quantity: Decimal | None = _required()
    pricing_quantity: Decimal | None = _required()
    service_name: str | None = _required()
    service_family_name: str | None = _optional()
    subscription_id: str | None = _optional()
    zone_id: str | None = _optional()
    zone_name: str | None = _optional()


@attrs.frozen(kw_only=True)
class BillingProfile(Record):
    """Who pays for an account and how: personal data.

    Its ``repr`` shows ``id``, ``account_type`` and ``country`` only. ``balance`` is a decimal
    that the wire carries in a string.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/profiles/
    """

    strings_with_numbers: ClassVar[frozenset[str]] = frozenset({"balance"})

    id: str | None = _optional()
    account_type: str | None = _optional()
    address: str | None = _personal()
    address2: str | None = _personal()
    balance: Decimal | None = _personal()
    card_expiry_month: Decimal | None = _personal()
    card_expiry_year: Decimal | None = _personal()
    card_number: str | None = _personal()
    city: str | None = _personal()
    company: str | None = _personal()
    country: str | None = _optional()
    created_on: datetime | None = _personal()
    device_data: str | None = _personal()
    edited_on: str | None = _personal()
    enterprise_billing_email: str | None = _personal()
    enterprise_primary_email: str | None = _personal()
    first_name: str | None = _personal()
    is_partner: bool | None = _personal()
    last_name: str | None = _personal()
    next_bill_date: str | None = _personal()
    payment_address: str | None = _personal()
    payment_address2: str | None = _personal()
    payment_city: str | None = _personal()
    payment_country: str | None = _personal()
    payment_email: str | None = _personal()
    payment_first_name: str | None = _personal()
    payment_gateway: str | None = _personal()
    payment_last_name: str | None = _personal()
    payment_nonce: str | None = _personal()
    payment_state: str | None = _personal()
    payment_zipcode: str | None = _personal()
    primary_email: str | None = _personal()
    state: str | None = _personal()
    tax_id_type: str | None = _personal()
    telephone: str | None = _personal()
    use_legacy: bool | None = _personal()
    validation_code: str | None = _personal()
    vat: str | None = _personal()
    zipcode: str | None = _personal()

    @staticmethod
    def _wire_name(name: str) -> str:
        # The profile's fields are in snake case on the wire already.
        return name
