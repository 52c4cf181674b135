"""The page as it is seen: at the width of a phone, in the dark, and with names of any length."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cfbilling import FocusRecord
from cfbilling.cli.report.chart import PALETTE_CSS, chart_of
from cfbilling.cli.report.facts import Breakdown, Report
from cfbilling.cli.report.page import page
from cfbilling.cli.report.picture import picture
from cfbilling.cli.report.totals import Totals
from tests.cli.report.browser import Tab, browsing, needs_browser

LONG = "Waiting-Room-" * 20


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    """A browser's only tab."""
    async with browsing() as opened:
        yield opened


def _written(folder: Path) -> Path:
    """Write the page of some months of several products, one of which has a very long name."""
    totals = Totals("product")
    for index, name in enumerate(("Workers", "R2", LONG, "Images", "Two words")):
        for day in range(90):
            record = FocusRecord(
                x_product_family_name=name,
                x_billable_metric_name=name,
                charge_period_start=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day),
                billing_currency="USD",
                billed_cost=Decimal(1000 + index * day),
                list_cost=Decimal(2000),
                consumed_quantity=Decimal(12_345_678),
                consumed_unit="Requests",
            )
            totals.add("x", record)
    daily = totals.daily("USD")
    part = Breakdown("USD", totals.rows("USD"), totals.total("USD"), daily)
    report = Report("Cost", [LONG], None, "Product", [part], [LONG])
    target = folder / "report.html"
    target.write_bytes(page(report, [chart_of("USD", daily)]))
    return target


@needs_browser
@pytest.mark.parametrize("width", [320, 400, 700, 1100])
async def test_the_page_is_no_wider_than_the_screen(tab: Tab, tmp_path: Path, width: int) -> None:
    """However narrow the screen and however long a name, the page itself scrolls downwards only."""
    await tab.show(_written(tmp_path), width=width)
    assert width >= await tab.run("document.documentElement.scrollWidth")
    assert [] == tab.logged


@needs_browser
async def test_a_phone_shows_the_newest_days(tab: Tab, tmp_path: Path) -> None:
    """Of a chart that is wider than the phone, the end with the newest bar and its axis shows."""
    await tab.show(_written(tmp_path), width=400)
    bars = "[...document.querySelectorAll('svg .bar rect')].map((e) => e.getBoundingClientRect())"
    rights = await tab.run(f"{bars}.map((box) => box.right)")
    assert 300 < max(rights) < 390
    assert min(rights) < 0
    axis = (
        "[...document.querySelectorAll('svg .axis.y text')].map((e) => e.getBoundingClientRect())"
    )
    assert all(right <= 400 for right in await tab.run(f"{axis}.map((box) => box.right)"))
    sizes = await tab.run(f"{axis}.map((box) => box.height)")
    assert min(sizes) >= 11


@needs_browser
@pytest.mark.parametrize("width", [400, 1100])
async def test_headings_are_over_their_columns(tab: Tab, tmp_path: Path, width: int) -> None:
    """Each cell is as far to the left and the right as the heading of its column."""
    await tab.show(_written(tmp_path), width=width)
    boxes = (
        "(row) => [...row.cells].map((cell) => cell.getBoundingClientRect())"
        ".map((box) => [Math.round(box.left), Math.round(box.right)])"
    )
    rows = await tab.run(f"[...document.querySelectorAll('tr')].map({boxes})")
    assert len(rows) == 7
    assert all(row == rows[0] for row in rows)
    # A name and its cost are seen together.
    assert rows[0][1][1] <= width


@needs_browser
async def test_a_name_stays_beside_its_numbers(tab: Tab, tmp_path: Path) -> None:
    """When the table is moved sideways on a phone, the names stay where they are."""
    await tab.show(_written(tmp_path), width=400)
    left = "document.querySelector('tbody th').getBoundingClientRect().left"
    before = await tab.run(left)
    assert await tab.run("document.querySelector('.wide:has(table)').scrollLeft = 80") == 80
    assert before == await tab.run(left)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted(map(_luminance, (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "backgrounds"), [(0, "ffffff"), (1, "171c24 14181f")])
def test_no_colour_vanishes(scheme: int, backgrounds: str) -> None:
    """In light as in dark, each colour of the chart stands out by 3 to 1, and its text by 4.5."""
    css = re.split("@media", PALETTE_CSS)[scheme]
    colours = re.findall(r"--c\d:#(\w{6})", css)
    (text,) = re.findall(r"--chart-text:#(\w{6})", css)
    assert len(colours) == 9
    for background in backgrounds.split():
        assert min(_contrast(colour, background) for colour in colours) >= 3
        assert _contrast(text, background) >= 4.5


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
async def test_the_colours_follow_the_viewer(tab: Tab, tmp_path: Path, *, dark: bool) -> None:
    """What is drawn has the colours of the viewer's scheme, and text is legible on its ground."""
    await tab.show(_written(tmp_path), dark=dark)
    style = "getComputedStyle(document.querySelector('{}')).{}"
    ground = await tab.run(style.format("figure", "backgroundColor"))
    for selector, name in (("td", "color"), ("figcaption", "color"), (".axis text", "fill")):
        found = await tab.run(style.format(selector, name))
        assert _contrast(_hex(found), _hex(ground)) >= 4.5
    bar = await tab.run(style.format(".bar rect", "fill"))
    assert _contrast(_hex(bar), _hex(ground)) >= 3


def _hex(colour: str) -> str:
    return "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


def test_a_long_name_is_cut_in_the_picture() -> None:
    """A name that has no room in the picture's legend is cut there, and whole when pointed at."""
    svg = picture([chart_of("USD", {LONG: {"2025-01-01": Decimal(1)}})]).decode()
    (shown,) = re.findall(r'<g class="key">.*?<text[^>]*>([^<]*)</text>', svg)
    assert shown.endswith("…")
    assert len(shown) <= 30
    assert f"<title>{LONG}</title>" in svg
