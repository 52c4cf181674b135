"""The stacked daily chart, as SVG that follows the viewer's light or dark scheme."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

import attrs
import pygal  # type: ignore[import-untyped]  # pygal has no types

from cfbilling.cli.plain_text import plain
from cfbilling.cli.report.amounts import axis_label, axis_unit, money, part_of
from cfbilling.cli.report.steps import Step, Steps, steps_of
from cfbilling.cli.report.sums import add_to, exact_sum

__all__ = ["PALETTE_CSS", "Chart", "chart_of"]

_WIDTH, _LEFT = 940, 28
_MOST_SERIES = 8
_LABELS = 8
_SVG = "http://www.w3.org/2000/svg"
_LIGHT = "3568c9 d4702e 2a9d8f b8538f 7f63c9 ab8714 d1495b 5b8c3e 8b929a"
_DARK = "7aa5f7 f2a065 56c7b8 df85b9 a994ec e0c05a ef7d8c 93c274 9aa3ad"


def _colours(values: str, text: str, grid: str) -> str:
    named = "".join(f"--c{index}:#{colour};" for index, colour in enumerate(values.split()))
    return f"{named}--chart-text:{text};--chart-grid:{grid};"


PALETTE_CSS = (
    f":root{{{_colours(_LIGHT, '#4b5563', '#d9dde3')}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_colours(_DARK, '#b6bec9', '#39414d')}}}}}"
)
_CHART_CSS = (
    ".cf-chart{font-family:system-ui,sans-serif}"
    ".cf-chart .background{fill:none}"
    ".cf-chart .line{stroke:var(--chart-grid);stroke-width:1;fill:none}"
    ".cf-chart .axis text{font-size:13px;fill:var(--chart-text)}"
    ".cf-chart .axis.x text{text-anchor:middle}"
    ".cf-chart .axis.y text{text-anchor:start}"
    ".cf-chart .axis.x .guide{stroke:none}"
    ".cf-chart .bar rect{stroke:none}"
    ".cf-chart .bar:hover rect{opacity:.7}"
    ".cf-chart .name{font-size:15px;font-weight:600;fill:var(--chart-text)}"
    ".cf-chart .key text{font-size:13px;fill:var(--chart-text)}"
    + "".join(f".cf-chart .color-{i} rect,.cf-chart .key-{i}{{fill:var(--c{i})}}" for i in range(9))
)


# The library's hook for plug-ins, which we have none of, is of a kind that Python warns of.
sys.meta_path[:] = [hook for hook in sys.meta_path if type(hook).__module__ != "pygal"]


@attrs.frozen
class Chart:
    """One currency's chart.

    Attributes:
        currency: The currency of the amounts.
        step: What a bar stands for.
        series: The names of the series, each with the number of its colour.
        svg: The picture, without its colours: `PALETTE_CSS` has them.
    """

    currency: str
    step: Step
    series: Sequence[tuple[str, int]]
    svg: ET.Element

    def inline(self) -> str:
        """Return the picture for a page that has the palette."""
        return ET.tostring(self.svg, encoding="unicode")


def chart_of(
    currency: str,
    daily: Mapping[str, Mapping[str, Decimal]],
    span: tuple[date, date] | None = None,
) -> Chart:
    """Draw the cost of each day, stacked by series; the smallest series are put together.

    Args:
        currency: The currency of the amounts.
        daily: The cost by series and day; there is at least one.
        span: The first and the last day of the range that was asked for, with or without a cost.
            A bar of a long range stands for a week or a month.
    """
    # A control character is not allowed in SVG at all.
    currency = plain(currency)
    steps = steps_of(span, {date.fromisoformat(day) for days in daily.values() for day in days})
    stacked = _largest(_by_step(daily, steps))
    # From the newest back: that is what is looked for first.
    labelled = steps.names[:: -max(1, -(-len(steps.names) // _LABELS))]
    unit = axis_unit(amount for _, _, amounts in stacked for amount in amounts.values())
    drawn = pygal.StackedBar(
        js=(),
        show_legend=False,
        width=_WIDTH,
        height=340,
        margin=8,
        margin_left=0,
        spacing=8,
        no_data_text="no cost",
        disable_xml_declaration=True,
        show_minor_x_labels=False,
        truncate_label=-1,
        x_labels_major=labelled,
        value_formatter=lambda value: axis_label(value, unit),
    )
    drawn.x_labels = steps.names
    when = "week from " if steps.step == "week" else ""
    for name, _, amounts in stacked:
        drawn.add(
            name,
            [
                _bar(f"{when}{step} · {name}", currency, amounts.get(step), unit)
                for step in steps.names
            ],
        )
    colours = [(name, colour) for name, colour, _ in stacked]
    svg = _dressed(
        drawn.render(is_unicode=True), colours, f"Cost of each {steps.step} in {currency}"
    )
    return Chart(currency, steps.step, colours, svg)


def _by_step(
    daily: Mapping[str, Mapping[str, Decimal]], steps: Steps
) -> dict[str, dict[str, Decimal]]:
    """Return the series by the names that are shown, which may be the same for several."""
    series: dict[str, dict[str, Decimal]] = {}
    for name, days in daily.items():
        amounts = series.setdefault(plain(name), {})
        for day, amount in days.items():
            add_to(amounts, steps.name_of(date.fromisoformat(day)), amount)
    return series


def _bar(
    name: str, currency: str, amount: Decimal | None, unit: Decimal
) -> dict[str, object] | None:
    if not amount:
        return None
    # A float is exact enough for a length, if the length is of the unit; what is written is the
    # amount itself.
    label = f"{name}: {money(amount)} {currency}"
    return {"value": part_of(amount, unit), "label": label}


def _largest(
    daily: Mapping[str, Mapping[str, Decimal]],
) -> list[tuple[str, int, Mapping[str, Decimal]]]:
    ranked = sorted(
        daily.items(), key=lambda item: (exact_sum(item[1].values()).copy_negate(), item[0])
    )
    kept = [(name, colour, days) for colour, (name, days) in enumerate(ranked[:_MOST_SERIES])]
    rest: dict[str, Decimal] = {}
    for _, days in ranked[_MOST_SERIES:]:
        for day, amount in days.items():
            add_to(rest, day, amount)
    others = f"Others ({len(ranked) - _MOST_SERIES})"
    return [*kept, (others, _MOST_SERIES, rest)] if rest else kept


def _tag(name: str) -> str:
    return f"{{{_SVG}}}{name}"


def _is_empty_bar(element: ET.Element) -> bool:
    # The library draws a bar of no height where a series has no value.
    labels = element.findall(f"{_tag('desc')}[@class='label']")
    return element.get("class") == "bar" and not labels


def _dressed(text: str, colours: Sequence[tuple[str, int]], title: str) -> ET.Element:
    """Take the library's own style and script out, and put tooltips and our classes in."""
    ET.register_namespace("", _SVG)
    root = ET.fromstring(text)  # noqa: S314 - drawn here
    for parent in root.iter():
        for child in list(parent):
            if child.tag == _tag("defs") or _is_empty_bar(child):
                parent.remove(child)
            elif child.tag == _tag("desc"):
                if child.get("class") == "label":
                    # What a browser shows when the bar is pointed at.
                    child.tag = _tag("title")
                    child.attrib.clear()
                else:
                    parent.remove(child)
            elif child.tag == _tag("title") and (parent.get("class") or "") != "bar":
                parent.remove(child)
    root.attrib.pop("id", None)
    root.set("class", "cf-chart")
    root.set("role", "img")
    names = ", ".join(name for name, _ in colours)
    root.set("aria-label", f"{title}, stacked: {names}")
    _move_axis_right(root)
    style = ET.Element(_tag("style"))
    style.text = _CHART_CSS
    root.insert(0, style)
    return root


def _move_axis_right(root: ET.Element) -> None:
    """Put the amounts beside the newest bars: that is the end that a narrow screen shows."""
    plot = root.find(f".//{_tag('g')}[@class='plot']")
    background = None if plot is None else plot.find(_tag("rect"))
    if plot is None or background is None:
        return
    plot.set("transform", f"translate({_LEFT}, 8)")
    right = float(background.get("width", "0")) + 6
    for axis in plot.iter(_tag("g")):
        if (axis.get("class") or "").startswith("axis y"):
            for text in axis.iter(_tag("text")):
                text.set("x", f"{right:g}")
    # The library had room for them at the left; the first label at the bottom needs some too.
    root.set("viewBox", f"0 0 {_WIDTH + 20} 340")
