from __future__ import annotations

from datetime import date, datetime

from cfbilling import UsageRecord
from cfbilling.cli.formats.table import TableFormat
from tests.cli.shell import Shell


def test_the_table_shows_exact_amounts(shell: Shell, account: str) -> None:
    """The table has a line for each record, and cuts no number."""
    ran = shell.run("usage", account, "--from", "2025-01-01", "--to", "2025-01-02")
    lines = ran.stdout.decode().splitlines()
    truth = list(shell.sandbox.expected_usage(account, date(2025, 1, 1), date(2025, 1, 2)))
    assert len(truth) + 2 == len(lines)
    for wire, line in zip(truth, lines[2:], strict=True):
        assert f"{wire['ConsumedQuantity']:f}" in line.split()


def test_a_terminal_is_not_controlled_by_data() -> None:
    """What the service sends moves no cursor."""
    shape = TableFormat(UsageRecord, with_account=False)
    assert b"\x1b" not in shape.rows("a", [UsageRecord(x_zone_name="\x1b[2J\nevil")])


def test_a_day_is_one_of_utc() -> None:
    """Whatever the offset of a moment, the table has the day of the other formats."""
    start = datetime.fromisoformat("2025-01-01T00:30:00+02:00")
    shape = TableFormat(UsageRecord, with_account=False)
    assert b"\n2024-12-31 " in shape.rows("a", [UsageRecord(charge_period_start=start)])
