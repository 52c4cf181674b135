from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling import FocusRecord
from cfbilling.sandbox import WireRecord
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, comparable, parsed

# What both versions send under the name that FOCUS has for it.
SAME = ("BilledCost", "ListCost", "ConsumedQuantity", "ChargePeriodStart", "BillingCurrency")


def _essence(wires: Iterable[Mapping[str, object]]) -> Counter[str]:
    """Return how often rows of the same essence occur: version 1 has neither ids nor an order."""
    return Counter(str([wire.get(name) for name in SAME]) for wire in comparable(wires))


def _truth(shell: Shell, account_id: str, source: str) -> list[WireRecord]:
    if source == "v1":
        return shell.sandbox.billable_usage(account_id, *JANUARY)
    return shell.sandbox.usage_query(account_id, *JANUARY, cost=True)


@pytest.mark.parametrize("source", ["v1", "v2"])
def test_costs_of_a_source_are_the_truth(shell: Shell, account: str, source: str) -> None:
    """Each row of the version that was asked for comes, with its costs digit for digit."""
    ran = shell.run("costs", account, *MONTH, "--source", source, "--format", "ndjson")
    rows = list(map(parsed, ran.stdout.splitlines()))
    assert (0, {source}) == (ran.returncode, {row["x_Source"] for row in rows})
    assert _essence(_truth(shell, account, source)) == _essence(rows)


def test_each_account_is_asked_where_it_is_let_in(shell: Shell) -> None:
    """Of accounts with and without a contract, each has the costs of its own version."""
    self_serve, contract, both = shell.sandbox.account_ids
    shell.sandbox.set_kind(self_serve, "self_serve")
    shell.sandbox.set_kind(contract, "contract")
    ran = shell.run("costs", self_serve, contract, both, *MONTH, "--format", "ndjson")
    rows = list(map(parsed, ran.stdout.splitlines()))
    assert ran.returncode == 0
    sources = {self_serve: "v1", contract: "v2", both: "v2"}
    expected = [wire for each in sources.items() for wire in _truth(shell, *each)]
    assert _essence(expected) == _essence(rows)


@pytest.mark.parametrize(("kind", "source"), [("self_serve", "v2"), ("contract", "v1")])
def test_a_source_that_refuses_is_an_error(
    shell: Shell, account: str, kind: str, source: str
) -> None:
    """An account that is not let into the version that was asked for fails, and says why."""
    shell.sandbox.set_kind(account, "contract" if kind == "contract" else "self_serve")
    ran = shell.run("costs", account, *MONTH, "--source", source)
    assert ran.returncode == 3
    assert b"Billing Read" in ran.stderr


@pytest.mark.parametrize("source", ["v1", "v2"])
def test_costs_come_in_columns(shell: Shell, account: str, source: str, tmp_path: Path) -> None:
    """CSV, Parquet and the table have a row for each charge, and the columns of FOCUS."""
    header = [*FocusRecord.wire_names.values(), "x_Extra"]
    arguments = ("costs", account, *MONTH, "--source", source)
    count = len(_truth(shell, account, source))
    target = tmp_path / "costs.parquet"
    reader = csv.reader(
        io.StringIO(shell.run(*arguments, "--format", "csv").stdout.decode(), newline="")
    )
    assert header == next(reader)
    assert count == len(list(reader))
    assert shell.run(*arguments, "-o", str(target)).returncode == 0
    table = pq.read_table(target)
    assert (header, count) == (table.column_names, table.num_rows)
    assert count + 2 == len(shell.run(*arguments).stdout.splitlines())


def test_a_source_that_is_none_is_refused(shell: Shell, account: str) -> None:
    """Another version than the two is a usage error, before anything is sent."""
    assert shell.run("costs", account, "--source", "v3").returncode == 2
    assert shell.sandbox.requests == []


@pytest.mark.parametrize("source", ["usage", "org-usage", "paygo"])
def test_a_source_without_costs_is_refused_and_says_why(
    shell: Shell, account: str, source: str
) -> None:
    """No FOCUS rows come of what tells no costs: a usage error that names the reason."""
    ran = shell.run("costs", account, "--source", source, "--format", "csv")
    assert (2, b"") == (ran.returncode, ran.stdout)
    assert f"{source} does not tell the costs".encode() in ran.stderr
    assert shell.sandbox.requests == []
