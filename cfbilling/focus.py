"""Costs as FOCUS rows, from whichever version of the API an account is let into.

Specification: https://focus.finops.org/focus-specification/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import attrs

from cfbilling._record import optional, required
from cfbilling.cycles import BillingCycles
from cfbilling.records import BillableUsageRecord, ChargeRecord, UsageRecord

__all__ = ["SERVICE_CATEGORIES", "FocusRecord", "ServiceCategories", "focus_rows"]

_OTHER = "Other"
_LAST_SECOND = time(23, 59, 59)
_MOST_NAMES = 4096

ServiceCategories: TypeAlias = Mapping[str, str]
"""FOCUS's ServiceCategory by the first words of a service's, family's or category's name."""

SERVICE_CATEGORIES: ServiceCategories = MappingProxyType(
    {
        "access": "Identity",
        "ai gateway": "AI and Machine Learning",
        "analytics engine": "Analytics",
        "api shield": "Security",
        "argo": "Networking",
        "bot management": "Security",
        "browser isolation": "Security",
        "browser rendering": "Compute",
        "cache": "Networking",
        "calls": "Media",
        "cdn": "Networking",
        "containers": "Compute",
        "d1": "Databases",
        "ddos": "Security",
        "dns": "Networking",
        "durable objects": "Compute",
        "email": "Business Applications",
        "gateway": "Security",
        "hyperdrive": "Databases",
        "images": "Media",
        "load balancing": "Networking",
        "logpush": "Management and Governance",
        "logs": "Management and Governance",
        "magic": "Networking",
        "pages": "Web",
        "pipelines": "Integration",
        "queues": "Integration",
        "r2": "Storage",
        "rate limiting": "Security",
        "realtime": "Media",
        "spectrum": "Networking",
        "ssl": "Security",
        "stream": "Media",
        "tunnel": "Networking",
        "turnstile": "Security",
        "vectorize": "AI and Machine Learning",
        "waf": "Security",
        "waiting room": "Web",
        "workers": "Compute",
        "workers ai": "AI and Machine Learning",
        "workers analytics engine": "Analytics",
        "workers for platforms": "Compute",
        "workers kv": "Databases",
        "workers logs": "Management and Governance",
        "workflows": "Compute",
        "zaraz": "Web",
        "zero trust": "Security",
    }
)
"""The categories of the vendor's services, by this package: the vendor names none."""


@attrs.frozen(kw_only=True)
class FocusRecord(ChargeRecord):
    """One charge in the names of FOCUS 1.3; what the service does not tell is ``None``.

    The first 21 columns are those that FOCUS makes mandatory; ``service_category`` is by this
    package's own table, since the vendor has none. What is not of FOCUS begins with ``x_``. The
    cumulated columns are running totals of the billing period: never add them up.
    """

    billed_cost: Decimal | None = required()
    billing_account_id: str | None = required()
    billing_account_name: str | None = required()
    billing_currency: str | None = required()
    billing_period_end: datetime | None = required()
    billing_period_start: datetime | None = required()
    charge_category: str | None = required()
    charge_class: str | None = required()
    charge_description: str | None = required()
    contracted_cost: Decimal | None = required()
    effective_cost: Decimal | None = required()
    host_provider_name: str | None = required()
    invoice_issuer_name: str | None = required()
    list_cost: Decimal | None = required()
    pricing_quantity: Decimal | None = required()
    pricing_unit: str | None = required()
    service_category: str | None = required()
    service_name: str | None = required()
    service_provider_name: str | None = required()
    charge_frequency: str | None = optional()
    consumed_quantity: Decimal | None = optional()
    consumed_unit: str | None = optional()
    contracted_unit_price: Decimal | None = optional()
    list_unit_price: Decimal | None = optional()
    region_id: str | None = optional()
    region_name: str | None = optional()
    sub_account_id: str | None = optional()
    sub_account_name: str | None = optional()
    tags: Mapping[str, str | bool] | None = optional(hash=False)
    x_billable_metric_id: str | None = optional()
    x_billable_metric_name: str | None = optional()
    x_cumulated_contracted_cost: Decimal | None = optional()
    x_cumulated_pricing_quantity: Decimal | None = optional()
    x_product_category_name: str | None = optional()
    x_product_family_id: str | None = optional()
    x_product_family_name: str | None = optional()
    x_service_family_name: str | None = optional()
    x_source: str | None = optional()
    x_subscription_id: str | None = optional()
    x_zone_id: str | None = optional()
    x_zone_name: str | None = optional()


_SAME = tuple(
    name
    for name in UsageRecord.wire_names
    if name in FocusRecord.wire_names and name != "charge_period_end"
)
_SAME_V1 = tuple(
    name
    for name in BillableUsageRecord.wire_names
    if name in FocusRecord.wire_names and name != "charge_period_end"
)
_RENAMED_V1 = MappingProxyType(
    {
        "cumulated_contracted_cost": "x_cumulated_contracted_cost",
        "cumulated_pricing_quantity": "x_cumulated_pricing_quantity",
        "service_family_name": "x_service_family_name",
        "subscription_id": "x_subscription_id",
        "zone_id": "x_zone_id",
        "zone_name": "x_zone_name",
    }
)


def _category_finder(categories: ServiceCategories) -> Callable[[str], str | None]:
    by_name = {name.casefold(): category for name, category in categories.items()}

    @lru_cache(_MOST_NAMES)
    def find(name: str) -> str | None:
        words = name.casefold().split()
        # The longest name of the table that it begins with.
        beginnings = (" ".join(words[:count]) for count in range(len(words), 0, -1))
        return next((by_name[text] for text in beginnings if text in by_name), None)

    return find


def _exclusive(end: datetime | None) -> datetime | None:
    """Return the first moment outside; one text of the vendor's names the last second instead."""
    if end is None or end.time() < _LAST_SECOND or end.date() == date.max:
        return end
    return datetime.combine(end.date() + timedelta(days=1), time(), end.tzinfo or UTC)


def focus_rows(
    categories: ServiceCategories = SERVICE_CATEGORIES,
) -> Callable[[Iterable[ChargeRecord], BillingCycles | None], list[FocusRecord]]:
    """Return what makes FOCUS rows of usage with costs, or of version 1's records.

    Args:
        categories: FOCUS's ServiceCategory by the beginning of a name, whole words, in any case.
            Service, family and category of a record are looked up in turn; what none of them
            finds is ``Other``.
    """
    find = _category_finder(categories)

    def category(*names: str | None) -> str:
        found = (find(name) for name in names if name)
        return next((category for category in found if category), _OTHER)

    def of_usage(record: UsageRecord) -> FocusRecord:
        return FocusRecord(
            **{name: getattr(record, name) for name in _SAME},
            charge_period_end=_exclusive(record.charge_period_end),
            service_name=record.x_product_family_name,
            service_category=category(
                record.x_product_family_name,
                record.x_billable_metric_name,
                record.x_product_category_name,
            ),
            x_source="v2",
            extra=record.extra,
        )

    def of_billable(record: BillableUsageRecord, cycles: BillingCycles | None) -> FocusRecord:
        start, end = record.billing_period_start, None
        if cycles is not None and start is not None:
            end = cycles.period_end(start, record.subscription_id)
        return FocusRecord(
            **{name: getattr(record, name) for name in _SAME_V1},
            **{new: getattr(record, old) for old, new in _RENAMED_V1.items()},
            charge_period_end=_exclusive(record.charge_period_end),
            billing_period_end=end,
            service_category=category(record.service_name, record.service_family_name),
            x_source="v1",
            extra=record.extra,
        )

    def rows(records: Iterable[ChargeRecord], cycles: BillingCycles | None) -> list[FocusRecord]:
        made: list[FocusRecord] = []
        for record in records:
            if isinstance(record, UsageRecord):
                made.append(of_usage(record))
            elif isinstance(record, BillableUsageRecord):
                made.append(of_billable(record, cycles))
            else:
                raise TypeError(f"no costs are known of a {type(record).__name__}")
        return made

    return rows
