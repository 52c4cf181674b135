"""What the report must come to, by the sandbox's own numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Context, Decimal

from tests.cli.shell import Shell

__all__ = ["QUARTER", "SPAN", "cost_by_product", "exactly"]

QUARTER = date(2025, 1, 1), date(2025, 4, 1)
SPAN = ("--from", "2025-01-01", "--to", "2025-04-01", "--quiet")


_WIDE = Context(prec=200)


def exactly(costs: Iterable[Decimal]) -> Decimal:
    """Return the sum with all of its digits, which may be more than the usual 28."""
    total = Decimal(0)
    for cost in costs:
        total = _WIDE.add(total, cost)
    return total


def cost_by_product(shell: Shell, ids: list[str]) -> dict[str, Decimal]:
    """Return what each product cost, by the sandbox's own numbers."""
    costs: dict[str, Decimal] = {}
    for account_id in ids:
        for wire in shell.sandbox.usage_query(account_id, *QUARTER, cost=True):
            cost = wire.get("BilledCost")
            if isinstance(cost, Decimal):
                names = ("x_ProductFamilyName", "x_BillableMetricName", "x_BillableMetricId")
                name = str(next(filter(None, map(wire.get, names)), "(no product)"))
                costs[name] = exactly([costs.get(name, Decimal(0)), cost])
    return costs
