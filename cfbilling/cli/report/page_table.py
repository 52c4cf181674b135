"""The breakdown of one currency as a table of the page, which a click on a heading sorts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

import attrs

from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.report.amounts import (
    MOST_UNITS,
    change,
    money,
    part_of,
    percent,
    quantities,
    share,
)
from cfbilling.cli.report.facts import Breakdown
from cfbilling.cli.report.rows import Row

__all__ = ["amount_html", "breakdown_table", "text_html"]


@attrs.frozen
class _Column:
    """A column of the table.

    Attributes:
        name: The heading.
        cells: What is in it, as HTML; the last cell is that of the total.
        values: What its lines are sorted by.
        is_number: Whether it is at the right.
    """

    name: str
    cells: Sequence[str]
    values: Sequence[Any]
    is_number: bool = True

    @property
    def attribute(self) -> str:
        return ' class="n"' if self.is_number else ""

    def ranks(self) -> list[int]:
        """Return each value's place, so that the page sorts exactly and without numbers."""
        places = {value: place for place, value in enumerate(sorted(set(self.values)))}
        return [places[value] for value in self.values]


def text_html(text: str) -> str:
    """Return text of anybody's as HTML."""
    return escape(plain(text))


def amount_html(amount: Decimal) -> str:
    """Return an amount that is rounded to be read, and exact when it is pointed at."""
    exact = plain_number(amount)
    return f'<data value="{exact}" title="{exact}">{money(amount)}</data>'


def breakdown_table(dimension: str, part: Breakdown) -> str:
    """Return the table.

    Args:
        dimension: The heading of the lines' names.
        part: What was spent in one currency.
    """
    columns = _columns(dimension, part)
    head = "".join(
        f'<th scope="col"{column.attribute}><button type="button">{text_html(column.name)}'
        "</button></th>"
        for column in columns
    )
    ranks = [column.ranks() for column in columns]
    body = "".join(
        _line(columns, at, [places[at] for places in ranks]) for at in range(len(part.rows))
    )
    foot = _line(columns, -1, None)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _columns(dimension: str, part: Breakdown) -> list[_Column]:
    rows = part.rows
    lines = [*rows, part.total]
    names, used = [row.name for row in rows], [quantities(line.used, MOST_UNITS) for line in lines]
    columns = [_Column(dimension, [text_html(line.name) for line in lines], names, is_number=False)]
    if part.currency is not None:
        columns += _cost_columns(part.currency, rows, part.total)
    if any(used):
        columns.append(_Column("Used", [*map(text_html, used)], used[:-1], is_number=False))
    counts = [line.records for line in lines]
    columns.append(_Column("Records", [f"{count:,}" for count in counts], counts[:-1]))
    return columns


def _cost_columns(currency: str, rows: Sequence[Row], total: Row) -> list[_Column]:
    costs, lines = [row.cost or Decimal(0) for row in rows], [*rows, total]
    top = max(costs, default=Decimal(0))
    cells = [_cost(row.cost) + _bar(row, top) for row in rows]
    columns = [_Column(currency, [*cells, _cost(total.cost)], costs)]
    shares = [percent(line.cost or Decimal(0), total.cost or Decimal(0)) for line in lines]
    if any(shares):
        columns.append(_Column("Share", shares, costs))
    if total.before is None and all(row.before is None for row in rows):
        return columns
    before = [row.before or Decimal(0) for row in rows]
    columns.append(_Column("Before", [_cost(line.before) for line in lines], before))
    changes = [change(line.cost, line.before) for line in lines]
    columns.append(_Column("Change", changes, [_growth(row) for row in rows]))
    return columns


def _growth(row: Row) -> float:
    if not row.before or row.before < 0:
        return float("inf") if row.cost else float("-inf")
    return part_of(row.cost or Decimal(0), row.before)


def _cost(amount: Decimal | None) -> str:
    return "" if amount is None else amount_html(amount)


def _bar(row: Row, top: Decimal) -> str:
    width = share(row.cost or Decimal(0), top) * 100
    return f'<s style="width:{width:.1f}%"></s>' if width else ""


def _line(columns: Sequence[_Column], at: int, ranks: Sequence[int] | None) -> str:
    made = ""
    for index, column in enumerate(columns):
        rank = "" if ranks is None else f' data-rank="{ranks[index]}"'
        opening, closing = ('<th scope="row"', "</th>") if index == 0 else ("<td", "</td>")
        made += f"{opening}{column.attribute}{rank}>{column.cells[at]}{closing}"
    return f"<tr>{made}</tr>"
