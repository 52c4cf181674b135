from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cfbilling import BillableMetric, NamedId, UsageRecord
from cfbilling.cli.formats.csv import CsvFormat
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, cells


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
    assert [cells(wire, header) for wire in truth] == rows


def _row(*, safe: bool = False, **fields: Any) -> list[str]:
    shape = CsvFormat(UsageRecord, with_account=False, spreadsheet_safe=safe)
    header = shape.begin().decode().strip().split(",")
    row = shape.rows("a", [UsageRecord(**fields)]).decode().rstrip("\n").split(",")
    return [f"{name}={cell}" for name, cell in zip(header, row, strict=True) if cell]


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


def test_arrays_and_objects_are_json() -> None:
    """What is no single value is JSON in its cell, by the names of the wire."""
    shape = CsvFormat(BillableMetric, with_account=False, spreadsheet_safe=False)
    record = BillableMetric(product_family=(NamedId(id="1", name="R2"),), dimension_keys=("a", "b"))
    (row,) = csv.reader([shape.rows("", [record]).decode()])
    assert ["", "", '[{"Id":"1","Name":"R2"}]', "", '["a","b"]', ""] == row


def test_unknown_fields_are_in_their_own_column() -> None:
    """What this version does not know is JSON in the last column."""
    assert ['extra="{""new"":1.50}"'] == _row(extra={"new": Decimal("1.50")})
