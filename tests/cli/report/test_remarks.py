"""What a report says of itself, on each output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cfbilling import BillingError
from cfbilling.cli.report.answer import Answer, Incomplete
from cfbilling.cli.report.remarks import remarks
from cfbilling.cli.report.totals import Totals
from tests.cli.shell import Ended, run_here, saying, serving

SPAN = ("--from", "2025-01-01", "--to", "2025-01-31")


def _ran(tmp_path: Path, members: str) -> tuple[Ended, str, str]:
    page, svg = tmp_path / "report.html", tmp_path / "chart.svg"
    files = ("--html", str(page), "--svg", str(svg))
    with saying(members) as environment:
        ran = run_here("report", "a" * 32, *SPAN, *files, "-q", environment=environment)
    assert (0, b"") == (ran.returncode, ran.stderr)
    return ran, page.read_text(), svg.read_text()


def test_what_an_allowance_covers_is_told(tmp_path: Path) -> None:
    """Where nothing was billed but something was used, the list cost of that has a line."""
    members = '"BilledCost":0,"ListCost":1.250,"BillingCurrency":"USD"'
    ran, page, _ = _ran(tmp_path, members)
    line = "Nothing was billed in USD; the list cost of these records is 1.250 USD."
    assert line in ran.stdout.decode()
    assert line in page
    assert "Total, exactly: 0 USD" in ran.stdout.decode()


@pytest.mark.parametrize(
    "members",
    [
        '"BilledCost":1,"ListCost":2,"BillingCurrency":"USD"',
        '"BilledCost":0,"ListCost":0,"BillingCurrency":"USD"',
        '"BilledCost":0,"BillingCurrency":"USD"',
        '"ListCost":1,"BillingCurrency":"USD"',
    ],
)
def test_no_allowance_is_invented(tmp_path: Path, members: str) -> None:
    """Where something was billed, or the service tells no list cost, nothing is said of it."""
    ran, page, _ = _ran(tmp_path, members)
    assert b"Nothing was billed" not in ran.stdout
    assert "Nothing was billed" not in page


def test_an_empty_period_says_so(tmp_path: Path) -> None:
    """Without records, the terminal, the page and the picture say that there are none."""
    page, svg = tmp_path / "report.html", tmp_path / "chart.svg"
    files = ("--html", str(page), "--svg", str(svg))
    with serving(records_per_day=0) as sandbox:
        environment = {
            "CLOUDFLARE_API_TOKEN": sandbox.api_token,
            "CLOUDFLARE_BASE_URL": sandbox.base_url,
        }
        account_id = sandbox.account_ids[0]
        ran = run_here("report", account_id, *SPAN, *files, "-q", environment=environment)
    assert (0, b"") == (ran.returncode, ran.stderr)
    assert ran.stdout.decode() == (
        "Cost by product, 2025-01-01 to 2025-01-31 (exclusive)\nNo records in this period.\n"
    )
    assert "No records in this period." in page.read_text()
    assert "<table" not in page.read_text()
    assert re.search(r"<text[^>]*>No cost in this period</text>", svg.read_text())


def test_an_id_of_the_service_steers_no_terminal() -> None:
    """An account that the service lists by an id that is none is named in plain text."""
    failed = [Incomplete("\x1b[2J", BillingError("no id"), 0)]
    answer = Answer([Totals("product")], failed, incomplete_before=failed)
    _, *lines = remarks(answer)
    assert [True, True] == ["\N{REPLACEMENT CHARACTER}[2J" in line for line in lines]
    assert "\x1b" not in "".join(lines)
