"""Adding up: exactly, per currency and per unit, never across either."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from cfbilling import FocusRecord
from cfbilling.cli.report.dimensions import (
    Dimension,
    metric_of,
    place_of,
    product_of,
    shown_names,
    start_of,
)
from cfbilling.cli.report.rows import Row, ranked, together
from cfbilling.cli.report.sums import add_to, added

__all__ = ["Totals"]

_NO_CURRENCY = "no currency"
_NO_UNIT = "(no unit)"
_MONTH = len("2025-01")
_TIMES = ("day", "month")


class Totals:
    """What records add up to.

    Args:
        by: The dimension that the lines of the breakdown are about.

    Attributes:
        by: That dimension.
        records: The number of records.
        names: What records call each line, by its key.
        unpriced: The number of those without a cost.
        before: The sums of the period before, if that is compared.
    """

    def __init__(self, by: Dimension) -> None:
        self.by: Dimension = by
        self.records = 0
        self.unpriced = 0
        self.before: Totals | None = None
        # By day, a chart is of products.
        self._series_by: Dimension = "product" if by in _TIMES else by
        self._rows: dict[str | None, dict[str, Row]] = {}
        self._daily: dict[str, dict[str, dict[str, Decimal]]] = {}
        self.names: dict[str, str | None] = {}
        self._series_names: dict[str, str | None] = {}

    def add(self, account_id: str, record: FocusRecord) -> None:
        """Add a record of an account."""
        cost = record.billed_cost
        currency = record.billing_currency or (None if cost is None else _NO_CURRENCY)
        key = _known(self.names, *place_of(self.by, account_id, record))
        rows = self._rows.setdefault(currency, {})
        row = rows.get(key)
        if row is None:
            row = rows[key] = Row(key)
        row.records += 1
        self.records += 1
        if record.consumed_quantity is not None:
            unit = record.consumed_unit or _NO_UNIT
            thing = product_of(record), unit, metric_of(record)
            add_to(row.quantities, thing, record.consumed_quantity)
        if record.list_cost is not None:
            row.list_cost = added(row.list_cost, record.list_cost)
        if cost is None or currency is None:
            self.unpriced += 1
            return
        row.cost = added(row.cost, cost)
        if record.charge_period_start is not None:
            place = place_of(self._series_by, account_id, record)
            series = _known(self._series_names, *place)
            days = self._daily.setdefault(currency, {}).setdefault(series, {})
            add_to(days, start_of(record), cost)

    def merge(self, other: Totals, *, is_partial: bool = False) -> None:
        """Add other sums, by the same dimension.

        Args:
            other: The sums, which are as they were afterwards.
            is_partial: Whether they are known to lack records.
        """
        self.records += other.records
        self.unpriced += other.unpriced
        for currency, rows in other._rows.items():
            mine = self._rows.setdefault(currency, {})
            for key, row in rows.items():
                more = attrs.evolve(row, is_partial=row.is_partial or is_partial)
                mine.setdefault(key, Row(key)).add(more)
        for currency, daily in other._daily.items():
            for series, days in daily.items():
                into = self._daily.setdefault(currency, {}).setdefault(series, {})
                for day, cost in days.items():
                    add_to(into, day, cost)
        for names, more_names in (
            (self.names, other.names),
            (self._series_names, other._series_names),
        ):
            for key, name in more_names.items():
                _known(names, key, name)

    def compare(self, before: Totals) -> None:
        """Have lines tell what they cost before.

        Args:
            before: The sums of the period before, by the same dimension.
        """
        self.before = before

    @property
    def currencies(self) -> list[str]:
        """Every currency that occurs, now or before."""
        known = {*self._rows, *(self.before.currencies if self.before else ())}
        return sorted(currency for currency in known if currency is not None)

    @property
    def tables(self) -> list[str | None]:
        """The currency of each table: records that have none are with those of the only one.

        None is for records that have neither a cost nor a currency, and no table to be in.
        """
        currencies = self.currencies
        is_apart = None in self._rows and len(currencies) != 1
        return [*currencies, None] if is_apart else [*currencies]

    def total(self, currency: str | None) -> Row:
        """Return the line of all records of a table."""
        total = together("Total", self.by_key(currency).values())
        if self.before is not None:
            total.before = self.before.total(currency).cost
        return attrs.evolve(total, name="Total, incomplete") if total.is_partial else total

    def rows(self, currency: str | None, top: int | None = None) -> list[Row]:
        """Return the *top* lines of a table by cost, and one line for the others.

        Days and months are in their order.
        """
        names = self._shown
        rows = ranked(
            attrs.evolve(row, name=names[key]) for key, row in self.by_key(currency).items()
        )
        kept, rest = rows[:top], rows[len(rows) if top is None else top :]
        if self.by in _TIMES:
            kept.sort(key=lambda row: row.name)
        return [*kept, together(f"Others ({len(rest)})", rest)] if rest else kept

    def daily(self, currency: str) -> dict[str, Mapping[str, Decimal]]:
        """Return the cost in a currency by series of the chart, and day."""
        names = shown_names(self._series_by, self._series_names)
        return {names[key]: days for key, days in self._daily.get(currency, {}).items()}

    def monthly(self, currency: str) -> dict[str, dict[str, Decimal]]:
        """Return the cost in a currency by series of the chart, and month."""
        by_series: dict[str, dict[str, Decimal]] = {}
        for series, days in self.daily(currency).items():
            months = by_series.setdefault(series, {})
            for day, cost in days.items():
                add_to(months, day[:_MONTH], cost)
        return by_series

    @property
    def _shown(self) -> dict[str, str]:
        names = dict(self.before.names) if self.before else {}
        for key, name in self.names.items():
            _known(names, key, name)
        return shown_names(self.by, names)

    def by_key(self, currency: str | None) -> Mapping[str, Row]:
        """Return the lines of a table by what tells them apart, which may be no name."""
        rows = dict(self._rows.get(currency, {}))
        if currency is not None and None not in self.tables:
            for key, row in self._rows.get(None, {}).items():
                rows[key] = together(key, filter(None, (rows.get(key), row)))
        # A day or a month is in one of the periods only.
        if self.before is not None and self.by not in _TIMES:
            for key, row in self.before.by_key(currency).items():
                rows[key] = attrs.evolve(rows.get(key) or Row(key), before=row.cost)
        return rows


def _known(names: dict[str, str | None], key: str, name: str | None) -> str:
    # Some records do not say the name that others do.
    names[key] = name or names.get(key)
    return key
