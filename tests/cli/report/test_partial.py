"""Accounts that fail midway: none of their records is in a total without a mark."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from cfbilling.sandbox import Fault
from tests.cli.report.truth import SPAN, cost_by_product, exactly
from tests.cli.shell import Ended, Shell

REPORT = ("report", *SPAN, "--attempts", "1", "--concurrency", "1")


@pytest.fixture
def failing(shell: Shell) -> str:
    """An account whose first month comes, and whose others do not."""
    account_id = shell.sandbox.account_ids[1]
    shell.sandbox.faults.add(
        Fault(
            times=None,
            scope_id=account_id,
            status=503,
            when=lambda facts: b"2025-01-01" not in facts.body,
        )
    )
    return account_id


def _total(ran: Ended) -> Decimal:
    (total,) = re.findall(r"Total, exactly: (\S+) USD", ran.stdout.decode())
    return Decimal(total)


def _whole(shell: Shell) -> Decimal:
    return exactly(cost_by_product(shell, shell.sandbox.account_ids[:1]).values())


def test_an_account_that_fails_midway_is_left_out(
    shell: Shell, failing: str, tmp_path: Path
) -> None:
    """Its records are in no total, and each output says so; the exit code is 1."""
    page, svg = tmp_path / "report.html", tmp_path / "chart.svg"
    files = ("--html", str(page), "--svg", str(svg))
    ran = shell.run(*REPORT, *shell.sandbox.account_ids[:2], *files)
    assert (1, _whole(shell)) == (ran.returncode, _total(ran))
    note = f"Incomplete: account {failing} failed and is left out."
    assert note in ran.stdout.decode()
    assert note in page.read_text()
    assert "incomplete" in svg.read_text()
    assert re.search(rf"{failing} failed: .* \(\d+ records had arrived\)", ran.stderr.decode())


def test_partial_accounts_are_counted_on_request(
    shell: Shell, failing: str, tmp_path: Path
) -> None:
    """With --partial what arrived is in the totals, and each output says that it is not all."""
    page, svg = tmp_path / "report.html", tmp_path / "chart.svg"
    files = ("--html", str(page), "--svg", str(svg))
    ran = shell.run(*REPORT, *shell.sandbox.account_ids[:2], *files, "--partial")
    assert ran.returncode == 1
    assert _total(ran) > _whole(shell)
    note = rf"Incomplete: account {failing} failed; of it only \d+ records are counted\."
    for shown in (ran.stdout.decode(), page.read_text()):
        assert re.search(note, shown)
        assert re.search(r"Total, incomplete", shown)
    assert "incomplete" in svg.read_text()


def test_a_single_account_that_fails_midway(shell: Shell, failing: str) -> None:
    """Nothing is left to show of it, unless --partial asks for what there is."""
    ran = shell.run(*REPORT, failing)
    assert (6, b"") == (ran.returncode, ran.stdout)
    ran = shell.run(*REPORT, failing, "--partial")
    assert (6, True) == (ran.returncode, _total(ran) > 0)
    shell.sandbox.faults.clear()
    shell.sandbox.faults.add(Fault(times=None, status=503))
    ran = shell.run(*REPORT, failing, "--partial")
    assert (6, b"") == (ran.returncode, ran.stdout)


def test_whole_accounts_bear_no_mark(shell: Shell) -> None:
    """--partial changes nothing where nothing fails."""
    ids = shell.sandbox.account_ids
    ran = shell.run("report", *SPAN, *ids)
    assert ran == shell.run("report", *SPAN, *ids, "--partial")
    assert b"ncomplete" not in ran.stdout
