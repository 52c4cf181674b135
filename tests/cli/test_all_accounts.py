"""Every account that the credential sees, in place of accounts that are named."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.cli.shell import Shell, serving
from tests.cli.wire import MONTH

DAYS = ("--from", "2025-01-01", "--to", "2025-01-03")
COMMANDS = (
    ("usage", *DAYS),
    ("costs", *DAYS),
    ("billable-usage", *DAYS),
    ("paygo", *DAYS),
    ("cycles",),
    ("spend",),
    ("history", "--status", "paid"),
    ("credits",),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: str(arguments[0]))
def test_all_accounts_are_those_that_are_listed(arguments: tuple[str, ...]) -> None:
    """Each account of every page of the list is asked about, and no other."""
    with serving(accounts=60, records_per_day=1, quota=None, history_items=10) as sandbox:
        ran = Shell(sandbox).run(*arguments, "--all-accounts", "--format", "csv")
        rows = csv.DictReader(io.StringIO(ran.stdout.decode(), newline=""))
        asked = {request.scope_id for request in sandbox.requests} - {None}
        assert (0, set(sandbox.account_ids)) == (ran.returncode, asked)
        name = "BillingAccountId" if "BillingAccountId" in (rows.fieldnames or ()) else "AccountId"
        assert {row[name] for row in rows if row[name]} <= asked
        assert b"60 accounts" in ran.stderr


def test_a_report_may_be_about_all_accounts(shell: Shell, tmp_path: Path) -> None:
    """The report adds all accounts up, as if each had been named."""
    page = tmp_path / "report.html"
    ran = shell.run("report", "--all-accounts", *MONTH, "--html", str(page))
    named = shell.run("report", *shell.sandbox.account_ids, *MONTH)
    total = r"Total, exactly: \S+ USD"
    assert ran.returncode == 0
    assert re.findall(total, named.stdout.decode()) == re.findall(total, ran.stdout.decode())
    assert "3 accounts" in page.read_text()


@pytest.mark.parametrize("more", [("a" * 32,), ("--accounts-file", "/nonexistent")])
@pytest.mark.parametrize("command", ["usage", "costs", "report", "history"])
def test_all_accounts_exclude_others(shell: Shell, command: str, more: tuple[str, ...]) -> None:
    """Together with accounts that are named, it is a usage error before anything is sent."""
    ran = shell.run(command, "--all-accounts", *more)
    assert (2, []) == (ran.returncode, shell.sandbox.requests)
    assert b"--all-accounts" in ran.stderr


@pytest.mark.parametrize("command", ["usage", "report", "credits", "check"])
def test_a_credential_that_sees_none_says_so(command: str) -> None:
    """Where there is no account at all, that is said, and it is no success."""
    with serving(accounts=0, organizations=0) as sandbox:
        ran = Shell(sandbox).run(command, "--all-accounts")
    assert ran.returncode == 4
    assert b"sees no account" in ran.stderr


def test_some_of_all_accounts_may_fail(shell: Shell, account: str, tmp_path: Path) -> None:
    """An account that fails is named, the others are delivered, and the code is 1."""
    shell.sandbox.refuse(account, "usage")
    target = tmp_path / "out.ndjson"
    ran = shell.run("usage", "--all-accounts", *MONTH, "-o", str(target))
    assert ran.returncode == 1
    assert f"{account} failed" in ran.stderr.decode()
    assert len(target.read_text().splitlines()) == 2 * 31 * 12


@pytest.mark.parametrize("command", ["usage", "history"])
def test_all_of_all_accounts_may_fail(shell: Shell, command: str, tmp_path: Path) -> None:
    """When every account fails for one reason, that is the exit code, and there is no file."""
    for account_id in shell.sandbox.account_ids:
        shell.sandbox.refuse(account_id)
    target = tmp_path / "out.ndjson"
    ran = shell.run(command, "--all-accounts", "-o", str(target))
    assert (4, False) == (ran.returncode, target.exists())


def test_a_list_that_fails_is_no_list(shell: Shell, tmp_path: Path) -> None:
    """Without the list of accounts there is nothing to ask, and the reason is the exit code."""
    target = tmp_path / "out.ndjson"
    for command in ("usage", "history"):
        ran = shell.run(command, "--all-accounts", "-o", str(target), CLOUDFLARE_API_TOKEN="wrong")
        assert (3, False) == (ran.returncode, target.exists())
