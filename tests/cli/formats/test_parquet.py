from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]  # likewise
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise
import pytest

import cfbilling
from cfbilling import BillableMetric, NamedId, Record, UsageRecord
from cfbilling.cli.errors import CommandError
from cfbilling.cli.formats.choice import FORMATS, FormatChoice, format_of
from cfbilling.cli.formats.parquet import ParquetFormat
from cfbilling.sandbox import Fault
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH

RECORD_TYPES = [
    each
    for each in vars(cfbilling).values()
    if isinstance(each, type) and issubclass(each, Record) and each is not Record
]


def _value(name: str, value: object) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, str) and "Period" in name:
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def _row(wire: Mapping[str, object]) -> dict[str, object]:
    return {name: _value(name, value) for name, value in wire.items() if value is not None}


def test_parquet_is_what_the_service_sends(shell: Shell, account: str, tmp_path: Path) -> None:
    """A reader finds the truth: every decimal exact, every time an instant, nulls null."""
    target = tmp_path / "january.parquet"
    ran = shell.run("usage", account, *MONTH, "-o", str(target))
    assert (0, b"") == (ran.returncode, ran.stdout)
    table = pq.read_table(target)
    truth = list(map(_row, shell.sandbox.expected_usage(account, *JANUARY)))
    found = [
        {name: value for name, value in row.items() if value is not None}
        for row in table.to_pylist()
    ]
    assert truth == found
    assert [*UsageRecord.wire_names.values(), "extra"] == table.column_names
    assert pa.decimal128(38, 28) == table.schema.field("BilledCost").type
    assert pa.timestamp("us", tz="UTC") == table.schema.field("ChargePeriodStart").type


def test_parquet_goes_down_a_pipe(shell: Shell, account: str) -> None:
    """A file on standard output is whole."""
    ran = shell.run("paygo", account, *MONTH, "--format", "parquet")
    table = pq.read_table(pa.BufferReader(ran.stdout))
    assert len(list(shell.sandbox.expected_paygo(account, *JANUARY))) == table.num_rows


def test_a_number_that_does_not_fit_is_named(shell: Shell, account: str, tmp_path: Path) -> None:
    """With too few digits, the run fails, names column and record, and leaves no file."""
    target = tmp_path / "out.parquet"
    ran = shell.run("usage", account, *MONTH, "-o", str(target), "--decimal-scale", "1")
    assert ran.returncode == 7
    assert b"ConsumedQuantity" in ran.stderr
    assert b"does not fit decimal128(38, 1)" in ran.stderr
    assert b"ChargePeriodStart 2025-01-01T00:00:00Z" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ["1E+30", "1E-30", "1234567890123.12345678901234567890123456"])
def test_nothing_is_rounded(number: str) -> None:
    """A number too large, too small or too long is refused, among others that fit."""
    shape = ParquetFormat(UsageRecord, with_account=False, scale=None)
    shape.begin()
    records = [UsageRecord(billed_cost=Decimal(n)) for n in ("1", number)]
    with pytest.raises(CommandError, match="BilledCost"):
        shape.rows("a", records)


def test_row_groups_are_bounded_by_bytes() -> None:
    """However long records are, no more of them wait than make a row group of some megabytes."""
    shape = ParquetFormat(UsageRecord, with_account=False, scale=None)
    written, most, held = [shape.begin()], 0, 0
    for number in range(400):
        text = f"{number:05}" * 1000
        written.append(shape.rows("a", [UsageRecord(charge_description=text)] * 20))
        held = 0 if written[-1] else held + 20 * len(text)
        most = max(most, held)
    written.append(shape.finish())
    assert 8 * 2**20 < most < 11 * 2**20
    file = pq.ParquetFile(pa.BufferReader(b"".join(written)))
    assert (4, 8000) == (file.num_row_groups, file.metadata.num_rows)


def test_many_short_answers_are_few_row_groups() -> None:
    """Accounts of a record each make one row group, in their order."""
    shape = ParquetFormat(UsageRecord, with_account=True, scale=None)
    written = [shape.begin()]
    ids = [f"{number:032x}" for number in range(300)]
    written += [shape.rows(i, [UsageRecord(billed_cost=Decimal(1))]) for i in ids]
    written.append(shape.finish())
    file = pq.ParquetFile(pa.BufferReader(b"".join(written)))
    assert (1, ids) == (file.num_row_groups, file.read().column("AccountId").to_pylist())


def test_csv_tells_null_from_empty(shell: Shell, account: str, tmp_path: Path) -> None:
    """A reader that knows the difference finds nulls and empty texts in CSV."""
    target = tmp_path / "out.csv"
    shell.run("paygo", account, *MONTH, "-o", str(target))
    options = pa_csv.ConvertOptions(
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        column_types={"ConsumedUnit": pa.string(), "ZoneId": pa.string()},
    )
    table = pa_csv.read_csv(target, convert_options=options)
    truth = list(shell.sandbox.expected_paygo(account, *JANUARY))
    for name in ("ConsumedUnit", "ZoneId"):
        assert [wire.get(name) for wire in truth] == table.column(name).to_pylist()
    assert "" in table.column("ConsumedUnit").to_pylist()


EXTREMES = ("1E-999", "1E-999999999", "1E+398", f"1.{'0' * 60}1", f"1.{'0' * 200}1", "-1E-77")


@pytest.mark.parametrize("number", EXTREMES)
@pytest.mark.parametrize("scale", [None, 0, 38])
def test_an_extreme_number_is_refused(number: str, scale: int | None) -> None:
    """A number whose digits are far from the column's is named, and neither lost nor fatal."""
    shape = ParquetFormat(UsageRecord, with_account=False, scale=scale)
    shape.begin()
    with pytest.raises(CommandError, match="BilledCost"):
        shape.rows("a", [UsageRecord(billed_cost=Decimal(number))])


def test_needless_zeros_are_no_digits() -> None:
    """A number that fits keeps its value, however many zeros it was sent with."""
    shape = ParquetFormat(UsageRecord, with_account=False, scale=2)
    numbers = [Decimal(n) for n in ("1.50", f"1.5{'0' * 300}", "0E-999999999", "0E+9999", "1.5E+3")]
    data = shape.begin() + shape.rows("a", [UsageRecord(billed_cost=n) for n in numbers])
    table = pq.read_table(pa.BufferReader(data + shape.finish()))
    assert numbers == table.column("BilledCost").to_pylist()


def test_arrays_and_objects_are_json() -> None:
    """What is no single value is JSON text, by the names of the wire."""
    shape = ParquetFormat(BillableMetric, with_account=False, scale=None)
    record = BillableMetric(product_family=(NamedId(id="1", name="R2"),), dimension_keys=("a", "b"))
    data = shape.begin() + shape.rows("", [record]) + shape.finish()
    (row,) = pq.read_table(pa.BufferReader(data)).to_pylist()
    assert '[{"Id":"1","Name":"R2"}]' == row["ProductFamily"]
    assert '["a","b"]' == row["DimensionKeys"]


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda kind: kind.__name__)
def test_every_record_type_fits_every_format(record_type: type[Record]) -> None:
    """A record of any class can be written in any format, empty as it may be."""
    for name in FORMATS:
        shape = format_of(FormatChoice(name), None, record_type, with_account=True)
        assert shape.begin() + shape.rows("a", [record_type()]) + shape.finish()


@pytest.mark.parametrize("shape", ["parquet", "arrow"])
@pytest.mark.parametrize("also", [0, 1])
def test_an_account_that_fails_midway_is_counted(
    shell: Shell, tmp_path: Path, shape: str, also: int
) -> None:
    """How many of its records are in the file is told, and those of the others are all there."""
    account, *others = shell.sandbox.account_ids[: 1 + also]
    february = ("--from", "2025-01-01", "--to", "2025-02-28")
    shell.sandbox.faults.add(
        Fault(
            status=403,
            times=None,
            scope_id=account,
            when=lambda request: request.query.get("to", "") > "2025-02-01",
        )
    )
    target = tmp_path / f"out.{shape}s"
    ran = shell.run("usage", account, *others, *february, "-f", shape, "-o", str(target))
    count = len(list(shell.sandbox.expected_usage(account, *JANUARY)))
    assert f"(incomplete: {count:,} records were written before)" in ran.stderr.decode()
    assert (ran.returncode, target.exists()) == ((1, True) if others else (4, False))
    if others:
        read = pq.read_table if shape == "parquet" else _ipc
        found = Counter(read(target).column("AccountId").to_pylist())
        assert {account: count, others[0]: count // 31 * 58} == found


def _ipc(path: Path) -> Any:
    with pa.ipc.open_stream(path) as stream:
        return stream.read_all()
