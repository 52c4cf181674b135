"""The report as one HTML page that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from importlib import resources
from typing import Any

from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.report.amounts import money, quantities, share
from cfbilling.cli.report.chart import PALETTE_CSS, Chart
from cfbilling.cli.report.facts import Report
from cfbilling.cli.report.totals import Row

__all__ = ["page"]


def _text(text: str) -> str:
    return escape(plain(text))


def _amount(amount: Decimal) -> str:
    exact = plain_number(amount)
    return f'<data value="{exact}" title="{exact}">{money(amount)}</data>'


def _headline(report: Report) -> str:
    shown = "".join(
        f'<p class="total" data-currency="{_text(name)}"><span>{_text(name)}</span> '
        f"{_amount(report.total.costs[name])}</p>"
        for name in report.currencies
    )
    return shown or '<p class="total">no cost</p>'


def _figure(chart: Chart) -> str:
    keys = "".join(
        f'<li><i style="background:var(--c{colour})"></i>{_text(name)}</li>'
        for name, colour in chart.series
    )
    caption = f"<figcaption>Cost of each day, {_text(chart.currency)}</figcaption>"
    return (
        f'<figure>{caption}<div class="wide">{chart.inline()}</div><ul class="keys">{keys}</ul>'
        "</figure>"
    )


def _ranks(values: Sequence[Any]) -> list[int]:
    """Return each value's place, so that the page sorts exactly and without numbers."""
    places = {value: place for place, value in enumerate(sorted(set(values)))}
    return [places[value] for value in values]


def _table(report: Report) -> str:
    names = [report.dimension, *report.currencies, "Used", "Records"]
    head = "".join(
        f'<th scope="col"{_number_class(i, names)}>'
        f'<button type="button">{_text(name)}</button></th>'
        for i, name in enumerate(names)
    )
    columns: list[list[int]] = [_ranks([row.name for row in report.rows])]
    columns += [
        _ranks([row.costs.get(name, Decimal(0)) for row in report.rows])
        for name in report.currencies
    ]
    columns += [
        _ranks([quantities(row.used) for row in report.rows]),
        _ranks([row.records for row in report.rows]),
    ]
    ranks = list(zip(*columns, strict=True))
    body = "".join(_line(report, row, at) for row, at in zip(report.rows, ranks, strict=True))
    foot = _line(report, report.total, None)
    return (
        f'<div class="wide"><table id="breakdown"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _number_class(index: int, names: Sequence[str]) -> str:
    return "" if index in (0, len(names) - 2) else ' class="n"'


def _line(report: Report, row: Row, ranks: Sequence[int] | None) -> str:
    cells = [f"{_text(row.name)}"]
    for name in report.currencies:
        top = max((other.costs.get(name, Decimal(0)) for other in report.rows), default=Decimal(0))
        cost = row.costs.get(name)
        width = 0.0 if cost is None or ranks is None else share(cost, top) * 100
        bar = f'<s style="width:{width:.1f}%"></s>' if width else ""
        cells.append("" if cost is None else _amount(cost) + bar)
    cells += [_text(quantities(row.used)), f"{row.records:,}"]
    names = [report.dimension, *report.currencies, "Used", "Records"]
    made = ""
    for index, cell in enumerate(cells):
        rank = "" if ranks is None else f' data-rank="{ranks[index]}"'
        opening = '<th scope="row"' if index == 0 else "<td"
        closing = "</th>" if index == 0 else "</td>"
        made += f"{opening}{_number_class(index, names)}{rank}>{cell}{closing}"
    return f"<tr>{made}</tr>"


def page(report: Report, charts: Sequence[Chart]) -> bytes:
    """Return the page; its policy forbids every request."""
    style = PALETTE_CSS + _asset("page.css")
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    facts = " · ".join(map(_text, report.facts))
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in report.notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{_text(report.title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{_text(report.title)}</h1><p>{facts}</p>{notes}"
        f'<div class="totals">{_headline(report)}</div>{"".join(map(_figure, charts))}'
        f"{_table(report)}<footer>Rounded to be read; point at an amount for its exact value. "
        f"Click a heading to sort.</footer></main><script>{script}</script></body></html>\n"
    ).encode()


def _asset(name: str) -> str:
    return resources.files("cfbilling.cli.report").joinpath(name).read_text("utf-8")
