"""The charts as one SVG file, with a legend and both colour schemes."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from cfbilling.cli.report.chart import PALETTE_CSS, Chart

__all__ = ["picture"]

_SVG = "http://www.w3.org/2000/svg"
_WIDTH, _HEIGHT, _HEAD, _KEY, _KEYS_A_ROW = 960, 340, 34, 22, 4
_MOST_LETTERS = 28
_BACKGROUND = (
    "svg{background:#fff}@media(prefers-color-scheme:dark){svg{background:#14181f}}"
    "svg svg{background:none}"
)


def _element(parent: ET.Element, name: str, text: str | None = None, **given: object) -> ET.Element:
    attributes = {key.replace("_", "-"): str(value) for key, value in given.items()}
    made = ET.SubElement(parent, f"{{{_SVG}}}{name}", attributes)
    made.text = text
    return made


def _keys(parent: ET.Element, chart: Chart, top: float) -> None:
    step = _WIDTH / _KEYS_A_ROW
    for index, (name, colour) in enumerate(chart.series):
        row, column = divmod(index, _KEYS_A_ROW)
        x, y = 16 + column * step, top + row * _KEY
        group = _element(parent, "g", **{"class": "key"})
        _element(group, "rect", x=x, y=y, width=12, height=12, **{"class": f"key-{colour}"})
        _element(group, "text", _cut(name), x=x + 18, y=y + 11)
        if _cut(name) != name:
            _element(group, "title", name)


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"


def picture(charts: Sequence[Chart], *, is_complete: bool = True) -> bytes:
    """Return the charts, one below the other, as a file of its own.

    Args:
        charts: The charts.
        is_complete: Whether no account failed; else each chart says so.
    """
    root = ET.Element(f"{{{_SVG}}}svg", {"class": "cf-chart"})
    _element(root, "style", PALETTE_CSS + _BACKGROUND)
    top = 0.0
    for chart in charts:
        title = f"Cost of each {chart.step}, {chart.currency}" + (
            "" if is_complete else ", incomplete"
        )
        _element(root, "text", title, x=16, y=top + 23, **{"class": "name"})
        for name, value in (("x", 0), ("y", top + _HEAD), ("width", _WIDTH), ("height", _HEIGHT)):
            chart.svg.set(name, str(value))
        root.append(chart.svg)
        _keys(root, chart, top + _HEAD + _HEIGHT + 6)
        rows = -(-len(chart.series) // _KEYS_A_ROW)
        top += _HEAD + _HEIGHT + rows * _KEY + 16
    if not charts:
        _element(root, "text", "No cost in this period", x=16, y=23, **{"class": "name"})
    root.set("viewBox", f"0 0 {_WIDTH} {max(top, _HEAD):g}")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()
