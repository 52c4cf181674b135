"""A line of the breakdown: amounts of one currency, quantities of each unit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import attrs

from cfbilling.cli.report.sums import add_to, added

__all__ = ["Row", "ranked", "together"]


@attrs.define
class Row:
    """One line of the breakdown.

    Attributes:
        name: The name of what is added up here.
        cost: The billed cost, in the currency of the line; None if no record has one.
        list_cost: The same at list prices.
        used: The quantity used, by unit.
        records: The number of records.
        is_partial: Whether records of an account that failed are among them.
    """

    name: str
    cost: Decimal | None = None
    list_cost: Decimal | None = None
    used: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    records: int = 0
    is_partial: bool = False

    def add(self, other: Row) -> None:
        """Add another line to this one."""
        for unit, quantity in other.used.items():
            add_to(self.used, unit, quantity)
        if other.cost is not None:
            self.cost = added(self.cost, other.cost)
        if other.list_cost is not None:
            self.list_cost = added(self.list_cost, other.list_cost)
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

    def rank(row: Row) -> tuple[Decimal, Decimal, int, str]:
        return _negated(row.cost), _negated(row.list_cost), -row.records, row.name

    return sorted(rows, key=rank)


def _negated(amount: Decimal | None) -> Decimal:
    # Unlike the minus sign, this negates without rounding.
    return (amount or Decimal(0)).copy_negate()
