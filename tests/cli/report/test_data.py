"""The table of a report as data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cfbilling.sandbox import Fault
from tests.cli.report.truth import SPAN, cost_by_product, exactly
from tests.cli.shell import Shell, run_here, saying, serving
from tests.cli.wire import parsed


def _as_numbers(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def test_each_line_is_a_row(shell: Shell) -> None:
    """CSV and NDJSON have each line of the table with every digit, and no line of a total."""
    ids = shell.sandbox.account_ids[:2]
    costs = cost_by_product(shell, ids)
    ran = shell.run("report", *ids, *SPAN, "--format", "csv")
    assert (0, b"") == (ran.returncode, ran.stderr)
    rows = list(csv.DictReader(io.StringIO(ran.stdout.decode())))
    assert costs == {row["Name"]: Decimal(row["BilledCost"]) for row in rows}
    ran = shell.run("report", *ids, *SPAN, "--format", "ndjson")
    lines = [parsed(line) for line in ran.stdout.splitlines()]
    assert costs == {line["Name"]: line["BilledCost"] for line in lines}
    assert [row["Records"] for row in rows] == [str(line["Records"]) for line in lines]
    for row, line in zip(rows, lines, strict=True):
        assert list(row) == list(line)
        assert ("product", "USD", "false") == (row["By"], row["Currency"], row["IsPartial"])
        assert _as_numbers(row["Used"].encode()) == line["Used"]


def test_json_has_the_totals_too(shell: Shell) -> None:
    """JSON is one object, with the days, the totals and the lines."""
    ids = shell.sandbox.account_ids[:2]
    ran = shell.run("report", *ids, *SPAN, "--format", "json", "--by", "account", "--compare")
    report = _as_numbers(ran.stdout)
    assert ("2025-01-01", "2025-04-01") == (report["From"], report["To"])
    assert ("2024-10-01", "2025-01-01") == (report["FromBefore"], report["ToBefore"])
    (part,) = report["Breakdowns"]
    assert exactly(cost_by_product(shell, ids).values()) == part["BilledCost"]
    assert exactly(row["BilledCost"] for row in part["Rows"]) == part["BilledCost"]
    assert exactly(row["BilledCostBefore"] for row in part["Rows"]) == part["BilledCostBefore"]
    assert set(ids) == {row["Key"] for row in part["Rows"]}
    assert [] == report["Incomplete"]


def test_all_lines_are_data_unless_some_are_asked_for(shell: Shell, account: str) -> None:
    """Only with --top are lines put together, where a table has the first twenty."""
    ran = shell.run("report", account, *SPAN, "--by", "day", "--format", "ndjson")
    assert 90 == len(ran.stdout.splitlines())
    ran = shell.run("report", account, *SPAN, "--by", "day", "--format", "ndjson", "--top", "2")
    others = parsed(ran.stdout.splitlines()[-1])
    assert ("Others (88)", None) == (others["Name"], others["Key"])


def test_the_name_of_the_file_says_the_format(shell: Shell, account: str, tmp_path: Path) -> None:
    """-o writes a file, in the format of its name, and standard output has nothing."""
    for name, first in (("x.csv", b"By,"), ("x.ndjson", b'{"By"'), ("x.json", b'{"By"')):
        ran = shell.run("report", account, *SPAN, "-o", str(tmp_path / name))
        assert (0, b"") == (ran.returncode, ran.stdout)
        assert (tmp_path / name).read_bytes().startswith(first)
    ran = shell.run("report", account, *SPAN, "-o", str(tmp_path / "x.txt"))
    assert (2, True) == (ran.returncode, b"--format is needed" in ran.stderr)
    shell.sandbox.requests.clear()
    ran = shell.run("report", account, *SPAN, "-o", "x.csv", "--format", "table")
    assert (2, 0) == (ran.returncode, len(shell.sandbox.requests))
    ran = shell.run("report", account, *SPAN, "-o", "/nonexistent/x.csv")
    assert (7, 0) == (ran.returncode, len(shell.sandbox.requests))


def test_partial_lines_are_marked(shell: Shell) -> None:
    """What counts of an account that failed is marked in each line that has some of it."""
    ids = shell.sandbox.account_ids[:2]
    fault = Fault(
        times=None, scope_id=ids[1], status=503, when=lambda facts: b"2025-01-01" not in facts.body
    )
    shell.sandbox.faults.add(fault)
    arguments = ("report", *ids, *SPAN, "--attempts", "1", "--by", "account", "--format", "json")
    ran = shell.run(*arguments, "--partial")
    report = _as_numbers(ran.stdout)
    assert 1 == ran.returncode
    rows = report["Breakdowns"][0]["Rows"]
    assert {ids[0]: False, ids[1]: True} == {row["Key"]: row["IsPartial"] for row in rows}
    (incomplete,) = report["Incomplete"]
    assert (ids[1], True) == (incomplete["Account"], incomplete["RecordsCounted"] > 0)
    ran = shell.run(*arguments)
    report = _as_numbers(ran.stdout)
    assert [ids[0]] == [row["Key"] for row in report["Breakdowns"][0]["Rows"]]
    assert [{"Account": ids[1], "RecordsCounted": 0}] == report["Incomplete"]


@pytest.mark.parametrize("shape", ["csv", "ndjson", "json"])
def test_any_cost_is_data(shape: str) -> None:
    """Whatever a cost is, and whatever a name, the data are well-formed."""
    members = '"BilledCost":1e398,"BillingCurrency":"U\\"S,D","x_ProductFamilyName":"a\\nb"'
    with saying(members) as environment:
        ran = run_here(
            "report", "a" * 32, "--month", "2025-01", "-q", "-f", shape, environment=environment
        )
    assert 0 == ran.returncode
    if shape == "csv":
        (row,) = csv.DictReader(io.StringIO(ran.stdout.decode()))
    else:
        found = _as_numbers(ran.stdout)
        row = found["Breakdowns"][0]["Rows"][0] if shape == "json" else found
    assert ('U"S,D', "a\nb") == (row["Currency"], row["Name"])
    assert Decimal("1e398") == Decimal(row["BilledCost"])


@pytest.fixture
def organization() -> Iterator[Shell]:
    """The command on an organization of several accounts, as the service was and as it is."""
    with serving(accounts=4, organizations=2, revision="later", quota=None) as sandbox:
        yield Shell(sandbox)


def test_an_organization_has_a_report(organization: Shell, tmp_path: Path) -> None:
    """--organization adds up the usage of all its accounts, and costs where it has any."""
    sandbox, page = organization.sandbox, tmp_path / "report.html"
    organization_id = sandbox.organization_ids[0]
    arguments = ("report", "--organization", organization_id, "--month", "2025-01", "-q")
    more = ("--by", "account", "--html", str(page))
    ran = organization.run(*arguments, *more, "--format", "json")
    assert (0, b"") == (ran.returncode, ran.stderr)
    report = _as_numbers(ran.stdout)
    rows = [row for part in report["Breakdowns"] for row in part["Rows"]]
    keys = {row["Key"] for row in rows} - {"(no account)"}
    assert set(sandbox.account_ids[::2]) == keys
    assert f"organization {organization_id}" in page.read_text()


@pytest.mark.parametrize(
    "more", [("a" * 32,), ("--all-accounts",), ("--accounts-file", "x"), ("--from-sync", "x")]
)
def test_an_organization_goes_alone(organization: Shell, more: tuple[str, ...]) -> None:
    """An organization and accounts, or a store, are not one report."""
    organization.sandbox.requests.clear()
    ran = organization.run("report", "--organization", "a" * 32, *more)
    assert (2, []) == (ran.returncode, organization.sandbox.requests)
    assert b"--organization goes with neither" in ran.stderr


def test_usage_without_costs_has_a_table(tmp_path: Path) -> None:
    """Where usage has no costs, as today, the report is of what was used."""
    page = tmp_path / "report.html"
    with serving(revision="current", null_costs="absent", quota=None) as sandbox:
        arguments = ("--organization", sandbox.organization_ids[0], "--month", "2025-01", "-q")
        ran = Shell(sandbox).run("report", *arguments, "--html", str(page))
    assert (0, b"") == (ran.returncode, ran.stderr)
    assert "USD" not in ran.stdout.decode()
    assert "records have no cost." in ran.stdout.decode()
    assert "Used" in ran.stdout.decode()
    assert "no cost" in page.read_text()
    assert "<table" in page.read_text()


def test_no_cell_is_run_by_a_spreadsheet() -> None:
    """With the option, text that could be a formula gets an apostrophe, and numbers stay."""
    with saying(
        '"x_ProductFamilyName":"=1+1","BilledCost":-2.5,"BillingCurrency":"USD"'
    ) as environment:
        arguments = ("report", "a" * 32, "--month", "2025-01", "-q", "-f", "csv")
        usual = run_here(*arguments, environment=environment)
        safe = run_here(*arguments, "--spreadsheet-safe", environment=environment)
    (row,) = csv.DictReader(io.StringIO(usual.stdout.decode()))
    (other,) = csv.DictReader(io.StringIO(safe.stdout.decode()))
    assert ("=1+1", "-2.5") == (row["Name"], row["BilledCost"])
    assert ("'=1+1", "-2.5") == (other["Name"], other["BilledCost"])
