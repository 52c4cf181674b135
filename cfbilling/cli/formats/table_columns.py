"""What a table shows of each kind of record: the columns that matter to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs

from cfbilling import (
    Account,
    BillableUsageRecord,
    BillingHistoryItem,
    FocusRecord,
    GroupBy,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)
from cfbilling.cli.cycle_lines import CycleLine
from cfbilling.cli.plain_text import plain_number
from cfbilling.cli.spend.line import SpendLine
from cfbilling.cycles import utc_day

__all__ = ["TableColumn", "columns_of", "group_columns"]

# Of whichever class its table is about.
Value = Callable[[Any], object]


@attrs.frozen
class TableColumn:
    """A column of a table.

    Attributes:
        heading: Its heading.
        width: Its least width.
        value: What it shows of a record.
        is_right: Whether it stands to the right, as numbers do.
    """

    heading: str
    width: int
    value: Value
    is_right: bool = False


def _number(pick: Callable[[Any], Decimal | None]) -> Value:
    def shown(record: Record) -> str | None:
        number = pick(record)
        return None if number is None else plain_number(number)

    return shown


def _day_of(moment: datetime | None) -> str | None:
    return None if moment is None else utc_day(moment).isoformat()


def _period(subscription: Subscription) -> str | None:
    days = subscription.current_period_start, subscription.current_period_end
    return None if days == (None, None) else " to ".join(_day_of(day) or "?" for day in days)


def _plan(subscription: Subscription) -> object:
    plan = subscription.rate_plan or {}
    return plan.get("public_name") or plan.get("id")


def _unpriced(line: SpendLine) -> str:
    return plain_number((line.records_without_cost or 0) + (line.fees_without_price or Decimal(0)))


_DAY = TableColumn("Day", 10, lambda r: _day_of(r.charge_period_start))
_ACCOUNT = TableColumn("Account", 12, lambda r: r.billing_account_name or r.billing_account_id)
_ZONE = TableColumn("Zone", 14, lambda r: r.zone_name or r.zone_id)
_X_ZONE = TableColumn("Zone", 14, lambda r: r.x_zone_name or r.x_zone_id)
_METRIC = TableColumn("Metric", 24, lambda r: r.x_billable_metric_name or r.x_billable_metric_id)
_SERVICE = TableColumn("Service", 24, lambda r: r.service_name)
_CHARGE = TableColumn("Service", 24, lambda r: r.x_billable_metric_name or r.service_name)
_QUANTITY = TableColumn("Quantity", 12, _number(lambda r: r.consumed_quantity), is_right=True)
_UNIT = TableColumn("Unit", 9, lambda r: r.consumed_unit)
_BILLED = TableColumn("Billed", 10, _number(lambda r: r.billed_cost), is_right=True)
_LIST = TableColumn("List", 10, _number(lambda r: r.list_cost), is_right=True)
_CONTRACTED = TableColumn("Contracted", 10, _number(lambda r: r.contracted_cost), is_right=True)
_CUMULATED = TableColumn(
    "Cumulated", 10, _number(lambda r: r.cumulated_contracted_cost), is_right=True
)
_CURRENCY = TableColumn("Cur.", 4, lambda r: r.billing_currency)
_PLAIN_CURRENCY = TableColumn("Cur.", 4, lambda r: r.currency)
_USED = (_QUANTITY, _UNIT)
_COST = (_BILLED, _LIST, _CURRENCY)

_TABLES: Mapping[type[Record], tuple[TableColumn, ...]] = MappingProxyType(
    {
        UsageRecord: (_DAY, _ACCOUNT, _METRIC, _X_ZONE, *_USED, _BILLED, _CURRENCY),
        BillableUsageRecord: (_DAY, _ACCOUNT, _SERVICE, _ZONE, *_USED, *_COST),
        FocusRecord: (
            _DAY,
            _ACCOUNT,
            _CHARGE,
            _X_ZONE,
            *_USED,
            *_COST,
            TableColumn("From", 4, lambda r: r.x_source),
        ),
        PaygoRecord: (_DAY, _SERVICE, _ZONE, *_USED, _CONTRACTED, _CUMULATED, _CURRENCY),
        Account: (
            TableColumn("Id", 32, lambda r: r.id),
            TableColumn("Name", 24, lambda r: r.name),
            TableColumn("Type", 10, lambda r: r.type),
        ),
        BillingHistoryItem: (
            TableColumn("Day", 10, lambda r: _day_of(r.occurred_at)),
            TableColumn("Type", 8, lambda r: r.type),
            TableColumn("Status", 8, lambda r: r.status),
            TableColumn("Description", 24, lambda r: r.description),
            TableColumn("Amount", 10, _number(lambda r: r.amount), is_right=True),
            TableColumn("To pay", 10, _number(lambda r: r.amount_to_pay), is_right=True),
            _PLAIN_CURRENCY,
            TableColumn("Invoice", 10, lambda r: r.invoice_id),
        ),
        Subscription: (
            TableColumn("Id", 32, lambda r: r.id),
            TableColumn("Plan", 16, _plan),
            TableColumn("State", 11, lambda r: r.state),
            TableColumn("Frequency", 9, lambda r: r.frequency),
            TableColumn("Price", 8, _number(lambda r: r.price), is_right=True),
            _PLAIN_CURRENCY,
            TableColumn("Current period", 24, _period),
        ),
        CycleLine: (
            TableColumn("Account", 32, lambda r: r.account_id),
            TableColumn("Covered", 7, lambda r: _yes_or_no(r.covered)),
            TableColumn("Subscription", 26, lambda r: r.subscription_id),
            TableColumn("Anchor day", 10, _number(lambda r: r.anchor_day), is_right=True),
            TableColumn("Since", 10, lambda r: _day_of(r.subscription_start)),
            TableColumn("Until", 10, lambda r: _day_of(r.subscription_end)),
            TableColumn("Cycle from", 10, lambda r: _day_of(r.cycle_start)),
            TableColumn("to (excl.)", 10, lambda r: _day_of(r.cycle_end)),
            TableColumn("Current", 7, lambda r: _yes_or_no(r.is_current)),
        ),
        SpendLine: (
            TableColumn("Account", 32, lambda r: r.account_id),
            TableColumn("Period", 6, lambda r: r.period),
            TableColumn("from", 10, lambda r: _day_of(r.period_start)),
            TableColumn("to (excl.)", 10, lambda r: _day_of(r.period_end)),
            TableColumn("Metered", 10, _number(lambda r: r.metered_cost), is_right=True),
            TableColumn("Fixed", 6, _number(lambda r: r.fixed_cost), is_right=True),
            TableColumn("Total", 10, _number(lambda r: r.total_cost), is_right=True),
            _PLAIN_CURRENCY,
            TableColumn("Unpriced", 8, _unpriced, is_right=True),
            TableColumn("Limit", 6, _number(lambda r: r.limit), is_right=True),
            TableColumn("Over", 4, lambda r: _yes_or_no(r.is_over)),
        ),
    }
)


def _yes_or_no(value: bool | None) -> str | None:  # noqa: FBT001 - it is all that there is
    return None if value is None else ("yes" if value else "no")


def columns_of(record_type: type[Record]) -> tuple[TableColumn, ...] | None:
    """Return the columns for records of a class; None for one that is shown field by field."""
    return _TABLES.get(record_type)


def group_columns(groups: Sequence[GroupBy]) -> list[TableColumn]:
    """Return a column for each thing that usage is split by, where the usual ones have none."""
    return [TableColumn(group.key, 10, _group_value(group)) for group in groups if _is_new(group)]


def _is_new(group: GroupBy) -> bool:
    return group.type == "TAG" or group.key == "region"


def _group_value(group: GroupBy) -> Value:
    def tag(record: UsageRecord) -> object:
        value = (record.tags or {}).get(group.key)
        # A tag without a value.
        return "" if value is True else value

    def region(record: UsageRecord) -> object:
        return record.region_name or record.region_id

    return tag if group.type == "TAG" else region
