from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling import BillableUsageRecord
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, cells, comparable, parsed


def _counted(rows: list[dict[str, object]]) -> Counter[str]:
    # There is neither an id nor an order, and rows of equal content occur.
    return Counter(str(sorted(row.items())) for row in rows)


def test_billable_usage_is_what_the_service_sends(shell: Shell, account: str) -> None:
    """Each row comes as often as there is one like it, each number with the same digits."""
    ran = shell.run("billable-usage", account, *MONTH, "--format", "ndjson")
    truth = shell.sandbox.billable_usage(account, *JANUARY)
    found = comparable(map(parsed, ran.stdout.splitlines()))
    assert (0, _counted(comparable(truth))) == (ran.returncode, _counted(found))


def test_billable_usage_comes_in_columns(shell: Shell, account: str, tmp_path: Path) -> None:
    """CSV has every value in a column of its own, and Parquet as many rows."""
    header = [*BillableUsageRecord.wire_names.values(), "extra"]
    ran = shell.run("billable-usage", account, *MONTH, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout.decode(), newline="")))
    truth = [cells(wire, header) for wire in shell.sandbox.billable_usage(account, *JANUARY)]
    assert Counter(map(str, truth)) == Counter(map(str, rows))
    target = tmp_path / "january.parquet"
    assert shell.run("billable-usage", account, *MONTH, "-o", str(target)).returncode == 0
    assert len(truth) == pq.read_table(target).num_rows


def test_an_account_that_is_not_covered_says_so(shell: Shell, account: str) -> None:
    """No usage and no coverage are not the same: the latter is a refusal."""
    shell.sandbox.cover(account, covered=False)
    ran = shell.run("billable-usage", account, *MONTH)
    assert ran.returncode == 4
    assert b"not covered by version 1" in ran.stderr
