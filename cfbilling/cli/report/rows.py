"""A line of the breakdown: amounts of one currency, quantities of each unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import attrs

from cfbilling.cli.report.sums import add_to, added

__all__ = ["Row", "Thing", "ranked", "together"]

Thing = tuple[str, str, str | None]
"""A product, a unit, and the metric that was measured in it."""


@attrs.define
class Row:
    """One line of the breakdown.

    Attributes:
        name: The name of what is added up here.
        cost: The billed cost, in the currency of the line; None if no record has one.
        list_cost: The same at list prices.
        before: The billed cost in the period before, if that is compared.
        quantities: What was used, by product, unit and metric.
        records: The number of records.
        is_partial: Whether records of an account that failed are among them.
    """

    name: str
    cost: Decimal | None = None
    list_cost: Decimal | None = None
    quantities: dict[Thing, Decimal] = attrs.field(factory=dict[Thing, Decimal])
    records: int = 0
    before: Decimal | None = None
    is_partial: bool = False

    @property
    def used(self) -> dict[str, Decimal]:
        """The quantity used, by unit, where all is of one product, and a unit's of one metric.

        The sum of what two metrics count, such as reads and writes, would be a quantity of nothing.
        """
        if len({product for product, _, _ in self.quantities}) > 1:
            return {}
        metrics = Counter(unit for _, unit, _ in self.quantities)
        return {unit: sum_ for (_, unit, _), sum_ in self.quantities.items() if metrics[unit] == 1}

    def add(self, other: Row) -> None:
        """Add another line to this one."""
        for thing, quantity in other.quantities.items():
            add_to(self.quantities, thing, quantity)
        if other.cost is not None:
            self.cost = added(self.cost, other.cost)
        if other.list_cost is not None:
            self.list_cost = added(self.list_cost, other.list_cost)
        if other.before is not None:
            self.before = added(self.before, other.before)
        self.records += other.records
        self.is_partial |= other.is_partial


def together(name: str, rows: Iterable[Row]) -> Row:
    """Return the sum of lines, under a name."""
    row = Row(name)
    for other in rows:
        row.add(other)
    return row


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Return lines by cost, the highest first; where that is the same, by what they would cost."""

    def rank(row: Row) -> tuple[Decimal, Decimal, Decimal, int, str]:
        amounts = _negated(row.cost), _negated(row.list_cost), _negated(row.before)
        return *amounts, -row.records, row.name

    return sorted(rows, key=rank)


def _negated(amount: Decimal | None) -> Decimal:
    # Unlike the minus sign, this negates without rounding.
    return (amount or Decimal(0)).copy_negate()
