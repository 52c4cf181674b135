"""Costs and reports that come from a store instead of the service."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cfbilling import ApiToken, BillingClient, Clock, plan
from cfbilling.sync import Store, sync
from tests.cli.shell import Ended, Shell, run_here, serving
from tests.cli.wire import parsed

UNKNOWN = "f" * 32
# Beside the months that are kept, and not at their borders.
SPAN = ("--from", "2025-01-10", "--to", "2025-02-20")
TIMES = ("--from", "2025-01-10T12:00:00+02:00", "--to", "2025-02-20T00:30:00Z")


@pytest.fixture
def shell() -> Iterator[Shell]:
    """The command on a sandbox with few records."""
    with serving(accounts=3, revision="later", quota=None, records_per_day=3) as sandbox:
        yield Shell(sandbox)


@pytest.fixture
def dest(shell: Shell, tmp_path: Path) -> str:
    """Two months of costs of two accounts."""
    dest = str(tmp_path / "store")
    months = ("--from", "2025-01", "--to", "2025-03", "--quiet")
    for form in ("ndjson", "parquet"):
        ran = shell.run("sync", dest, *shell.sandbox.account_ids[:2], *months, "--format", form)
        assert ran.returncode == 0
    return dest


def _offline(*arguments: str) -> Ended:
    """Run the command where nothing could be asked: without a credential or a service."""
    environment = {"CLOUDFLARE_BASE_URL": "http://127.0.0.1:9", "COLUMNS": "120"}
    return run_here(*arguments, environment=environment)


def _numbers(ran: Ended) -> list[dict[str, object]]:
    return [parsed(line) for line in ran.stdout.splitlines()]


def _owners(ran: Ended) -> set[object]:
    # Some rows do not say whose they are.
    return {row.get("BillingAccountId") for row in _numbers(ran)} - {None}


@pytest.mark.parametrize("span", [SPAN, TIMES])
def test_costs_of_a_store_are_those_of_the_service(
    shell: Shell, dest: str, span: tuple[str, ...]
) -> None:
    """The rows of the days come as from the service, digit for digit or equal in their values."""
    ids = shell.sandbox.account_ids[:2]
    for account_id in ids:
        asked = shell.run("costs", account_id, *span, "--format", "ndjson")
        shell.sandbox.requests.clear()
        arguments = ("costs", account_id, *span, "--format", "ndjson", "--from-sync", dest)
        assert asked.stdout
        same = _offline(*arguments, "--stored-as", "ndjson")
        assert (0, asked.stdout) == (same.returncode, same.stdout)
        equal = _offline(*arguments)
        assert (0, _numbers(asked)) == (equal.returncode, _numbers(equal))


def test_without_accounts_it_is_all_of_the_store(shell: Shell, dest: str, tmp_path: Path) -> None:
    """All accounts of the store are read, or those that are named, or those of a file."""
    ids = shell.sandbox.account_ids[:2]
    path = tmp_path / "accounts.txt"
    path.write_text(f"{ids[1]},NOT_SET\n")
    for more, expected in (
        ((), set(ids)),
        ((ids[0],), {ids[0]}),
        (("--accounts-file", str(path)), {ids[1]}),
    ):
        ran = _offline("costs", *more, *SPAN, "--from-sync", dest, "--format", "ndjson")
        assert ran.returncode == 0
        assert expected == _owners(ran)
        assert f"{2 * len(expected)} of {2 * len(expected)} chunks" in ran.stderr.decode()


def test_a_report_of_a_store_is_the_same(shell: Shell, dest: str, tmp_path: Path) -> None:
    """The report adds up the same amounts, whether it asks the service or reads the store."""
    page = tmp_path / "report.html"
    arguments = ("report", *SPAN, "--by", "month", "-q")
    asked = shell.run(*arguments, *shell.sandbox.account_ids[:2])
    ran = _offline(*arguments, "--from-sync", dest, "--stored-as", "ndjson", "--html", str(page))
    assert (0, b"") == (ran.returncode, ran.stderr)
    assert asked.stdout == ran.stdout
    assert "2 accounts" in page.read_text()
    parquet = _offline(*arguments, "--from-sync", dest)
    assert _total(asked) == _total(parquet)


def _total(ran: Ended) -> Decimal:
    (total,) = re.findall(r"Total, exactly: (\S+) USD", ran.stdout.decode())
    return Decimal(total)


@pytest.mark.parametrize("command", ["costs", "report"])
def test_missing_months_are_a_failure(
    shell: Shell, dest: str, command: str, tmp_path: Path
) -> None:
    """An account that lacks months is named with them; the others are whole, and the code is 1."""
    ids = shell.sandbox.account_ids
    arguments = (command, ids[0], ids[2], *SPAN, "--from-sync", dest)
    ran = _offline(*arguments)
    told = ran.stderr.decode()
    assert ran.returncode == 1
    assert f"{ids[2]} failed: not in the store, as parquet: 2025-01 to 2025-02" in told
    assert f"{ids[0]} failed" not in told
    assert ran.stdout
    target = tmp_path / "x.csv"
    span = ("--from", "2024-12-01", "--to", "2025-02-01")
    ran = _offline("costs", "-o", str(target), *span, "--from-sync", dest)
    assert (7, False) == (ran.returncode, target.exists())
    assert 2 == len(re.findall(r"failed: not in the store, as parquet: 2024-12 \(", _told(ran)))
    assert "incomplete: 93 records were written before" in _told(ran)


def _told(ran: Ended) -> str:
    return ran.stderr.decode()


def test_an_object_that_is_damaged_is_missing(shell: Shell, dest: str) -> None:
    """What cannot be read is no part of the store, and the others come nevertheless."""
    first, second = shell.sandbox.account_ids[:2]
    path = Path(dest) / f"endpoint=costs/scope_id={first}/month=2025-01/data.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    ran = _offline("costs", *SPAN, "--from-sync", dest, "--format", "ndjson")
    assert ran.returncode == 1
    assert f"{first} failed: not in the store, as parquet: 2025-01 (" in _told(ran)
    assert second in _owners(ran)


def test_a_month_that_was_not_over_is_named(shell: Shell, tmp_path: Path) -> None:
    """A month that was fetched before its end is told to be incomplete, and that is no failure."""
    ids = shell.sandbox.account_ids
    moments = [datetime(2025, 1, day, 12, tzinfo=UTC) for day in (21, 20)]
    moments.append(datetime(2025, 2, 1, tzinfo=UTC))

    async def fetch(account_id: str, now: datetime) -> None:
        token, where = ApiToken(shell.sandbox.api_token), shell.sandbox.base_url
        async with BillingClient(token, base_url=where, clock=Clock(now=lambda: now)) as client:
            await sync(client, plan([account_id], "2025-01-01", "2025-02-01"), Store(tmp_path))

    for account_id, now in zip(ids, moments, strict=True):
        asyncio.run(fetch(account_id, now))
    ran = _offline("costs", "--month", "2025-01", "--from-sync", str(tmp_path), "-q")
    named = ", ".join(sorted(ids[:2]))
    assert ran.returncode == 0
    assert _told(ran) == (
        "cfbilling: 2025-01 is incomplete: it was not over when it was fetched "
        f"(2025-01-20 12:00 UTC) for {named}\n"
    )
    # Whoever sees the report alone sees that, too.
    store = ("--month", "2025-01", "--from-sync", str(tmp_path), "-q")
    assert b"2025-01 is incomplete: " in _offline("report", *store).stdout
    (line,) = json.loads(_offline("report", *store, "-f", "json").stdout)["Unfinished"]
    assert line.startswith("2025-01 is incomplete: ")


def test_many_incomplete_accounts_are_counted(tmp_path: Path) -> None:
    """Of many accounts, some are named and all are counted."""
    now = datetime(2025, 1, 20, tzinfo=UTC)

    async def fetch(token: str, where: str, ids: list[str]) -> None:
        clock = Clock(now=lambda: now)
        async with BillingClient(ApiToken(token), base_url=where, clock=clock) as client:
            await sync(client, plan(ids, "2025-01-01", "2025-02-01"), Store(tmp_path))

    with serving(accounts=5, quota=None, records_per_day=1) as sandbox:
        asyncio.run(fetch(sandbox.api_token, sandbox.base_url, sandbox.account_ids))
    ran = _offline("report", "--month", "2025-01", "--from-sync", str(tmp_path), "-q")
    assert 3 == len(re.findall(r"[0-9a-f]{32}", _told(ran)))
    assert _told(ran).endswith(" and 2 more\n")


def test_days_to_come_are_not_missing(shell: Shell, tmp_path: Path) -> None:
    """A range may reach into the future: nothing of that can be in a store."""
    dest, account = str(tmp_path), shell.sandbox.account_ids[0]
    assert shell.run("sync", dest, account, "--from", "2025-01", "-q").returncode == 0
    ran = _offline("costs", "--from=2025-01-01", "--to=2999-01-01", "--from-sync", dest, "-q")
    assert ran.returncode == 0
    assert "failed" not in _told(ran)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all-accounts",),
        ("--accounts-file", "/dev/null"),
        ("--from", "soon"),
        ("--from", "2025-02-01", "--to", "2025-01-01"),
        ("nothing",),
    ],
)
def test_a_wrong_command_line(dest: str, arguments: tuple[str, ...]) -> None:
    """What cannot be right ends with 2."""
    assert _offline("costs", "--from-sync", dest, *arguments).returncode == 2


def test_a_store_without_costs_is_told(dest: str) -> None:
    """A folder that is no store, and one without costs of that version, end with 2."""
    ran = _offline("costs", *SPAN, "--from-sync", "/nonexistent/store")
    assert (2, True) == (ran.returncode, "no costs are stored there" in _told(ran))
    ran = _offline("costs", *SPAN, "--from-sync", dest, "--source", "v1")
    assert (2, True) == (ran.returncode, "no costs of --source v1 are stored" in _told(ran))
    assert _offline("report", *SPAN, "--from-sync", "nothing://store").returncode == 2
    ran = _offline("costs", *SPAN, "--from-sync", "memory://me:hush@box/x")
    assert (2, False) == (ran.returncode, "hush" in _told(ran))


def test_a_store_that_cannot_be_listed(tmp_path: Path) -> None:
    """A file in place of the store ends with 7."""
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    ran = _offline("costs", *SPAN, "--from-sync", str(blocked))
    assert (7, True) == (ran.returncode, "cannot list" in _told(ran))
