"""Adding up: exactly, per currency and per unit, never across either."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from decimal import Decimal

import attrs

from cfbilling import FocusRecord
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT
from cfbilling.cli.report.dimensions import Dimension, place_of, shown_names, start_of

__all__ = ["Row", "Totals", "add_to", "exact_sum"]

_NO_CURRENCY = "no currency"
_NO_UNIT = "(no unit)"
# Enough for the largest float and the smallest together, many times over.
_DIGITS = 10_000
_EXACT = decimal.Context(
    prec=_DIGITS,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)
_MONTH = len("2025-01")


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
        unpriced: The number of records without a cost.
    """

    def __init__(self, by: Dimension) -> None:
        self.by: Dimension = by
        self.unpriced = 0
        self._rows: dict[str, Row] = {}
        self._in_time = by in ("day", "month")
        # By day, a chart is of products.
        self._series_by: Dimension = "product" if self._in_time else by
        self._daily: dict[str, dict[str, dict[str, Decimal]]] = {}
        self._called: dict[str, str | None] = {}

    def add(self, account_id: str, record: FocusRecord) -> None:
        """Add a record of an account."""
        key = self._key(self.by, account_id, record)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(key)
        row.records += 1
        if record.consumed_quantity is not None:
            add_to(row.used, record.consumed_unit or _NO_UNIT, record.consumed_quantity)
        if record.billed_cost is None:
            self.unpriced += 1
        else:
            currency = record.billing_currency or _NO_CURRENCY
            add_to(row.costs, currency, record.billed_cost)
            self._add_daily(currency, account_id, record, record.billed_cost)

    def _key(self, by: Dimension, account_id: str, record: FocusRecord) -> str:
        key, name = place_of(by, account_id, record)
        # Some records do not say the name that others do.
        self._called[key] = name or self._called.get(key)
        return key

    def _add_daily(
        self, currency: str, account_id: str, record: FocusRecord, cost: Decimal
    ) -> None:
        if record.charge_period_start is None:
            return
        series = self._key(self._series_by, account_id, record)
        days = self._daily.setdefault(currency, {}).setdefault(series, {})
        add_to(days, start_of(record), cost)

    @property
    def daily(self) -> Mapping[str, Mapping[str, Mapping[str, Decimal]]]:
        """The cost by currency, series of the chart, and day."""
        names = shown_names(self._series_by, self._called)
        return {
            currency: {names[key]: days for key, days in series.items()}
            for currency, series in self._daily.items()
        }

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

        names = shown_names(self.by, self._called)
        named = [attrs.evolve(row, name=names[key]) for key, row in self._rows.items()]

        def rank(row: Row) -> tuple[list[Decimal], str]:
            # Unlike the minus sign, this negates without rounding.
            costs = [row.costs.get(name, Decimal(0)).copy_negate() for name in currencies]
            return costs, row.name

        ranked = sorted(named, key=rank)
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
