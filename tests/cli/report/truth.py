"""What the report must come to, by the sandbox's own numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.cli.shell import Shell

__all__ = ["QUARTER", "SPAN", "cost_by_product"]

QUARTER = date(2025, 1, 1), date(2025, 4, 1)
SPAN = ("--from", "2025-01-01", "--to", "2025-04-01", "--quiet")


def cost_by_product(shell: Shell, ids: list[str]) -> dict[str, Decimal]:
    """Return what each product cost, by the sandbox's own numbers."""
    costs: dict[str, Decimal] = {}
    for account_id in ids:
        for wire in shell.sandbox.expected_usage(account_id, *QUARTER):
            cost = wire.get("BilledCost")
            if isinstance(cost, Decimal):
                name = str(wire.get("x_ProductFamilyName") or "(no product)")
                costs[name] = costs.get(name, Decimal(0)) + cost
    return costs
