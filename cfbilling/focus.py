"""Costs as FOCUS rows, from whichever version of the API an account is let into.

Specification: https://focus.finops.org/focus-specification/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from cfbilling._record import optional, required, unfrozen
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


_RENAMED = MappingProxyType(
    {
        "cumulated_contracted_cost": "x_cumulated_contracted_cost",
        "cumulated_pricing_quantity": "x_cumulated_pricing_quantity",
        "service_family_name": "x_service_family_name",
        "subscription_id": "x_subscription_id",
        "zone_id": "x_zone_id",
        "zone_name": "x_zone_name",
    }
)
# What is not copied as it is.
_GIVEN = ("charge_period_end", "billing_period_end", "service_name", "service_category")


def _maker(record_type: type[ChargeRecord], source: str) -> Callable[..., FocusRecord]:
    """Generate the function that copies a record into a row, in a straight line.

    Its arguments are the record and what `_GIVEN` names. A call with all columns by name would
    take four times as long.
    """
    copied = {_RENAMED.get(name, name): name for name in record_type.wire_names}
    lines = [f"def make(record, {', '.join(_GIVEN)}):", " row = new(Unfrozen)"]
    for name in FocusRecord.wire_names:
        value = f"record.{copied[name]}" if name in copied else None
        lines.append(f" row.{name} = {name if name in _GIVEN else value}")
    lines += [f" row.x_source = {source!r}", " row.extra = record.extra"]
    lines += [" row.__class__ = Frozen", " return row"]
    scope: dict[str, Any] = {
        "new": object.__new__,
        "Unfrozen": unfrozen(FocusRecord),
        "Frozen": FocusRecord,
    }
    exec("\n".join(lines), scope)  # noqa: S102 - of our own names only
    make: Callable[..., FocusRecord] = scope["make"]
    return make


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
    if end is None or (end.tzinfo is UTC and end.hour < _LAST_SECOND.hour):
        return end
    moment = end
    if end.tzinfo is not None:
        try:
            moment = end.astimezone(UTC)
        except OverflowError:
            return end
    if moment.time() < _LAST_SECOND or moment.date() == date.max:
        return end
    return datetime.combine(moment.date() + timedelta(days=1), time(), UTC)


_PeriodEnd: TypeAlias = Callable[[datetime, str | None], datetime | None]


def _unknown_end(_start: datetime, _subscription_id: str | None) -> None:
    return None


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
        for name in names:
            if name and (found := find(name)):
                return found
        return _OTHER

    make_of_usage = _maker(UsageRecord, "v2")
    make_of_billable = _maker(BillableUsageRecord, "v1")

    def of_usage(record: UsageRecord) -> FocusRecord:
        product = record.x_product_family_name
        names = product, record.x_billable_metric_name, record.x_product_category_name
        end = _exclusive(record.charge_period_end)
        return make_of_usage(record, end, record.billing_period_end, product, category(*names))

    def of_billable(record: BillableUsageRecord, period_end: _PeriodEnd) -> FocusRecord:
        service, start = record.service_name, record.billing_period_start
        return make_of_billable(
            record,
            _exclusive(record.charge_period_end),
            None if start is None else period_end(start, record.subscription_id),
            service,
            category(service, record.service_family_name),
        )

    def rows(records: Iterable[ChargeRecord], cycles: BillingCycles | None) -> list[FocusRecord]:
        made: list[FocusRecord] = []
        # The rows of a batch are of few periods.
        period_end = cache(cycles.period_end if cycles is not None else _unknown_end)
        for record in records:
            if isinstance(record, UsageRecord):
                made.append(of_usage(record))
            elif isinstance(record, BillableUsageRecord):
                made.append(of_billable(record, period_end))
            else:
                raise TypeError(f"no costs are known of a {type(record).__name__}")
        return made

    return rows
