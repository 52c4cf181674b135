from __future__ import annotations

import json
import re
import shutil
import subprocess
from decimal import Decimal
from html import escape
from pathlib import Path

import pytest
from rich.console import Console

from cfbilling import FocusRecord
from cfbilling.cli.report.chart import chart_of
from cfbilling.cli.report.facts import Breakdown, Report
from cfbilling.cli.report.page import page
from cfbilling.cli.report.rows import Row
from cfbilling.cli.report.terminal import cost_tables
from cfbilling.cli.report.totals import Totals
from tests.cli.report.truth import QUARTER, SPAN, cost_by_product, exactly
from tests.cli.shell import Shell

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


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
    ids, target = shell.sandbox.account_ids[:2], tmp_path / "report.html"
    ran = shell.run("report", *ids, *SPAN, "--html", str(target))
    assert (0, b"") == (ran.returncode, ran.stderr)
    seen = _browse(target, tmp_path / "profile")
    assert "CONSOLE" not in seen.stderr
    body, foot = re.findall(r"<tbody>(.*)</tbody><tfoot>(.*)</tfoot>", seen.stdout, re.DOTALL)[0]
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>.*?<data value="([^"]+)"', body, re.DOTALL)
    costs = cost_by_product(shell, ids)
    assert costs == {name: Decimal(exact) for name, exact in rows}
    for text in (foot, seen.stdout.partition("<figure>")[0]):
        (total,) = re.findall(r'<data value="([^"]+)"', text)
        assert exactly(costs.values()) == Decimal(total)
    assert seen.stdout.count("<svg") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_a_click_sorts_the_table(shell: Shell, account: str, tmp_path: Path) -> None:
    """A click on a heading sorts by it, and a second one the other way round."""
    target = tmp_path / "report.html"
    shell.run("report", account, *SPAN, "--html", str(target))
    # The policy admits no script but the page's own, so it is lifted to click from inside.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", target.read_text())
    click = "document.querySelector('thead button').click();"
    names = "[...document.querySelectorAll('tbody th')].map((th) => th.textContent)"
    note = f"document.body.append(JSON.stringify({names}), '\\n');"
    target.write_text(text.replace("</body>", f"<script>{(click + note) * 2}</script></body>"))
    seen = _browse(target, tmp_path / "profile").stdout
    notes = re.findall(r"^(?:.*</script>)?(\[.*\])$", seen, re.MULTILINE)
    once, twice = map(json.loads, notes)
    assert len(once) > 2
    assert sorted(once) == once
    assert sorted(once, reverse=True) == twice


def test_the_page_asks_for_nothing(shell: Shell, account: str, tmp_path: Path) -> None:
    """The page names no address to load from, and its policy would forbid it."""
    target = tmp_path / "report.html"
    shell.run("report", account, *SPAN, "--html", str(target))
    text = target.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=|<link(?! rel=\"icon\")", text)
    assert "prefers-color-scheme:dark" in text


def test_names_cannot_inject() -> None:
    """A name with markup in it is text on the page and in the picture."""
    evil = "<script>alert(1)</script>\x1b[2J"
    row = Row(evil, Decimal(1), None, {(evil, evil, evil): Decimal(1)}, 1)
    daily = {evil: {"2025-01-01": Decimal(1)}}
    part = Breakdown(evil, [row], row, daily)
    html = page(Report(evil, [evil], None, evil, [part], [evil]), [chart_of(evil, daily)]).decode()
    assert "<script>alert" not in html
    assert "\x1b" not in html


def test_many_units_are_few_in_a_cell() -> None:
    """Of twenty units, the page and the terminal show three, and how many others there are."""
    totals = Totals("account")
    for index in range(20):
        record = FocusRecord(consumed_quantity=Decimal(2), consumed_unit=f"unit {index:02}")
        totals.add("x", record)
    rows, total = totals.rows(None), totals.total(None)
    html = page(Report("", [], None, "", [Breakdown(None, rows, total, {})], []), []).decode()
    (table,) = cost_tables("", totals)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    shown = "2 unit 00, 2 unit 01, 2 unit 02, and 17 more"
    assert (2, 2) == (html.count(shown), capture.get().count(shown))


def test_the_page_names_the_account(shell: Shell, account: str, tmp_path: Path) -> None:
    """The page of a single account has its name with its id, and the share of each line."""
    target = tmp_path / "report.html"
    shell.run("report", account, *SPAN, "--html", str(target))
    wires = shell.sandbox.usage_query(account, *QUARTER, cost=True)
    names = {str(wire["BillingAccountName"]) for wire in wires if "BillingAccountName" in wire}
    (name,) = names
    text = target.read_text()
    assert f"account {escape(name)} ({account})" in text
    shares = re.findall(r">([\d.]+) %<", text.partition("</tbody>")[0])
    assert abs(sum(map(float, shares)) - 100) < 2
