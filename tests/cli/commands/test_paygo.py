from __future__ import annotations

import csv
import io

import pytest

from cfbilling import PaygoRecord
from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, cells


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
        truth = [cells(wire, header) for wire in expected(account_id, *JANUARY)]
        found = [row for row in rows if row["AccountId"] == account_id]
        assert [row | {"AccountId": account_id} for row in truth] == found
    assert len(rows) == sum(len(list(expected(account_id, *JANUARY))) for account_id in ids)


def test_one_account_needs_no_column_for_it(shell: Shell, account: str) -> None:
    """With one account, paygo has the wire's columns only."""
    ran = shell.run("paygo", account, *MONTH, "--format", "csv")
    assert ran.stdout.decode().startswith("ChargePeriodStart,")
