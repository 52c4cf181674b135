"""Adding up: exactly, per currency and per unit, never across either."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, get_args

import attrs

from cfbilling import UsageRecord
from cfbilling.cli.exit_codes import OUTPUT, CommandError

__all__ = ["DIMENSIONS", "Dimension", "Row", "Totals", "exact_sum"]

Dimension = Literal["product", "metric", "zone", "account", "day", "month"]
DIMENSIONS: tuple[str, ...] = get_args(Dimension)

NO_CURRENCY = "no currency"
_NO_UNIT = "(no unit)"
_DIGITS = 400
_EXACT = decimal.Context(prec=_DIGITS, traps=[decimal.Inexact, decimal.InvalidOperation])


def _plus(one: Decimal, other: Decimal) -> Decimal:
    try:
        return _EXACT.add(one, other)
    except decimal.DecimalException as error:
        raise CommandError(
            f"amounts are too far apart to be added exactly in {_DIGITS} digits", OUTPUT
        ) from error


def exact_sum(amounts: Mapping[str, Decimal]) -> Decimal:
    """Return the exact sum of the values."""
    total = Decimal(0)
    for amount in amounts.values():
        total = _plus(total, amount)
    return total


def _time(record: UsageRecord, pattern: str) -> str:
    start = record.charge_period_start
    return "(no date)" if start is None else start.strftime(pattern)


_NAMES: Mapping[str, Callable[[UsageRecord], str]] = {
    "product": lambda r: r.x_product_family_name or "(no product)",
    "metric": lambda r: r.x_billable_metric_name or r.x_billable_metric_id or "(no metric)",
    "zone": lambda r: r.x_zone_name or r.x_zone_id or "(no zone)",
    "day": lambda r: _time(r, "%Y-%m-%d"),
    "month": lambda r: _time(r, "%Y-%m"),
}


@attrs.define
class Row:
    """One line of the breakdown.

    Attributes:
        name: What it is about.
        costs: What it cost, by currency.
        used: How much was used, by unit.
        records: How many records it adds up.
    """

    name: str
    costs: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    used: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    records: int = 0

    def add(self, other: Row) -> None:
        """Add another line to this one."""
        for mine, others in ((self.costs, other.costs), (self.used, other.used)):
            for key, amount in others.items():
                mine[key] = _plus(mine.get(key, Decimal(0)), amount)
        self.records += other.records


class Totals:
    """What records add up to.

    Args:
        by: What each line is about.

    Attributes:
        total: The line of all.
        daily: Cost by currency, series of the chart, and day.
        unpriced: How many records had no cost.
    """

    def __init__(self, by: Dimension) -> None:
        self.by: Dimension = by
        self.total = Row("Total")
        self.daily: dict[str, dict[str, dict[str, Decimal]]] = {}
        self.unpriced = 0
        self._rows: dict[str, Row] = {}
        self._in_time = by in ("day", "month")

    def add(self, account_id: str, record: UsageRecord) -> None:
        """Add a record of an account."""
        name = self._name(self.by, account_id, record)
        line = Row(name, records=1)
        if record.consumed_quantity is not None:
            line.used[record.consumed_unit or _NO_UNIT] = record.consumed_quantity
        if record.billed_cost is None:
            self.unpriced += 1
        else:
            currency = record.billing_currency or NO_CURRENCY
            line.costs[currency] = record.billed_cost
            self._add_daily(currency, account_id, record, record.billed_cost)
        self._rows.setdefault(name, Row(name)).add(line)
        self.total.add(line)

    def _add_daily(
        self, currency: str, account_id: str, record: UsageRecord, cost: Decimal
    ) -> None:
        if record.charge_period_start is None:
            return
        by: Dimension = "product" if self._in_time else self.by
        series = self._name(by, account_id, record)
        days = self.daily.setdefault(currency, {}).setdefault(series, {})
        day = _time(record, "%Y-%m-%d")
        days[day] = _plus(days.get(day, Decimal(0)), cost)

    @staticmethod
    def _name(by: Dimension, account_id: str, record: UsageRecord) -> str:
        if by == "account":
            return record.billing_account_name or record.billing_account_id or account_id
        return _NAMES[by](record)

    @property
    def currencies(self) -> list[str]:
        """Every currency that occurs."""
        return sorted(self.total.costs)

    def rows(self, top: int) -> list[Row]:
        """Return the *top* lines by cost and one for the others; days and months in order."""
        ranked = sorted(self._rows.values(), key=self._rank)
        kept, rest = ranked[:top], ranked[top:]
        if self._in_time:
            kept.sort(key=lambda row: row.name)
        if rest:
            others = Row(f"Others ({len(rest)})")
            for row in rest:
                others.add(row)
            kept.append(others)
        return kept

    def _rank(self, row: Row) -> tuple[tuple[Decimal, ...], str]:
        return tuple(-row.costs.get(name, Decimal(0)) for name in self.currencies), row.name
