"""The report in the terminal: tables of what it cost, with bars or trends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rich.table import Table

from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.report.amounts import money, quantities, share
from cfbilling.cli.report.totals import Row, Totals

__all__ = ["cost_table", "exact_totals"]

_BAR_WIDTH = 20
_MOST_UNITS = 3
_STEPS = " ▁▂▃▄▅▆▇█"


def cost_table(
    title: str,
    totals: Totals,
    rows: Sequence[Row],
    *,
    shows_trend: bool = False,
    shows_usage: bool = True,
) -> Table:
    """Return a table with a line for each row, and one for all records.

    Args:
        title: The heading of the table.
        totals: The sums.
        rows: The lines to show.
        shows_trend: Whether a cost has its months beside it, and not a bar.
        shows_usage: Whether there is a column for what was used.
    """
    lines = [*rows, totals.total]
    table = Table(totals.by.capitalize(), title=title, title_justify="left")
    columns = [[plain(line.name) for line in lines]]
    months = _months(totals)
    for currency in totals.currencies:
        table.add_column(plain(currency), justify="right", no_wrap=True)
        columns.append([_amount(line.costs.get(currency)) for line in lines])
        if shows_trend:
            table.add_column(f"{months[0]} to {months[-1]}" if months else "", no_wrap=True)
            columns.append([*_trends(totals, rows, currency, months), ""])
        else:
            table.add_column("", width=_BAR_WIDTH, no_wrap=True)
            columns.append([*_bars(rows, currency), ""])
    if shows_usage:
        table.add_column("Used")
        columns.append([plain(quantities(line.used, _MOST_UNITS)) for line in lines])
    table.add_column("Records", justify="right")
    columns.append([f"{line.records:,}" for line in lines])
    *body, foot = zip(*columns, strict=True)
    for cells in body:
        table.add_row(*cells)
    table.add_section()
    table.add_row(*foot)
    return table


def exact_totals(totals: Totals) -> Iterator[str]:
    """Yield a line with the exact total in each currency, and one for records without a cost."""
    for currency, cost in sorted(totals.total.costs.items()):
        yield f"Total, exactly: {plain_number(cost)} {plain(currency)}"
    if totals.unpriced:
        yield f"{totals.unpriced:,} records have no cost."


def _amount(cost: Decimal | None) -> str:
    return "" if cost is None else money(cost)


def _bars(rows: Sequence[Row], currency: str) -> list[str]:
    costs = [row.costs.get(currency, Decimal(0)) for row in rows]
    top = max(costs, default=Decimal(0))
    return ["█" * round(share(cost, top) * _BAR_WIDTH) for cost in costs]


def _months(totals: Totals) -> list[str]:
    return sorted(
        {
            month
            for currency in totals.currencies
            for months in totals.monthly(currency).values()
            for month in months
        }
    )


def _trends(totals: Totals, rows: Sequence[Row], currency: str, months: Sequence[str]) -> list[str]:
    monthly = totals.monthly(currency)
    return [_trend(monthly.get(row.name, {}), months) for row in rows]


def _trend(costs: Mapping[str, Decimal], months: Sequence[str]) -> str:
    top = max(costs.values(), default=Decimal(0))
    steps = len(_STEPS) - 1
    return "".join(_STEPS[round(share(costs.get(m, Decimal(0)), top) * steps)] for m in months)
