"""The records: one frozen class for each shape that the service sends.

Each class is the only definition of its record; the decoders are made from it. Fields carry the
wire's names in snake case. Numbers are exact `decimal.Decimal`, date-times are aware
`datetime.datetime`, and a field that was absent or null is ``None``, required or not, since the
vendor's alpha and beta endpoints drop fields between two revisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from cfbilling._record import Column, PlainRecord, Record
from cfbilling._record_type import optional, personal, record_class, required

__all__ = [
    "Account",
    "BillableMetric",
    "BillableUsageRecord",
    "BillingCredits",
    "BillingHistoryItem",
    "BillingProfile",
    "ChargeRecord",
    "Column",
    "NamedId",
    "PaygoRecord",
    "Record",
    "Subscription",
    "UsageRecord",
]


@record_class(kw_only=True)
class ChargeRecord(Record):
    """A record of what was used in one charge period.

    Attributes:
        charge_period_start: The first moment inside, UTC.
        charge_period_end: The first moment outside, UTC.
    """

    charge_period_start: datetime | None = required()
    charge_period_end: datetime | None = required()


@record_class(kw_only=True)
class UsageRecord(ChargeRecord):
    """One billable metric of one account on one day, free-tier usage included (FOCUS v1.3).

    Amounts are in ``billing_currency``, quantities in the unit named beside them.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    billing_account_id: str | None = required(drifts=True)
    billing_account_name: str | None = required(drifts=True)
    charge_category: str | None = required()
    charge_description: str | None = required()
    charge_frequency: str | None = required()
    consumed_quantity: Decimal | None = required()
    consumed_unit: str | None = required()
    host_provider_name: str | None = required()
    invoice_issuer_name: str | None = required()
    service_provider_name: str | None = required()
    x_billable_metric_name: str | None = required(drifts=True)
    billed_cost: Decimal | None = optional()
    billing_currency: str | None = optional()
    billing_period_end: datetime | None = optional()
    billing_period_start: datetime | None = optional()
    charge_class: str | None = optional()
    contracted_cost: Decimal | None = optional()
    contracted_unit_price: Decimal | None = optional()
    effective_cost: Decimal | None = optional()
    list_cost: Decimal | None = optional()
    list_unit_price: Decimal | None = optional()
    pricing_quantity: Decimal | None = optional()
    pricing_unit: str | None = optional()
    region_id: str | None = optional()
    region_name: str | None = optional()
    sub_account_id: str | None = optional()
    sub_account_name: str | None = optional()
    tags: Mapping[str, str | bool] | None = optional(hash=False)
    x_billable_metric_id: str | None = optional()
    x_product_category_name: str | None = optional()
    x_product_family_id: str | None = optional()
    x_product_family_name: str | None = optional()
    x_zone_id: str | None = optional()
    x_zone_name: str | None = optional()


@record_class(kw_only=True)
class PaygoRecord(ChargeRecord):
    """One service's pay-as-you-go usage in one charge period, with running totals.

    The cumulated fields count from ``billing_period_start``. The beta endpoint sends the required
    eleven fields only.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    billing_currency: str | None = required()
    billing_period_start: datetime | None = required()
    consumed_quantity: Decimal | None = required()
    consumed_unit: str | None = required()
    contracted_cost: Decimal | None = required()
    cumulated_contracted_cost: Decimal | None = required()
    cumulated_pricing_quantity: Decimal | None = required()
    pricing_quantity: Decimal | None = required()
    service_name: str | None = required()
    service_family_name: str | None = optional()
    subscription_id: str | None = optional()
    zone_id: str | None = optional()
    zone_name: str | None = optional()


@record_class(kw_only=True)
class BillableUsageRecord(ChargeRecord):
    """One service's usage and costs of one zone on one day: version 1, in the names of FOCUS.

    Overage only: fixed fees are in `Subscription`. The cumulated fields are running totals of the
    billing period: never add them up. There is no id, and rows of equal content occur.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    billed_cost: Decimal | None = required()
    billing_account_id: str | None = required()
    billing_account_name: str | None = optional()
    billing_currency: str | None = required()
    billing_period_start: datetime | None = required()
    charge_category: str | None = required()
    charge_class: str | None = optional()
    charge_description: str | None = optional()
    consumed_quantity: Decimal | None = required()
    consumed_unit: str | None = required()
    contracted_cost: Decimal | None = required()
    cumulated_contracted_cost: Decimal | None = required()
    cumulated_pricing_quantity: Decimal | None = required()
    effective_cost: Decimal | None = required()
    host_provider_name: str | None = required()
    invoice_issuer_name: str | None = required()
    list_cost: Decimal | None = required()
    pricing_quantity: Decimal | None = required()
    pricing_unit: str | None = required()
    service_name: str | None = required()
    service_provider_name: str | None = required()
    service_family_name: str | None = optional()
    subscription_id: str | None = optional()
    zone_id: str | None = optional()
    zone_name: str | None = optional()


@record_class(kw_only=True)
class NamedId(Record):
    """A product family or category."""

    id: str | None = optional()
    name: str | None = optional()


@record_class(kw_only=True)
class BillableMetric(Record):
    """A metric that an account's contract bills, and what its usage can be grouped by.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
    """

    id: str | None = optional()
    name: str | None = optional()
    product_family: tuple[NamedId, ...] | None = optional()
    product_category: tuple[NamedId, ...] | None = optional()
    dimension_keys: tuple[str, ...] | None = optional()


@record_class(kw_only=True)
class BillingHistoryItem(PlainRecord):
    """An invoice, a payment or a refund of an account.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/
    """

    id: str | None = optional()
    action: str | None = optional()
    amount: Decimal | None = optional()
    amount_to_pay: Decimal | None = optional()
    currency: str | None = optional()
    description: str | None = optional()
    external_invoice_id: str | None = optional()
    hosted_invoice_url: str | None = personal()
    invoice_id: str | None = optional()
    occurred_at: datetime | None = optional()
    receipt_id: str | None = optional()
    source: str | None = optional()
    source_invoice_id: str | None = optional()
    status: str | None = optional()
    type: str | None = optional()


@record_class(kw_only=True)
class BillingCredits(PlainRecord):
    """An account's credits; the balance and the original amount are in cents.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/
    """

    confirmed_balance_cents: Decimal | None = optional()
    original_amount_cents: Decimal | None = optional()
    days_remaining: Decimal | None = optional()
    percent_consumed: Decimal | None = optional()
    currency: str | None = optional()
    eligible: bool | None = optional()
    has_record: bool | None = optional()
    projected_depletion_date: datetime | None = optional()
    valid_from: datetime | None = optional()
    valid_to: datetime | None = optional()


@record_class(kw_only=True)
class Subscription(PlainRecord):
    """A fixed fee of an account: it is in no record of usage.

    Vendor's document: https://developers.cloudflare.com/api/resources/accounts/subresources/subscriptions/
    """

    id: str | None = optional()
    currency: str | None = optional()
    current_period_start: datetime | None = optional()
    current_period_end: datetime | None = optional()
    frequency: str | None = optional()
    price: Decimal | None = optional()
    rate_plan: Mapping[str, object] | None = optional(hash=False)
    state: str | None = optional()


@record_class(kw_only=True)
class Account(PlainRecord):
    """An account that the credential sees.

    Vendor's document: https://developers.cloudflare.com/api/resources/accounts/
    """

    id: str | None = optional()
    name: str | None = optional()
    type: str | None = optional()
    created_on: datetime | None = optional()
    settings: Mapping[str, object] | None = optional(hash=False)


@record_class(kw_only=True)
class BillingProfile(PlainRecord):
    """Who pays for an account and how: personal data.

    Its ``repr`` shows ``id``, ``account_type`` and ``country`` only. ``balance`` is a decimal
    that the wire carries in a string.

    Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/profiles/
    """

    strings_with_numbers: ClassVar[frozenset[str]] = frozenset({"balance"})

    id: str | None = optional()
    account_type: str | None = optional()
    address: str | None = personal()
    address2: str | None = personal()
    balance: Decimal | None = personal()
    card_expiry_month: Decimal | None = personal()
    card_expiry_year: Decimal | None = personal()
    card_number: str | None = personal()
    city: str | None = personal()
    company: str | None = personal()
    country: str | None = optional()
    created_on: datetime | None = personal()
    device_data: str | None = personal()
    edited_on: str | None = personal()
    enterprise_billing_email: str | None = personal()
    enterprise_primary_email: str | None = personal()
    first_name: str | None = personal()
    is_partner: bool | None = personal()
    last_name: str | None = personal()
    next_bill_date: str | None = personal()
    payment_address: str | None = personal()
    payment_address2: str | None = personal()
    payment_city: str | None = personal()
    payment_country: str | None = personal()
    payment_email: str | None = personal()
    payment_first_name: str | None = personal()
    payment_gateway: str | None = personal()
    payment_last_name: str | None = personal()
    payment_nonce: str | None = personal()
    payment_state: str | None = personal()
    payment_zipcode: str | None = personal()
    primary_email: str | None = personal()
    state: str | None = personal()
    tax_id_type: str | None = personal()
    telephone: str | None = personal()
    use_legacy: bool | None = personal()
    validation_code: str | None = personal()
    vat: str | None = personal()
    zipcode: str | None = personal()
