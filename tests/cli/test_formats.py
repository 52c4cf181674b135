from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cfbilling import BillingProfile, PaygoRecord, UsageRecord
from cfbilling.cli.formats.csv import CsvFormat
from tests.cli.shell import Shell

JANUARY = date(2025, 1, 1), date(2025, 2, 1)
MONTH = ("--month", "2025-01")


def _comparable(name: str, value: object) -> object:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value).as_tuple()
    return datetime.fromisoformat(value) if isinstance(value, str) and "Period" in name else value


def _rows(wires: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return wire objects in a form that shows each digit; null is the same as absent."""
    return [
        {name: _comparable(name, value) for name, value in wire.items() if value is not None}
        for wire in wires
    ]


def _parsed(line: str | bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    return found


def _cells(wire: Mapping[str, object], header: list[str]) -> dict[str, str]:
    """Return the text that a CSV reader must find for a wire object."""
    return {name: _cell(name, wire.get(name)) for name in header}


def _cell(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case dict():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case str() if "Period" in name:
            return datetime.fromisoformat(value).isoformat().replace("+00:00", "Z")
    return str(value)


def test_ndjson_is_what_the_service_sends(shell: Shell, account: str) -> None:
    """Each line is the wire's object, each number with the same digits."""
    ran = shell.run("usage", account, *MONTH, "--format", "ndjson", "--quiet")
    assert (0, b"") == (ran.returncode, ran.stderr)
    truth = shell.sandbox.expected_usage(account, *JANUARY)
    assert _rows(truth) == _rows(map(_parsed, ran.stdout.splitlines()))


def test_csv_is_what_the_service_sends(shell: Shell, account: str, tmp_path: Path) -> None:
    """A CSV reader finds the wire's names and every value, digit for digit."""
    target = tmp_path / "january.csv"
    ran = shell.run("usage", account, *MONTH, "-o", str(target))
    assert (0, b"") == (ran.returncode, ran.stdout)
    with target.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        header = list(reader.fieldnames or ())
    assert header == [*UsageRecord.wire_names.values(), "extra"]
    truth = shell.sandbox.expected_usage(account, *JANUARY)
    assert [_cells(wire, header) for wire in truth] == rows


@pytest.mark.parametrize("beta", [False, True])
def test_paygo_names_the_accounts_when_there_are_several(shell: Shell, *, beta: bool) -> None:
    """With several accounts, paygo has a first column for them, in CSV."""
    ids = shell.sandbox.account_ids[:2]
    more = ["--beta"] if beta else []
    ran = shell.run("paygo", *ids, *MONTH, "--format", "csv", *more)
    rows = list(csv.DictReader(io.StringIO(ran.stdout.decode())))
    header = ["AccountId", *PaygoRecord.wire_names.values(), "extra"]
    expected = shell.sandbox.expected_paygo_beta if beta else shell.sandbox.expected_paygo
    for account_id in ids:
        truth = [_cells(wire, header) for wire in expected(account_id, *JANUARY)]
        found = [row for row in rows if row["AccountId"] == account_id]
        assert [row | {"AccountId": account_id} for row in truth] == found
    assert len(rows) == sum(len(list(expected(account_id, *JANUARY))) for account_id in ids)


def test_one_account_needs_no_column_for_it(shell: Shell, account: str) -> None:
    """With one account, paygo has the wire's columns only."""
    ran = shell.run("paygo", account, *MONTH, "--format", "csv")
    assert ran.stdout.decode().startswith("ChargePeriodStart,")


def test_an_organization_has_the_records_of_its_accounts(shell: Shell) -> None:
    """An organization's usage is that of all its accounts."""
    organization = shell.sandbox.organization_ids[0]
    ran = shell.run("org-usage", organization, *MONTH, "--format", "ndjson")
    truth = shell.sandbox.expected_usage(organization, *JANUARY)
    assert _rows(truth) == _rows(map(_parsed, ran.stdout.splitlines()))


def test_a_metric_is_passed_on(shell: Shell, account: str) -> None:
    """Only the metric that was asked for comes."""
    wire = next(iter(shell.sandbox.expected_usage(account, *JANUARY)))
    metric = str(wire["x_BillableMetricId"])
    ran = shell.run("usage", account, *MONTH, "--metric", metric, "--format", "ndjson")
    truth = shell.sandbox.expected_usage(account, *JANUARY, metric=metric)
    assert _rows(truth) == _rows(map(_parsed, ran.stdout.splitlines()))


def test_a_profile_comes_in_each_format(shell: Shell, account: str) -> None:
    """The profile is one object, one row or one table."""
    truth = {n: v for n, v in shell.sandbox.expected_profile(account).items() if v is not None}
    ndjson = shell.run("profile", account, "--format", "ndjson")
    assert set(truth) == set(_parsed(ndjson.stdout))
    (row,) = csv.DictReader(
        io.StringIO(shell.run("profile", account, "--format", "csv").stdout.decode())
    )
    assert {*BillingProfile.wire_names.values(), "extra"} == set(row)
    assert row["balance"] == truth["balance"]
    assert str(truth["id"]) in shell.run("profile", account).stdout.decode()


def test_the_table_shows_exact_amounts(shell: Shell, account: str) -> None:
    """The table has a line for each record, and cuts no number."""
    ran = shell.run("usage", account, "--from", "2025-01-01", "--to", "2025-01-02")
    lines = ran.stdout.decode().splitlines()
    truth = list(shell.sandbox.expected_usage(account, date(2025, 1, 1), date(2025, 1, 2)))
    assert len(truth) + 2 == len(lines)
    for wire, line in zip(truth, lines[2:], strict=True):
        assert f"{wire['ConsumedQuantity']:f}" in line.split()


def _row(*, safe: bool = False, **fields: Any) -> list[str]:
    shape = CsvFormat(UsageRecord, with_account=False, spreadsheet_safe=safe)
    header = shape.begin().decode().strip().split(",")
    cells = shape.rows("a", [UsageRecord(**fields)]).decode().rstrip("\n").split(",")
    return [f"{name}={cell}" for name, cell in zip(header, cells, strict=True) if cell]


def test_null_is_not_the_empty_text() -> None:
    """A null is an empty cell; an empty text is a quoted one."""
    assert ['ConsumedUnit=""'] == _row(consumed_unit="", pricing_unit=None)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"])
def test_a_formula_is_harmless_on_request(text: str) -> None:
    """Text that a spreadsheet would run gets an apostrophe, if that is asked for; numbers never."""
    (plain,) = _row(region_name=text)
    assert plain.removeprefix("RegionName=").strip('"') == text
    number, safe = _row(safe=True, region_name=text, billed_cost=Decimal(-1))
    assert safe.removeprefix("RegionName=").strip('"') == f"'{text}"
    assert number == "BilledCost=-1"


def test_equal_numbers_keep_their_own_digits() -> None:
    """1.0 and 1.00 stay different, and small or large numbers have no exponent."""
    shape = CsvFormat(UsageRecord, with_account=False, spreadsheet_safe=False)
    numbers = [Decimal(n) for n in ("1.0", "1.00", "1E-9", "1E+3", "0E-8", "-0.0")]
    rows = shape.rows("a", [UsageRecord(billed_cost=number) for number in numbers]).decode()
    found = [line.split(",")[13] for line in rows.splitlines()]
    assert ["1.0", "1.00", "0.000000001", "1000", "0.00000000", "-0.0"] == found


def test_unknown_fields_are_in_their_own_column() -> None:
    """What this version does not know is JSON in the last column."""
    assert ['extra="{""new"":1.50}"'] == _row(extra={"new": Decimal("1.50")})
