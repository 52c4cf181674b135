"""Whose a record is: with several accounts it is said, whatever the record says itself."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling import BillingCredits, Record
from cfbilling.cli.formats.ndjson import NdjsonFormat
from tests.cli.shell import Shell, run_here, saying
from tests.cli.wire import MONTH

A, B = "a" * 32, "b" * 32
SHAPES = ("csv", "ndjson", "parquet")
# A row for a whole contract, as version 2 has them.
UNNAMED = '"ServiceProviderName":"x","BilledCost":1.5'


def _rows(path: Path) -> list[dict[str, object]]:
    match path.suffix:
        case ".csv":
            reader = csv.DictReader(io.StringIO(path.read_text(), newline=""))
            return [{**row} for row in reader]
        case ".ndjson":
            return [json.loads(line) for line in path.read_text().splitlines()]
    found: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("command", ["usage", "costs", "paygo"])
def test_records_of_several_accounts_say_whose_they_are(
    command: str, shape: str, tmp_path: Path
) -> None:
    """Where the service does not name the account, a column or key of ours does."""
    target = tmp_path / f"out.{shape}"
    with saying(UNNAMED) as environment:
        ran = run_here(command, A, B, *MONTH, "-o", str(target), environment=environment)
    rows = _rows(target)
    assert ran.returncode == 0
    # In a dataset of FOCUS, what is none of FOCUS's has a prefix, and columns of it come last.
    name = "x_AccountId" if command == "costs" else "AccountId"
    at = -1 if command == "costs" and shape != "ndjson" else 0
    assert [name] * len(rows) == [list(row)[at] for row in rows]
    assert {A, B} == {row[name] for row in rows}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("arguments", [(A,), (A, B, "--no-account-id")], ids=len)
def test_the_column_can_be_left_out(shape: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """One account's records get nothing added, and several accounts' on request neither."""
    target = tmp_path / f"out.{shape}"
    with saying(UNNAMED) as environment:
        ran = run_here("usage", *arguments, *MONTH, "-o", str(target), environment=environment)
    rows = _rows(target)
    assert (0, True) == (ran.returncode, bool(rows))
    assert {"AccountId", "x_AccountId"}.isdisjoint(name for row in rows for name in row)


@pytest.mark.parametrize("command", ["billable-usage", "cycles"])
def test_records_that_name_their_account_get_no_other_column(shell: Shell, command: str) -> None:
    """What always says whose it is stays as it is."""
    ids = shell.sandbox.account_ids
    days = () if command == "cycles" else MONTH
    one = shell.run(command, ids[0], *days, "--format", "csv").stdout.splitlines()
    several = shell.run(command, *ids, *days, "--format", "csv").stdout.splitlines()
    assert one[0] == several[0]


def test_a_table_has_one_column_for_the_account(shell: Shell) -> None:
    """A table shows the account in the column that it has for it, or in one of ours."""
    ids = shell.sandbox.account_ids
    usage = shell.run("usage", *ids, *MONTH).stdout.decode().splitlines()[0]
    assert ("AccountId" in usage, "Account" in usage) == (False, True)
    assert shell.run("credits", *ids, "--no-account-id").stdout.startswith(b"Field")


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (BillingCredits(), {"AccountId": A}),
        (BillingCredits(extra={"new": 1}), {"AccountId": A, "new": 1}),
        (BillingCredits(extra={"AccountId": "theirs"}), {"AccountId": "theirs"}),
    ],
)
def test_a_line_is_one_object(record: Record, line: dict[str, object]) -> None:
    """The key comes first and once, also before nothing and beside an unknown field of its name."""
    text = NdjsonFormat(account_key="AccountId").rows(A, [record])
    assert list(line.items()) == json.loads(text, object_pairs_hook=list)
    assert text.endswith(b"}\n")
