"""The report in the terminal: a table for each currency, with bars or trends."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.report.amounts import MOST_UNITS, change, money, quantities, share
from cfbilling.cli.report.layout import Widths, fitted
from cfbilling.cli.report.rows import Row
from cfbilling.cli.report.totals import Totals

__all__ = ["cost_tables", "exact_totals", "show_tables", "width_of"]

_BAR_WIDTH = 20
_LEAST_BAR = 4
_STEPS = " ▁▂▃▄▅▆▇█"


def width_of(console: Console) -> int | None:
    """Return how many characters fit into a line, or None where that is nobody's to say."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def cost_tables(
    title: str,
    totals: Totals,
    *,
    width: int | None = None,
    top: int | None = None,
    shows_trend: bool = False,
    shows_usage: bool = True,
) -> Iterator[Table]:
    """Yield a table for each currency, with a line for each row and one for all records.

    Args:
        title: The heading of the tables.
        totals: The sums.
        width: The characters of a line; a table is wider only if its names and amounts are.
        top: The number of lines to show, of each currency those that cost most.
        shows_trend: Whether a cost has its months beside it, and not a bar.
        shows_usage: Whether there is a column for what was used.
    """
    months = _months(totals) if shows_trend else []
    for currency in totals.tables:
        rows = totals.rows(currency, top)
        lines = [*rows, totals.total(currency)]
        names = [totals.by.capitalize(), *(plain(line.name) for line in lines)]
        amounts = [] if currency is None else _amounts(plain(currency), lines, totals)
        units = ["Used", *(plain(quantities(line.used, MOST_UNITS)) for line in lines)]
        records = ["Records", *(f"{line.records:,}" for line in lines)]
        trend = f"{months[0]} to {months[-1]}" if months else ""
        bar = max(len(months), cell_len(trend)) if shows_trend else _BAR_WIDTH
        wanted = Widths(
            _widest(names),
            [_widest(texts) for texts in amounts],
            0 if currency is None else bar,
            _widest(units) if shows_usage and any(units[1:]) else 0,
            _widest(records),
        )
        fit = fitted(wanted, bar if shows_trend else _LEAST_BAR, width)
        table = Table(title=title, title_justify="left", width=fit.all)
        columns: list[Sequence[str]] = []
        _add(table, columns, names, fit.name)
        for texts, each in zip(amounts, fit.amounts, strict=True):
            _add(table, columns, texts, each, is_number=True)
        if shows_trend and currency is not None:
            _add(table, columns, [trend, *_trends(totals, rows, currency, months), ""], fit.bar)
        else:
            _add(table, columns, ["", *_bars(rows, fit.bar), ""], fit.bar)
        _add(table, columns, units, fit.used)
        _add(table, columns, records, fit.records, is_number=True)
        *body, foot = zip(*columns, strict=True)
        for cells in body:
            table.add_row(*cells)
        table.add_section()
        table.add_row(*foot)
        yield table


def _add(
    table: Table,
    columns: list[Sequence[str]],
    texts: Sequence[str],
    width: int,
    *,
    is_number: bool = False,
) -> None:
    """Add a column, unless it has no width."""
    if width:
        table.add_column(
            texts[0],
            justify="right" if is_number else "left",
            width=width,
            overflow="fold",
            no_wrap=is_number,
        )
        columns.append(texts[1:])


def show_tables(console: Console, tables: Iterator[Table]) -> None:
    """Print tables; what is wider than the console is broken by that, and not lost."""
    width = console.width
    for table in tables:
        console.width = max(width, table.width or 0)
        console.print(table)
    console.width = width


def exact_totals(totals: Totals) -> Iterator[str]:
    """Yield a line with the exact total in each currency, and one for records without a cost."""
    for currency in totals.currencies:
        cost = totals.total(currency).cost
        if cost is not None:
            yield f"Total, exactly: {plain_number(cost)} {plain(currency)}"
        before = totals.total(currency).before
        if before is not None:
            yield f"The period before, exactly: {plain_number(before)} {plain(currency)}"
    if totals.unpriced:
        yield f"{totals.unpriced:,} records have no cost."


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts))


def _amounts(currency: str, lines: Sequence[Row], totals: Totals) -> list[list[str]]:
    """Return the columns of amounts, each with its heading."""
    costs = [currency, *(_amount(line.cost) for line in lines)]
    if totals.before is None:
        return [costs]
    before = ["Before", *(_amount(line.before) for line in lines)]
    return [costs, before, ["Change", *(change(line.cost, line.before) for line in lines)]]


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else money(amount)


def _bars(rows: Sequence[Row], width: int) -> list[str]:
    costs = [row.cost or Decimal(0) for row in rows]
    top = max(costs, default=Decimal(0))
    return ["█" * round(share(cost, top) * width) for cost in costs]


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
