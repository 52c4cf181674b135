"""Costs as FOCUS rows, from whichever version of the API an account is let into.

Specification: https://focus.finops.org/focus-specification/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from cfbilling._record import Column
from cfbilling._record_type import optional, record_class, required, unfrozen
from cfbilling._services import SERVICE_CATEGORIES, ServiceCategories, service_finder
from cfbilling._units import focus_unit
from cfbilling.cycles import BillingCycles
from cfbilling.errors import ConfigurationError
from cfbilling.records import BillableUsageRecord, ChargeRecord, UsageRecord

__all__ = ["SERVICE_CATEGORIES", "FocusRecord", "FocusRows", "ServiceCategories", "focus_rows"]

_LAST_SECOND = time(23, 59, 59)
_MOST_NAMES = 4096
_USAGE, _USAGE_BASED = "Usage", "Usage-Based"
_COSTS = ("billed_cost", "contracted_cost", "effective_cost", "list_cost")


@record_class(kw_only=True)
class FocusRecord(ChargeRecord):
    """One charge in the names of FOCUS 1.3 and 1.2; what the service does not tell is ``None``.

    FOCUS's columns come first, then those that begin with ``x_`` and are none of FOCUS's; either
    in the order of the alphabet. ``service_category`` and ``service_subcategory`` are by this
    package's own table, since the vendor has none; ``provider_name`` and ``publisher_name``, which
    FOCUS 1.2 demands, are 1.3's ``service_provider_name``. Units are spelled as FOCUS spells them,
    moments are whole seconds, and there is no empty text. The cumulated columns are running totals
    of the billing period: never add them up.
    """

    extra_name: ClassVar[str] = "x_Extra"

    billed_cost: Decimal | None = required()
    billing_account_id: str | None = required()
    billing_account_name: str | None = required()
    billing_currency: str | None = required()
    billing_period_end: datetime | None = required()
    billing_period_start: datetime | None = required()
    charge_category: str | None = required()
    charge_class: str | None = required()
    charge_description: str | None = required()
    charge_frequency: str | None = optional()
    charge_period_end: datetime | None = required()
    charge_period_start: datetime | None = required()
    consumed_quantity: Decimal | None = optional()
    consumed_unit: str | None = optional()
    contracted_cost: Decimal | None = required()
    contracted_unit_price: Decimal | None = optional()
    effective_cost: Decimal | None = required()
    host_provider_name: str | None = required()
    invoice_id: str | None = optional()
    invoice_issuer_name: str | None = required()
    list_cost: Decimal | None = required()
    list_unit_price: Decimal | None = optional()
    pricing_quantity: Decimal | None = required()
    pricing_unit: str | None = required()
    provider_name: str | None = optional()
    publisher_name: str | None = optional()
    region_id: str | None = optional()
    region_name: str | None = optional()
    service_category: str | None = required()
    service_name: str | None = required()
    service_provider_name: str | None = required()
    service_subcategory: str | None = optional()
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


# Which field of a record a column is, where it is not the one of its own name.
_FROM = MappingProxyType(
    {
        "provider_name": "service_provider_name",
        "publisher_name": "service_provider_name",
        "x_cumulated_contracted_cost": "cumulated_contracted_cost",
        "x_cumulated_pricing_quantity": "cumulated_pricing_quantity",
        "x_service_family_name": "service_family_name",
        "x_subscription_id": "subscription_id",
        "x_zone_id": "zone_id",
        "x_zone_name": "zone_name",
    }
)
# The arguments of what `_maker` generates, and the columns that are no copies.
_GIVEN = ("period_end", "frequency", "name", "kind")
_MADE = MappingProxyType(
    {
        "billing_period_end": "period_end",
        "charge_frequency": "frequency",
        "charge_period_end": "exclusive(record.charge_period_end)",
        "service_category": "kind[0]",
        "service_name": "name",
        "service_subcategory": "kind[1]",
    }
)


def _expression(column: Column, fields: Mapping[str, str]) -> str:
    """Return what a column is made of, for the function that `_maker` generates."""
    name = column.name
    source = name if name in fields else _FROM.get(name)
    if name in _MADE:
        return _MADE[name]
    if source not in fields:
        return "None"
    if name.endswith("_unit"):
        return f"unit(record.{source})"
    if column.kind is datetime:
        return f"whole(record.{source})"
    return f"record.{source} or None" if column.kind is str else f"record.{source}"


def _maker(record_type: type[ChargeRecord], source: str) -> Callable[..., FocusRecord]:
    """Generate the function that copies a record into a row, in a straight line.

    Its arguments are the record and what `_GIVEN` names. A call with all columns by name would
    take four times as long.
    """
    fields = record_type.wire_names
    copied = [f" row.{each.name} = {_expression(each, fields)}" for each in FocusRecord.columns]
    lines = [f"def make(record, {', '.join(_GIVEN)}):", " row = Unfrozen()", *copied]
    lines += [f" row.x_source = {source!r}", " row.extra = record.extra"]
    lines += [" row.__class__ = Frozen", " return row"]
    scope: dict[str, Any] = {
        "unit": lru_cache(_MOST_NAMES)(focus_unit),
        "whole": _whole,
        "exclusive": _exclusive,
        "Unfrozen": unfrozen(FocusRecord),
        "Frozen": FocusRecord,
    }
    exec("\n".join(lines), scope)  # noqa: S102 - of our own names only
    make: Callable[..., FocusRecord] = scope["make"]
    return make


def _whole(moment: datetime | None) -> datetime | None:
    """Return the second that a moment is in: FOCUS knows no parts of one."""
    if moment is None or not moment.microsecond:
        return moment
    return moment.replace(microsecond=0)


def _exclusive(end: datetime | None) -> datetime | None:
    """Return the first moment outside; one text of the vendor's names the last second instead."""
    if end is None or (end.tzinfo is UTC and end.hour < _LAST_SECOND.hour):
        return _whole(end)
    moment = end
    if end.tzinfo is not None:
        try:
            moment = end.astimezone(UTC)
        except OverflowError:
            return _whole(end)
    if moment.time() < _LAST_SECOND or moment.date() == date.max:
        return _whole(end)
    return datetime.combine(moment.date() + timedelta(days=1), time(), UTC)


_PeriodEnd: TypeAlias = Callable[[datetime, str | None], datetime | None]


def _unknown_end(_start: datetime, _subscription_id: str | None) -> None:
    return None


FocusRows: TypeAlias = Callable[[Iterable[ChargeRecord], BillingCycles | None], list[FocusRecord]]
"""Makes FOCUS rows of records, and of the cycles that they are billed by where those are known."""


def focus_rows(
    categories: ServiceCategories = SERVICE_CATEGORIES, *, is_priced: bool = False
) -> FocusRows:
    """Return what makes FOCUS rows of usage with costs, or of version 1's records.

    Args:
        categories: FOCUS's ServiceCategory by the beginning of a name, whole words, in any case.
            Service and family of a record, or product and category, are looked up in turn; what
            none of them finds is ``Other``.
        is_priced: Whether the records are of a source that tells costs, so that one without any
            is a charge all the same.

    Returns:
        What takes records, and the cycles that version 1's are billed by where they are known. It
        raises `ConfigurationError` for records that tell no costs: FOCUS is about nothing else.
    """
    find = service_finder(categories)
    make_of_usage = _maker(UsageRecord, "v2")
    make_of_billable = _maker(BillableUsageRecord, "v1")

    def of_usage(record: UsageRecord) -> FocusRecord:
        product = record.x_product_family_name or None
        # Of one service there is one category, whatever is metered of it.
        service = find(product or record.x_billable_metric_name, record.x_product_category_name)
        end = _whole(record.billing_period_end)
        return make_of_usage(record, end, record.charge_frequency or None, product, service)

    def of_billable(record: BillableUsageRecord, period_end: _PeriodEnd) -> FocusRecord:
        name, start = record.service_name or None, record.billing_period_start
        return make_of_billable(
            record,
            None if start is None else period_end(start, record.subscription_id),
            # What is charged for usage repeats with every use, by FOCUS's definition.
            _USAGE_BASED if record.charge_category == _USAGE else None,
            name,
            find(name, record.service_family_name),
        )

    def rows(records: Iterable[ChargeRecord], cycles: BillingCycles | None) -> list[FocusRecord]:
        made: list[FocusRecord] = []
        # The rows of a batch are of few periods.
        period_end = cache(cycles.period_end if cycles is not None else _unknown_end)
        for record in records:
            if isinstance(record, UsageRecord) and (is_priced or _has_costs(record)):
                made.append(of_usage(record))
            elif isinstance(record, BillableUsageRecord):
                made.append(of_billable(record, period_end))
            else:
                raise _refusal(record)
        return made

    return rows


def _has_costs(record: UsageRecord) -> bool:
    return any(getattr(record, name) is not None for name in _COSTS)


def _refusal(record: object) -> ConfigurationError:
    """Say why something is no FOCUS row."""
    told = f"no FOCUS row can be made of a {type(record).__name__}"
    if isinstance(record, UsageRecord):
        return ConfigurationError(
            f"{told} without costs: take those of costs(), or of usage(cost=True)"
        )
    return ConfigurationError(f"{told}, which does not tell the costs that FOCUS is about")
