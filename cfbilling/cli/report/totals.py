"""Adding up: exactly, per currency and per unit, never across either."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Literal, get_args

import attrs

from cfbilling import FocusRecord
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT

__all__ = ["DIMENSIONS", "Dimension", "Row", "Totals", "add_to", "exact_sum", "metric_of"]

Dimension = Literal["product", "metric", "zone", "account", "source", "day", "month"]
DIMENSIONS: tuple[str, ...] = get_args(Dimension)

_NO_CURRENCY = "no currency"
_NO_UNIT = "(no unit)"
_NO_DATE = "(no date)"
# Enough for the largest float and the smallest together, many times over.
_DIGITS = 10_000
_EXACT = decimal.Context(
    prec=_DIGITS,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)
_DAY, _MONTH = len("2025-01-31"), len("2025-01")


def add_to(amounts: dict[str, Decimal], key: str, amount: Decimal) -> None:
    """Add *amount* to what is at *key*, exactly.

    Raises:
        CommandError: If the sum would have too many digits.
    """
    before = amounts.get(key)
    if not before:
        # Added to 0, a very large amount would be written out in all its digits.
        amounts[key] = amount or Decimal(0)
        return
    try:
        amounts[key] = _EXACT.add(before, amount)
    except decimal.DecimalException as error:
        raise CommandError(
            f"amounts are too far apart to be added exactly in {_DIGITS:,} digits", OUTPUT
        ) from error


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum.

    Raises:
        CommandError: If it would have too many digits.
    """
    total = {"": Decimal(0)}
    for amount in amounts:
        add_to(total, "", amount)
    return total[""]


_SOURCES: Mapping[str | None, str] = {"v1": "Version 1, self-serve", "v2": "Version 2, contract"}


def metric_of(record: FocusRecord) -> str | None:
    """Return the name of what was used; in version 1, that is the service's."""
    return record.x_billable_metric_name or record.x_billable_metric_id or record.service_name


def _start(record: FocusRecord, length: int) -> str:
    start = record.charge_period_start
    return _NO_DATE if start is None else start.date().isoformat()[:length]


_NAMES: Mapping[str, Callable[[FocusRecord], str]] = {
    # What is a family in one version is the family of a service in the other.
    "product": lambda r: (
        r.x_product_family_name or r.x_service_family_name or r.service_name or "(no product)"
    ),
    "metric": lambda r: metric_of(r) or "(no metric)",
    "source": lambda r: _SOURCES.get(r.x_source, "(no source)"),
    "zone": lambda r: r.x_zone_name or r.x_zone_id or "(no zone)",
    "day": lambda r: _start(r, _DAY),
    "month": lambda r: _start(r, _MONTH),
}


@attrs.define
class Row:
    """One line of the breakdown.

    Attributes:
        name: The name of what is added up here.
        costs: The cost, by currency.
        used: The quantity used, by unit.
        records: The number of records.
    """

    name: str
    costs: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    used: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    records: int = 0

    def add(self, other: Row) -> None:
        """Add another line to this one."""
        for unit, quantity in other.used.items():
            add_to(self.used, unit, quantity)
        for currency, cost in other.costs.items():
            add_to(self.costs, currency, cost)
        self.records += other.records


class Totals:
    """What records add up to.

    Args:
        by: The dimension that the lines of the breakdown are about.

    Attributes:
        by: That dimension.
        daily: The cost by currency, series of the chart, and day.
        unpriced: The number of records without a cost.
    """

    def __init__(self, by: Dimension) -> None:
        self.by: Dimension = by
        self.daily: dict[str, dict[str, dict[str, Decimal]]] = {}
        self.unpriced = 0
        self._rows: dict[str, Row] = {}
        self._in_time = by in ("day", "month")

    def add(self, account_id: str, record: FocusRecord) -> None:
        """Add a record of an account."""
        name = self._name(self.by, account_id, record)
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = Row(name)
        row.records += 1
        if record.consumed_quantity is not None:
            add_to(row.used, record.consumed_unit or _NO_UNIT, record.consumed_quantity)
        if record.billed_cost is None:
            self.unpriced += 1
        else:
            currency = record.billing_currency or _NO_CURRENCY
            add_to(row.costs, currency, record.billed_cost)
            self._add_daily(currency, account_id, record, record.billed_cost)

    def _add_daily(
        self, currency: str, account_id: str, record: FocusRecord, cost: Decimal
    ) -> None:
        if record.charge_period_start is None:
            return
        by: Dimension = "product" if self._in_time else self.by
        series = self._name(by, account_id, record)
        days = self.daily.setdefault(currency, {}).setdefault(series, {})
        add_to(days, _start(record, _DAY), cost)

    @staticmethod
    def _name(by: Dimension, account_id: str, record: FocusRecord) -> str:
        if by == "account":
            return record.billing_account_name or record.billing_account_id or account_id
        return _NAMES[by](record)

    @property
    def total(self) -> Row:
        """The line of all records."""
        return _together("Total", self._rows.values())

    @property
    def currencies(self) -> list[str]:
        """Every currency that occurs."""
        return sorted({currency for row in self._rows.values() for currency in row.costs})

    def rows(self, top: int | None = None) -> list[Row]:
        """Return the *top* lines by cost and one for the others; days and months in order."""
        currencies = self.currencies

        def rank(row: Row) -> tuple[list[Decimal], str]:
            # Unlike the minus sign, this negates without rounding.
            costs = [row.costs.get(name, Decimal(0)).copy_negate() for name in currencies]
            return costs, row.name

        ranked = sorted(self._rows.values(), key=rank)
        kept, rest = ranked[:top], ranked[len(ranked) if top is None else top :]
        if self._in_time:
            kept.sort(key=lambda row: row.name)
        return [*kept, _together(f"Others ({len(rest)})", rest)] if rest else kept

    def monthly(self, currency: str) -> dict[str, dict[str, Decimal]]:
        """Return the cost in a currency by series of the chart, and month."""
        by_series: dict[str, dict[str, Decimal]] = {}
        for series, days in self.daily.get(currency, {}).items():
            months = by_series.setdefault(series, {})
            for day, cost in days.items():
                add_to(months, day[:_MONTH], cost)
        return by_series


def _together(name: str, rows: Iterable[Row]) -> Row:
    row = Row(name)
    for other in rows:
        row.add(other)
    return row
