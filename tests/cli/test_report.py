from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cfbilling import UsageRecord
from cfbilling.cli.errors import CommandError
from cfbilling.cli.report.totals import DIMENSIONS, Totals
from tests.cli.shell import Shell

QUARTER = date(2025, 1, 1), date(2025, 4, 1)
SPAN = ("--from", "2025-01-01", "--to", "2025-04-01", "--quiet")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


def _truth(shell: Shell, ids: list[str]) -> dict[str, Decimal]:
    """Return what each product cost, by the sandbox's own numbers."""
    costs: dict[str, Decimal] = {}
    for account_id in ids:
        for wire in shell.sandbox.expected_usage(account_id, *QUARTER):
            cost = wire.get("BilledCost")
            if isinstance(cost, Decimal):
                name = str(wire.get("x_ProductFamilyName") or "(no product)")
                costs[name] = costs.get(name, Decimal(0)) + cost
    return costs


def test_the_terminal_shows_the_exact_total(shell: Shell) -> None:
    """The table has a line and a bar for each product, and the total to the last digit."""
    ids = shell.sandbox.account_ids[:2]
    ran = shell.run("report", *ids, *SPAN)
    costs, shown = _truth(shell, ids), ran.stdout.decode()
    assert (0, b"") == (ran.returncode, ran.stderr)
    total = re.search(r"Total, exactly: (\S+) USD", shown)
    assert total
    assert sum(costs.values()) == Decimal(total[1])
    for name, cost in costs.items():
        assert re.search(rf"{re.escape(name)} +│ +{cost:,.2f} ", shown)
    assert "█" * 20 in shown


@pytest.mark.parametrize("by", DIMENSIONS)
def test_every_breakdown_has_the_same_total(shell: Shell, account: str, by: str) -> None:
    """However it is broken down and cut, the exact total is the truth."""
    ran = shell.run("report", account, *SPAN, "--by", by, "--top", "3")
    assert f"{sum(_truth(shell, [account]).values()):f} USD" in ran.stdout.decode()


def test_currencies_and_units_stay_apart() -> None:
    """Nothing is added across currencies or units, and nothing is rounded."""
    totals = Totals("product")
    for cost, currency, unit in (
        ("0.1", "USD", "GB"),
        ("0.2", "USD", "Requests"),
        ("1E-20", "EUR", "GB"),
        ("1E+20", "EUR", None),
        ("7", None, None),
    ):
        totals.add(
            "a",
            UsageRecord(
                billed_cost=Decimal(cost),
                billing_currency=currency,
                consumed_quantity=Decimal(2),
                consumed_unit=unit,
            ),
        )
    (row,) = totals.rows(10)
    assert {
        "USD": Decimal("0.3"),
        "EUR": Decimal("100000000000000000000.00000000000000000001"),
        "no currency": Decimal(7),
    } == row.costs
    assert {"GB": Decimal(4), "Requests": Decimal(2), "(no unit)": Decimal(4)} == row.used
    with pytest.raises(CommandError, match="exactly"):
        totals.add("a", UsageRecord(billed_cost=Decimal("1E+900"), billing_currency="EUR"))


def _browse(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """Load the page, and return its document with what the browser logged."""
    assert CHROMIUM
    return subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            "--enable-logging=stderr",
            "--dump-dom",
            f"file://{page}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_the_page_in_a_browser(shell: Shell, tmp_path: Path) -> None:
    """In Chromium the page's totals are the truth, its script sorts, and the console is silent."""
    ids, page = shell.sandbox.account_ids[:2], tmp_path / "report.html"
    ran = shell.run("report", *ids, *SPAN, "--html", str(page))
    assert (0, b"") == (ran.returncode, ran.stderr)
    seen = _browse(page, tmp_path / "profile")
    assert "CONSOLE" not in seen.stderr
    body, foot = re.findall(r"<tbody>(.*)</tbody><tfoot>(.*)</tfoot>", seen.stdout, re.DOTALL)[0]
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>.*?<data value="([^"]+)"', body, re.DOTALL)
    costs = _truth(shell, ids)
    assert costs == {name: Decimal(exact) for name, exact in rows}
    for text in (foot, seen.stdout.partition("<figure>")[0]):
        (total,) = re.findall(r'<data value="([^"]+)"', text)
        assert sum(costs.values()) == Decimal(total)
    assert seen.stdout.count("<svg") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_a_click_sorts_the_table(shell: Shell, account: str, tmp_path: Path) -> None:
    """A click on a heading sorts by it, and a second one the other way round."""
    page = tmp_path / "report.html"
    shell.run("report", account, *SPAN, "--html", str(page))
    # The policy admits no script but the page's own, so it is lifted to click from inside.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    for clicks, is_reversed in ((1, False), (2, True)):
        click = "document.querySelector('thead button').click();" * clicks
        page.write_text(text.replace("</body>", f"<script>{click}</script></body>"))
        seen = _browse(page, tmp_path / "profile").stdout
        names = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', seen.partition("<tfoot>")[0])
        assert sorted(names, reverse=is_reversed) == names


def test_the_page_asks_for_nothing(shell: Shell, account: str, tmp_path: Path) -> None:
    """The page names no address to load from, and its policy would forbid it."""
    page = tmp_path / "report.html"
    shell.run("report", account, *SPAN, "--html", str(page))
    text = page.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=|<link(?! rel=\"icon\")", text)
    assert "prefers-color-scheme:dark" in text


def test_the_picture_is_svg_with_each_days_cost(shell: Shell, account: str, tmp_path: Path) -> None:
    """The SVG file is well-formed, and has a bar for each cost of a product on a day."""
    target = tmp_path / "chart.svg"
    shell.run("report", account, *SPAN, "--svg", str(target))
    root = ET.parse(target).getroot()  # noqa: S314 - written by the command
    bars = root.findall(".//{*}g[@class='bar']")
    days: Counter[tuple[str, str]] = Counter()
    for wire in shell.sandbox.expected_usage(account, *QUARTER):
        if wire.get("BilledCost"):
            days[str(wire["ChargePeriodStart"]), str(wire.get("x_ProductFamilyName"))] += 1
    assert 0 < len(bars) <= len(days)
    assert all(re.match(r"2025-\d\d-\d\d · ", bar.findtext("{*}title") or "") for bar in bars)
    assert "script" not in target.read_text()


def test_names_cannot_inject(tmp_path: Path) -> None:
    """A name with markup in it is text on the page and in the picture."""
    from cfbilling.cli.report.chart import chart_of  # noqa: PLC0415 - beside its only use
    from cfbilling.cli.report.facts import Report  # noqa: PLC0415 - beside its only use
    from cfbilling.cli.report.page import page  # noqa: PLC0415 - likewise
    from cfbilling.cli.report.totals import Row  # noqa: PLC0415 - likewise

    evil = "<script>alert(1)</script>\x1b[2J"
    row = Row(evil, {"USD": Decimal(1)}, {"GB": Decimal(1)}, 1)
    chart = chart_of("USD", {evil: {"2025-01-01": Decimal(1)}})
    html = page(Report(evil, [evil], "Zone", ["USD"], [row], row, [evil]), [chart]).decode()
    assert "<script>alert" not in html
    assert "\x1b" not in html
    (tmp_path / "evil.html").write_text(html)


def test_without_the_extra_one_line_says_so(shell: Shell) -> None:
    """Without the chart library, the command names the extra before it asks anything."""
    arguments = ["cfbilling", "report", "a" * 32, "--html", "/nonexistent/x.html"]
    code = (
        f"import sys; sys.modules['pygal'] = None; sys.argv = {arguments!r}\n"
        "from cfbilling.cli import main; main()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=shell.environment(),
        check=False,
    )
    assert shown.returncode == 2
    assert "pip install 'cfbilling[report]'" in shown.stderr
    assert shell.sandbox.requests == []
