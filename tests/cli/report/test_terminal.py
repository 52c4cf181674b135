from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from cfbilling import FocusRecord
from cfbilling.cli.report.dimensions import DIMENSIONS
from cfbilling.cli.report.layout import Widths, fitted
from cfbilling.cli.report.terminal import cost_tables, exact_totals, show_tables
from cfbilling.cli.report.totals import Totals
from tests.cli.report.truth import SPAN, cost_by_product, exactly
from tests.cli.shell import Shell, run_here


def test_the_terminal_shows_the_exact_total(shell: Shell) -> None:
    """The table has a line and a bar for each product, and the total to the last digit."""
    ids = shell.sandbox.account_ids[:2]
    ran = shell.run("report", *ids, *SPAN, COLUMNS="160")
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
    """Beside each cost stand its months, each as high as its share of the highest."""
    months = "2025-01 to 2025-03"
    euros, dollars = map(_shown, cost_tables("Cost", _two_products(), shows_trend=True))
    assert euros == [
        ["Product", "EUR", months, "Used", "Records"],
        ["Workers", "0.000000000000", "█", "3 GB", "1"],
        ["Total", "0.000000000000", "", "3 GB", "1"],
    ]
    assert dollars == [
        ["Product", "USD", months, "Used", "Records"],
        ["Images", "20.00", "▄ █", "9 GB", "3"],
        ["Total", "20.00", "", "9 GB", "3"],
    ]


def test_a_table_may_leave_out_what_was_used() -> None:
    """A bar is as long as the cost's share of the highest, and usage is shown on request."""
    _, dollars = map(_shown, cost_tables("Cost", _two_products(), shows_usage=False))
    assert dollars[0] == ["Product", "USD", "", "Records"]
    assert dollars[1] == ["Images", "20.00", "█" * 20, "3"]


def test_records_without_a_currency_are_in_the_only_table() -> None:
    """What has no cost is with the costs of the only currency, else in a table of its own."""
    totals = Totals("product")
    free = FocusRecord(x_product_family_name="Images")
    totals.add("x", free)
    (alone,) = map(_shown, cost_tables("Cost", totals))
    assert alone == [["Product", "Records"], ["Images", "1"], ["Total", "1"]]
    totals.add("x", attrs.evolve(free, billing_currency="USD", billed_cost=Decimal(2)))
    (dollars,) = map(_shown, cost_tables("Cost", totals))
    assert dollars[1] == ["Images", "2.00", "█" * 20, "2"]
    totals.add("x", attrs.evolve(free, billing_currency="EUR", billed_cost=Decimal(3)))
    tables = [*map(_shown, cost_tables("Cost", totals))]
    assert [table[-1][-1] for table in tables] == ["1", "1", "1"]


NAME, AMOUNT = "Workers Standard Requests", "-1,234,567.89"


def _wide(currencies: str) -> Totals:
    totals = Totals("metric")
    for currency in currencies.split():
        for name in (NAME, "Images Stored"):
            record = FocusRecord(
                service_name=name,
                billing_currency=currency,
                billed_cost=Decimal(AMOUNT.replace(",", "")),
                consumed_quantity=Decimal(5),
                consumed_unit="GB of something",
            )
            totals.add("x", record)
    return totals


@pytest.mark.parametrize("currencies", ["USD", "CHF EUR USD"])
@pytest.mark.parametrize("width", [20, 30, 44, 60, 80, 200])
def test_names_and_amounts_stay_at_any_width(currencies: str, width: int) -> None:
    """However narrow a terminal is, each name is there with its whole amount, in every currency."""
    console = Console(width=width, markup=False)
    with console.capture() as capture:
        show_tables(console, cost_tables("Cost", _wide(currencies), width=width))
    lines = capture.get().splitlines()
    names = "".join(re.sub(r"│ (.*?) *│.*", r"\1", line) for line in lines if line[0] == "│")
    assert names.replace(" ", "").count(NAME.replace(" ", "")) == len(currencies.split())
    assert capture.get().count(AMOUNT) == 2 * len(currencies.split())
    if width >= 30:
        assert max(map(len, lines)) <= width


def test_bars_yield_first_then_units() -> None:
    """What makes room is the bar, then what was used, then the count, and a name folds last."""
    wanted = Widths(20, (10,), 20, 30, 7)
    assert wanted == fitted(wanted, 4, None) == fitted(wanted, 4, 103)
    assert Widths(20, (10,), 8, 30, 7) == fitted(wanted, 4, 91)
    assert Widths(20, (10,), 0, 28, 7) == fitted(wanted, 4, 78)
    assert Widths(20, (10,), 0, 0, 7) == fitted(wanted, 4, 50)
    assert Widths(20, (10,), 0, 0, 0) == fitted(wanted, 4, 40)
    assert Widths(13, (10,), 0, 0, 0) == fitted(wanted, 4, 30)
    assert Widths(10, (10,), 0, 0, 0) == fitted(wanted, 4, 9)


@given(st.lists(st.integers(1, 300), min_size=4, max_size=4), st.integers(1, 300))
def test_a_table_is_as_wide_as_it_may_be(wanted: list[int], available: int) -> None:
    """A table is wider than the terminal only if ten letters of a name and an amount are."""
    name, amount, used, records = wanted
    fit = fitted(Widths(name, (amount,), 20, used, records), 4, available)
    assert (amount,) == fit.amounts
    assert fit.all <= max(available, min(name, 10) + amount + 7)
    assert fit.name == name or fit.bar == 0 or fit.name >= available // 2


def test_a_pipe_has_no_width(shell: Shell, account: str) -> None:
    """Where nobody says how wide a line is, such as in a pipe, nothing is cut or folded."""
    environment = shell.environment()
    del environment["COLUMNS"]
    ran = run_here("report", account, *SPAN, "--by", "account", environment=environment)
    (line,) = re.findall(r"│ (.*?) +│ +[\d,.]+ │ █{20} │", ran.stdout.decode())
    assert account in line


def test_a_total_is_shown_with_every_digit() -> None:
    """The exact total of each currency has a line, and so have records without a cost."""
    totals = _two_products()
    totals.add("x", FocusRecord())
    assert list(exact_totals(totals)) == [
        f"Total, exactly: 0.{'0' * 29}1 EUR",
        "Total, exactly: 20 USD",
        "1 records have no cost.",
    ]
