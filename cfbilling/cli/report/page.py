"""The report as one HTML page that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources

from cfbilling.cli.report.amounts import change
from cfbilling.cli.report.chart import PALETTE_CSS, Chart
from cfbilling.cli.report.facts import Breakdown, Report
from cfbilling.cli.report.page_table import amount_html, breakdown_table, text_html
from cfbilling.cli.report.rows import Row

__all__ = ["page"]


def page(report: Report, charts: Sequence[Chart]) -> bytes:
    """Return the page; its policy forbids every request."""
    style = PALETTE_CSS + _asset("page.css")
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    facts = " · ".join(map(text_html, report.facts))
    notes = "".join(f'<p class="note">{text_html(note)}</p>' for note in report.notes)
    tables = "".join(breakdown_table(report.dimension, part) for part in report.breakdowns)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{text_html(report.title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{text_html(report.title)}</h1><p>{facts}</p>{notes}"
        f'<div class="totals">{_headline(report.breakdowns)}</div>'
        f"{''.join(map(_figure, charts))}{tables}"
        "<footer>Rounded to be read; point at an amount for its exact value. "
        f"Click a heading to sort.</footer></main><script>{script}</script></body></html>\n"
    ).encode()


def _headline(parts: Sequence[Breakdown]) -> str:
    shown = "".join(
        f'<p class="total" data-currency="{text_html(part.currency)}">'
        f"<span>{text_html(part.currency)}</span> {amount_html(part.total.cost or Decimal(0))}"
        f"{_against(part.total)}</p>"
        for part in parts
        if part.currency is not None and (part.total.cost, part.total.before) != (None, None)
    )
    return shown or '<p class="total">no cost</p>'


def _against(total: Row) -> str:
    if total.before is None:
        return ""
    changed = change(total.cost, total.before)
    return f"<small>{changed} against {amount_html(total.before)} before</small>"


def _figure(chart: Chart) -> str:
    keys = "".join(
        f'<li><i style="background:var(--c{colour})"></i>{text_html(name)}</li>'
        for name, colour in chart.series
    )
    caption = f"<figcaption>Cost of each {chart.step}, {text_html(chart.currency)}</figcaption>"
    return (
        f'<figure>{caption}<div class="wide">{chart.inline()}</div><ul class="keys">{keys}</ul>'
        "</figure>"
    )


def _asset(name: str) -> str:
    return resources.files("cfbilling.cli.report").joinpath(name).read_text("utf-8")
