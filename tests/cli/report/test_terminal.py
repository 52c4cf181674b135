from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console
from rich.table import Table

from cfbilling import FocusRecord
from cfbilling.cli.report.dimensions import DIMENSIONS
from cfbilling.cli.report.terminal import cost_table, exact_totals
from cfbilling.cli.report.totals import Totals
from tests.cli.report.truth import SPAN, cost_by_product, exactly
from tests.cli.shell import Shell


def test_the_terminal_shows_the_exact_total(shell: Shell) -> None:
    """The table has a line and a bar for each product, and the total to the last digit."""
    ids = shell.sandbox.account_ids[:2]
    ran = shell.run("report", *ids, *SPAN)
    costs, shown = cost_by_product(shell, ids), ran.stdout.decode()
    assert (0, b"") == (ran.returncode, ran.stderr)
    total = re.search(r"Total, exactly: (\S+) USD", shown)
    assert total
    assert exactly(costs.values()) == Decimal(total[1])
    for name, cost in costs.items():
        assert re.search(rf"{re.escape(name)} +│ +{cost:,.2f} ", shown)
    assert "█" * 20 in shown


@pytest.mark.parametrize("by", DIMENSIONS)
def test_every_breakdown_has_the_same_total(shell: Shell, account: str, by: str) -> None:
    """However it is broken down and cut, the exact total is the truth."""
    ran = shell.run("report", account, *SPAN, "--by", by, "--top", "3")
    assert f"{exactly(cost_by_product(shell, [account]).values()):f} USD" in ran.stdout.decode()


def _shown(table: Table) -> list[list[str]]:
    console = Console(width=200, markup=False)
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().splitlines()
    return [re.split(r"\s*[│┃]\s*", line)[1:-1] for line in lines if re.match("[│┃]", line)]


def _two_products() -> Totals:
    totals = Totals("product")
    for product, month, currency, cost in (
        ("Images", 1, "USD", "8"),
        ("Images", 2, "USD", "-4"),
        ("Images", 3, "USD", "16"),
        ("Workers", 3, "EUR", "1E-30"),
    ):
        record = FocusRecord(
            x_product_family_name=product,
            charge_period_start=datetime(2025, month, 1, tzinfo=UTC),
            billing_currency=currency,
            billed_cost=Decimal(cost),
            consumed_quantity=Decimal(3),
            consumed_unit="GB",
        )
        totals.add("x", record)
    return totals


def test_a_trend_has_a_step_for_each_month() -> None:
    """Beside each cost in a currency stand its months, each as high as its share of the highest."""
    totals = _two_products()
    months = "2025-01 to 2025-03"
    rows = _shown(cost_table("Cost", totals, totals.rows(), shows_trend=True))
    assert rows == [
        ["Product", "EUR", months, "USD", months, "Used", "Records"],
        ["Workers", "0.000000000000", "█", "", "", "3 GB", "1"],
        ["Images", "", "", "20.00", "▄ █", "9 GB", "3"],
        ["Total", "0.000000000000", "", "20.00", "", "12 GB", "4"],
    ]


def test_a_table_may_leave_out_what_was_used() -> None:
    """A bar is as long as the cost's share of the highest, and usage is shown on request."""
    totals = _two_products()
    rows = _shown(cost_table("Cost", totals, totals.rows(), shows_usage=False))
    assert rows[0] == ["Product", "EUR", "", "USD", "", "Records"]
    assert rows[2] == ["Images", "", "", "20.00", "█" * 20, "3"]


def test_a_total_is_shown_with_every_digit() -> None:
    """The exact total of each currency has a line, and so have records without a cost."""
    totals = _two_products()
    totals.add("x", FocusRecord())
    assert list(exact_totals(totals)) == [
        f"Total, exactly: 0.{'0' * 29}1 EUR",
        "Total, exactly: 20 USD",
        "1 records have no cost.",
    ]
