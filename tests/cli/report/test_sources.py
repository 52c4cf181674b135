"""Reports on today's API: usage has no costs, and each kind of account has them elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from cfbilling.sandbox import WireRecord
from tests.cli.report.truth import QUARTER, SPAN, exactly
from tests.cli.shell import Ended, Shell, serving


@pytest.fixture
def today() -> Iterator[Shell]:
    """The command on the API as it is: an account that serves itself, then one of a contract."""
    with serving(
        accounts=2, revision="later", null_costs="null", old_names=False, quota=None
    ) as sandbox:
        self_serve, contract = sandbox.account_ids
        sandbox.set_kind(self_serve, "self_serve")
        sandbox.set_kind(contract, "contract")
        yield Shell(sandbox)


def _charges(shell: Shell) -> tuple[list[WireRecord], list[WireRecord]]:
    self_serve, contract = shell.sandbox.account_ids
    return (
        shell.sandbox.billable_usage(self_serve, *QUARTER),
        shell.sandbox.usage_query(contract, *QUARTER, cost=True),
    )


def _billed(charges: list[WireRecord]) -> Decimal:
    costs = (charge.get("BilledCost") for charge in charges)
    return exactly(cost for cost in costs if isinstance(cost, Decimal))


def _total(ran: Ended) -> Decimal:
    (total,) = re.findall(r"Total, exactly: (\S+) USD", ran.stdout.decode())
    return Decimal(total)


def test_costs_of_both_kinds_are_added_up(today: Shell) -> None:
    """The total is that of both accounts, to the last digit, each from where its costs are."""
    version_1, version_2 = map(_billed, _charges(today))
    ran = today.run("report", "--all-accounts", *SPAN, "--by", "source")
    assert (0, b"") == (ran.returncode, ran.stderr)
    assert exactly([version_1, version_2]) == _total(ran)
    assert f"│ Version 1, self-serve │ {version_1:,.2f} " in _squeezed(ran)
    assert f"│ Version 2, contract │ {version_2:,.2f} " in _squeezed(ran)


def _squeezed(ran: Ended) -> str:
    return " ".join(ran.stdout.decode().split())


@pytest.mark.parametrize("field", ["x_BillableMetricId", "x_BillableMetricName", "ServiceName"])
def test_one_metric_is_added_up(today: Shell, field: str) -> None:
    """--metric takes a metric's id or name, and for version 1 the name of a service."""
    charges = _charges(today)[field != "ServiceName"]
    name = next(str(value) for charge in charges if (value := charge.get(field)))
    ran = today.run("report", "--all-accounts", *SPAN, "--metric", name)
    wanted = [charge for charge in charges if charge.get(field) == name]
    assert ran.returncode == 0
    assert 0 < len(wanted) < len(charges)
    assert _billed(wanted) == _total(ran)


@pytest.mark.parametrize(("index", "source"), [(0, "Version 1, self-serve"), (1, "Version 2")])
def test_the_live_demo_shows_costs(today: Shell, index: int, source: str) -> None:
    """The demonstration on a real account has its costs, whichever kind it is of."""
    account_id = today.sandbox.account_ids[index]
    ran = today.run("demo", "--live", CLOUDFLARE_ACCOUNT_ID=account_id)
    assert ran.returncode == 0
    assert _total(ran) > 0
    assert source in ran.stdout.decode()
    assert "have no cost" not in ran.stdout.decode()
