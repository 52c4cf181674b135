"""What is asked of each account by itself: every command's answer is the sandbox's truth."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling import (
    Account,
    BillingCredits,
    BillingHistoryItem,
    Record,
    Subscription,
)
from cfbilling.sandbox import Sandbox, WireRecord
from tests.cli.shell import COMMAND, Shell, run_here, saying, serving
from tests.cli.wire import parsed

Truth = Callable[[Sandbox, str], list[WireRecord]]
LISTS: dict[str, tuple[type[Record], Truth]] = {
    "history": (BillingHistoryItem, lambda sandbox, id_: sandbox.billing_history(id_)),
    "subscriptions": (Subscription, lambda sandbox, id_: sandbox.subscriptions(id_)),
    "credits": (BillingCredits, lambda sandbox, id_: [sandbox.billing_credits(id_)]),
}


def _known(wire: Mapping[str, object]) -> dict[str, object]:
    """Return the members that are not null; times apart, of which other spellings are the same."""
    times = ("_at", "_start", "_end", "_on", "_date", "valid_from", "valid_to")
    return {k: v for k, v in wire.items() if v is not None and not k.endswith(times)}


def _rows(data: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("command", LISTS)
def test_ndjson_is_what_the_service_sends(shell: Shell, command: str) -> None:
    """Each line is the wire's object, in the service's order."""
    _, truth = LISTS[command]
    for account_id in shell.sandbox.account_ids:
        ran = shell.run(command, account_id, "--format", "ndjson")
        found = [_known(parsed(line)) for line in ran.stdout.splitlines()]
        assert [_known(wire) for wire in truth(shell.sandbox, account_id)] == found
        assert ran.returncode == 0


@pytest.mark.parametrize("command", LISTS)
def test_several_accounts_have_a_column(shell: Shell, command: str, tmp_path: Path) -> None:
    """Records that do not say whose they are have the account's id in the first column."""
    record_type, truth = LISTS[command]
    ids = shell.sandbox.account_ids
    header = ["AccountId", *record_type.wire_names.values(), "extra"]
    ran = shell.run(command, *ids, "--format", "csv")
    owners = [row["AccountId"] for row in _rows(ran.stdout)]
    expected = [id_ for id_ in ids for _ in truth(shell.sandbox, id_)]
    assert expected == owners
    target = tmp_path / "out.parquet"
    assert shell.run(command, *ids, "-o", str(target)).returncode == 0
    table = pq.read_table(target)
    assert (header, expected) == (table.column_names, table.column("AccountId").to_pylist())
    headings, _, *shown = shell.run(command, *ids).stdout.decode().splitlines()
    assert headings.startswith("AccountId")
    assert set(expected) == {line[:32] for line in shown}


@pytest.mark.parametrize("command", [*LISTS, "cycles", "spend"])
def test_one_account_that_fails_is_named(shell: Shell, account: str, command: str) -> None:
    """The other accounts are delivered, and the code is 1."""
    shell.sandbox.refuse(account)
    ran = shell.run(command, *shell.sandbox.account_ids, "--format", "ndjson")
    assert ran.returncode == 1
    assert f"{account} failed" in ran.stderr.decode()
    assert ran.stdout


def test_a_history_may_be_of_one_status(shell: Shell, account: str) -> None:
    """Only the items of the status that was asked for come."""
    ran = shell.run("history", account, "--status", "paid", "--format", "ndjson")
    truth = shell.sandbox.billing_history(account, "paid")
    assert truth
    assert [wire["id"] for wire in truth] == [
        parsed(line)["id"] for line in ran.stdout.splitlines()
    ]


def test_each_account_may_have_its_own_token(tmp_path: Path) -> None:
    """Accounts of a file are asked with their own tokens, each under its own."""
    with serving(accounts=2, tokens=2) as sandbox:
        first, second = sandbox.account_ids
        path = tmp_path / "accounts.txt"
        path.write_text(f"{first}\n{second},OTHER\n")
        ran = Shell(sandbox).run(
            "credits", "--accounts-file", str(path), OTHER=sandbox.api_tokens[1]
        )
        used = {request.scope_id: request.credential for request in sandbox.requests}
    assert (0, {first: "token-0", second: "token-1"}) == (ran.returncode, used)


@pytest.mark.parametrize("shape", ["ndjson", "csv", "parquet", "table"])
def test_accounts_in_each_format(shape: str, tmp_path: Path) -> None:
    """The accounts of every page come in the service's order."""
    with serving(accounts=120, quota=None) as sandbox:
        target = tmp_path / "out"
        ran = Shell(sandbox).run("accounts", "--format", shape, "-o", str(target))
        truth = sandbox.accounts()
    data = target.read_bytes()
    match shape:
        case "ndjson":
            found = [parsed(line)["id"] for line in data.splitlines()]
        case "csv":
            found = [row["id"] for row in _rows(data)]
            assert [*Account.wire_names.values(), "extra"] == list(_rows(data)[0])
        case "parquet":
            found = pq.read_table(target).column("id").to_pylist()
        case _:
            found = [line[:32] for line in data.decode().splitlines()[2:]]
    assert (0, [wire["id"] for wire in truth]) == (ran.returncode, found)


def test_no_account_at_all_is_said() -> None:
    """A credential that sees no account gets an empty list, and a word about it."""
    with serving(accounts=0, organizations=0) as sandbox:
        ran = Shell(sandbox).run("accounts", "--format", "ndjson")
    assert (0, b"") == (ran.returncode, ran.stdout)
    assert b"sees no account" in ran.stderr


def test_a_number_without_a_column_is_named(tmp_path: Path) -> None:
    """What Parquet cannot hold is told with its account and its id."""
    target = tmp_path / "fees.parquet"
    with saying('"id":"fee","price":1e40') as environment:
        account = environment["CLOUDFLARE_ACCOUNT_ID"]
        ran = run_here("subscriptions", account, "-q", "-o", str(target), environment=environment)
    told = ran.stderr.decode()
    assert (7, True) == (ran.returncode, told.startswith(f"cfbilling: {account}: price 1E+40 does"))
    assert "id fee (see --decimal-scale)" in told
    assert [] == list(tmp_path.iterdir())


def test_very_many_credentials_need_few_files(tmp_path: Path) -> None:
    """A connection is open only while accounts of its credential are asked about."""
    with serving(accounts=80, tokens=80, quota=None) as sandbox:
        names = {f"TOKEN_{number}": token for number, token in enumerate(sandbox.api_tokens)}
        pairs = zip(sandbox.account_ids, names, strict=True)
        path = tmp_path / "accounts.txt"
        path.write_text("".join(f"{account_id},{name}\n" for account_id, name in pairs))
        script = 'ulimit -n 50; exec "$@"'
        arguments = ("credits", "--accounts-file", str(path), "--attempts", "1", "--quiet")
        ran = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *COMMAND, *arguments, "--format", "ndjson"],
            env=Shell(sandbox).environment(**names),
            capture_output=True,
            check=False,
        )
    assert (0, b"", 80) == (ran.returncode, ran.stderr, len(ran.stdout.splitlines()))
