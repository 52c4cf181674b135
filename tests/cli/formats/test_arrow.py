from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # likewise
import pytest

from cfbilling import UsageRecord
from cfbilling.arrow import schema
from cfbilling.cli.errors import CommandError
from cfbilling.cli.formats.arrow import ArrowFormat
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH


def test_an_arrow_stream_goes_down_a_pipe(shell: Shell, account: str, tmp_path: Path) -> None:
    """What a pipe carries is the same table as in Parquet, batch by batch."""
    ran = shell.run("usage", account, *MONTH, "--format", "arrow")
    assert ran.returncode == 0
    target = tmp_path / "january.parquet"
    assert shell.run("usage", account, *MONTH, "-o", str(target)).returncode == 0
    with pa.ipc.open_stream(ran.stdout) as stream:
        table = stream.read_all()
    assert len(list(shell.sandbox.expected_usage(account, *JANUARY))) == table.num_rows
    assert schema(UsageRecord) == table.schema
    assert pq.read_table(target).equals(table)


def test_the_name_of_a_file_says_so(shell: Shell, tmp_path: Path) -> None:
    """A file that ends like an Arrow stream is one; paygo of several accounts names each."""
    target = tmp_path / "out.arrows"
    others = shell.sandbox.account_ids[:2]
    assert shell.run("paygo", *others, *MONTH, "-o", str(target)).returncode == 0
    with pa.ipc.open_stream(target.read_bytes()) as stream:
        table = stream.read_all()
    assert set(others) == set(table.column("AccountId").to_pylist())


def test_batches_are_of_a_worthwhile_length() -> None:
    """Short lists of records become batches of a thousand; long records, of fewer."""
    for length, rows in ((10, 1000), (5_000, 200)):
        shape = ArrowFormat(UsageRecord, with_account=False, scale=None)
        record = UsageRecord(charge_description="x" * length)
        written = [shape.begin()] + [shape.rows("a", [record] * 20) for _ in range(100)]
        with pa.ipc.open_stream(b"".join([*written, shape.finish()])) as stream:
            assert [rows] * (2000 // rows) == [batch.num_rows for batch in stream]


def test_an_answer_without_records_has_its_columns() -> None:
    """A stream of no batch has the schema."""
    shape = ArrowFormat(UsageRecord, with_account=True, scale=3)
    with pa.ipc.open_stream(shape.begin() + shape.finish()) as stream:
        expected = schema(UsageRecord, decimal_scale=3, scope="AccountId")
        assert (expected, 0) == (stream.schema, stream.read_all().num_rows)


def test_a_number_that_does_not_fit_is_named() -> None:
    """With too few digits, column and option are named."""
    shape = ArrowFormat(UsageRecord, with_account=False, scale=1)
    with pytest.raises(CommandError, match=r"BilledCost 0\.25 does not fit .*--decimal-scale"):
        shape.rows("a", [UsageRecord(billed_cost=Decimal("0.25"))])
