"""What was spent, by the sandbox's own numbers, and what is said and returned when it is over."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from cfbilling.sandbox import Fault, WireRecord
from tests.cli.report.truth import exactly
from tests.cli.shell import Shell, run_here, saying, serving, started
from tests.cli.wire import parsed

DAY = timedelta(days=1)
UNKNOWN = "f" * 32
LEAST = Decimal("1E-28")


def _today() -> date:
    return datetime.now(UTC).date()


def _first_day(shell: Shell, account: str) -> date:
    (subscription,) = shell.sandbox.billing_subscriptions(account)
    return subscription.period_start(_today())


def _used(shell: Shell, account: str, first: date, *, is_v1: bool = False) -> Decimal:
    """Return what usage cost from a day on."""
    span = account, first, _today() + DAY
    sandbox = shell.sandbox
    wires = sandbox.billable_usage(*span) if is_v1 else sandbox.usage_query(*span, cost=True)
    costs = [Decimal(str(wire["BilledCost"])) for wire in wires]
    assert costs
    return exactly(costs)


def _lines(shell: Shell, *arguments: str, code: int = 0) -> list[dict[str, object]]:
    ran = shell.run("spend", *arguments, "--format", "ndjson")
    assert code == ran.returncode
    return list(map(parsed, ran.stdout.splitlines()))


def _fee(begin: date, price: str, currency: str = "USD", **more: str) -> WireRecord:
    fee: WireRecord = {
        "id": f"fee-{price}",
        "currency": currency,
        "current_period_start": f"{begin}T08:00:00Z",
        "frequency": "monthly",
        "price": Decimal(price),
        "state": "Paid",
    }
    return fee | more


@pytest.mark.parametrize("kind", ["both", "self_serve"])
def test_usage_since_the_cycle_began_is_added_exactly(
    shell: Shell, account: str, kind: Literal["both", "self_serve"]
) -> None:
    """Whichever version tells the costs, their sum has each digit of the sandbox's own rows."""
    shell.sandbox.set_kind(account, kind)
    first = _first_day(shell, account)
    (line,) = _lines(shell, account)
    used = _used(shell, account, first, is_v1=kind == "self_serve")
    assert (used, used, 0) == (line["MeteredCost"], line["TotalCost"], line["FixedCost"])
    assert (account, "USD", "cycle") == (line["AccountId"], line["Currency"], line["Period"])
    assert f"{first}T00:00:00Z" == line["PeriodStart"]
    assert str(line["PeriodEnd"]) > f"{_today()}T00:00:00Z"


@pytest.mark.parametrize("status", [403, 404, None])
def test_where_no_cycle_is_told_it_is_the_month(status: int | None) -> None:
    """An account with a contract, and one that version 1 does not cover, have a UTC month."""
    settings: dict[str, Any] = {} if status is None else {"restricted_status": status}
    with serving(quota=None, **settings) as sandbox:
        account, shell = sandbox.account_ids[0], Shell(sandbox)
        if status is None:
            sandbox.cover(account, covered=False)
        else:
            sandbox.set_kind(account, "contract")
        (line,) = _lines(shell, account)
        first = _today().replace(day=1)
        assert _used(shell, account, first) == line["TotalCost"]
    end = (first + 32 * DAY).replace(day=1)
    assert ("month", f"{first}T00:00:00Z", f"{end}T00:00:00Z") == (
        line["Period"],
        line["PeriodStart"],
        line["PeriodEnd"],
    )


def test_fees_stand_beside_usage_in_their_currency(shell: Shell, account: str) -> None:
    """Fees whose period began in the cycle count, and no currency is added to another."""
    first = _first_day(shell, account)
    shell.sandbox.charge(
        account,
        _fee(first, "25"),
        _fee(_today(), "0.10", currency="usd"),
        _fee(first, "12.5", currency="EUR"),
        _fee(first - DAY, "1000", frequency="yearly"),
        _fee(first, "2000", state="Trial"),
        _fee(first, "4000", state="Cancelled"),
    )
    used = _used(shell, account, first)
    euros, dollars = _lines(shell, account)
    assert ("EUR", 0, Decimal("12.5"), Decimal("12.5")) == tuple(
        euros[name] for name in ("Currency", "MeteredCost", "FixedCost", "TotalCost")
    )
    fixed = Decimal("25.10")
    assert ("USD", used, fixed, exactly([used, fixed])) == tuple(
        dollars[name] for name in ("Currency", "MeteredCost", "FixedCost", "TotalCost")
    )
    assert 3 == dollars["Fees"]


def test_an_account_without_any_charge_has_a_line() -> None:
    """Nothing at all is 0 in no currency, and not over 0."""
    with serving(quota=None, records_per_day=0) as sandbox:
        sandbox.charge(sandbox.account_ids[0])
        (line,) = _lines(Shell(sandbox), sandbox.account_ids[0], "--over", "0")
    assert (0, False, None) == (line["TotalCost"], line["IsOver"], line.get("Currency"))


@pytest.mark.parametrize(("more", "code"), [(LEAST, 0), (Decimal(0), 0), (-LEAST, 8)])
def test_over_is_more_than_the_limit(shell: Shell, account: str, more: Decimal, code: int) -> None:
    """What is spent to the last digit is within the limit; one digit more is over, and named."""
    shell.sandbox.charge(account, _fee(_today(), "25"))
    used = _used(shell, account, _first_day(shell, account))
    limit = f"{exactly([used, Decimal(25), more]):f}"
    ran = shell.run("spend", account, "--over", limit, "--quiet", "--format", "ndjson")
    assert code == ran.returncode
    assert (code == 8) is parsed(ran.stdout)["IsOver"]
    total = f"{exactly([used, Decimal(25)]):f}"
    told = f"cfbilling: {account}: over {limit}: {total} USD\n"
    assert (told if code else "") == ran.stderr.decode()


@pytest.mark.parametrize(
    ("limits", "code", "over"),
    [
        (("99999999",), 0, set()),
        (("10",), 8, {"EUR", "USD"}),
        (("50",), 8, {"USD"}),
        (("99999999", "10 EUR"), 8, {"EUR"}),
        (("10", "13eur", "99999999USD"), 0, set()),
    ],
)
def test_each_currency_has_its_limit(
    shell: Shell, account: str, limits: tuple[str, ...], code: int, over: set[str]
) -> None:
    """A plain amount is for each currency by itself, and one with a currency goes before it."""
    shell.sandbox.charge(account, _fee(_today(), "12.5", currency="EUR"))
    given = [f"--over={limit}" for limit in limits]
    lines = _lines(shell, account, *given, code=code)
    assert over == {line["Currency"] for line in lines if line["IsOver"]}
    assert 2 == len(lines)


def test_what_is_compared_with_nothing_is_said(shell: Shell, account: str) -> None:
    """A currency for which there is no limit is no success in silence."""
    ran = shell.run("spend", account, "--over", "50EUR", "--quiet", "--format", "ndjson")
    assert (0, None) == (ran.returncode, parsed(ran.stdout).get("IsOver"))
    assert f"{account}: compared with no --over: " in ran.stderr.decode()


def test_what_fails_is_named_and_has_no_line(shell: Shell) -> None:
    """An account is whole or not there at all, whichever of its answers is missing."""
    ids = shell.sandbox.account_ids
    shell.sandbox.refuse(ids[0], "subscriptions")
    shell.sandbox.faults.add(
        Fault(times=None, endpoint="billing_cycles", scope_id=ids[1], status=500)
    )
    arguments = (*ids, UNKNOWN, "--attempts", "1", "--over", "99999999", "--format", "ndjson")
    ran = shell.run("spend", *arguments)
    failed = [line.split()[1] for line in ran.stderr.decode().splitlines() if "failed:" in line]
    assert (1, [ids[0], ids[1], UNKNOWN]) == (ran.returncode, failed)
    assert [ids[2]] == [parsed(line)["AccountId"] for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(("codes", "code"), [((), 4), ((10040,), 5)])
def test_a_cycle_that_is_refused_by_mistake_is_no_month(
    shell: Shell, account: str, codes: tuple[int, ...], code: int
) -> None:
    """Where version 1 has the costs there is a cycle, and without it nothing is compared."""
    shell.sandbox.set_kind(account, "self_serve")
    fault = Fault(endpoint="billing_cycles", status=403, error_codes=codes)
    shell.sandbox.faults.add(fault)
    ran = shell.run("spend", account, "--attempts", "1", "--max-wait", "0", "--over", "99999999")
    assert (code, b"") == (ran.returncode, ran.stdout)


def test_costs_that_end_midway_are_no_sum(shell: Shell, account: str) -> None:
    """What arrived of an account is never compared without the rest."""
    shell.sandbox.faults.add(Fault(times=None, scope_id=account, endpoint="usage", end_at=2000))
    ran = shell.run("spend", account, "--attempts", "1", "--over", "99999999")
    assert (6, b"") == (ran.returncode, ran.stdout)
    assert f"{account} failed" in ran.stderr.decode()


def test_over_wins_over_failed(shell: Shell, account: str) -> None:
    """Where one account is over and another fails, the code is 8, and both are named."""
    ran = shell.run("spend", UNKNOWN, account, "--over", "50")
    assert 8 == ran.returncode
    assert f"{UNKNOWN} failed" in ran.stderr.decode()
    assert f"{account}: over 50: " in ran.stderr.decode()


def test_over_wins_over_a_list_that_breaks_off() -> None:
    """Where the list of accounts fails after one that is over, the code is 8 all the same."""
    with serving(quota=None, accounts=60, records_per_day=1) as sandbox:
        sandbox.faults.add(Fault(times=None, endpoint="accounts", query={"page": "2"}, status=500))
        arguments = ("--all-accounts", "--attempts", "1", "--concurrency", "1", "--over")
        codes = [
            Shell(sandbox).run("spend", *arguments, limit, "-q").returncode
            for limit in ("0", "99999999")
        ]
    assert [8, 6] == codes


def test_when_all_failed_their_reason_is_the_code(shell: Shell, account: str) -> None:
    """No account is no success, with the exit code of the reason."""
    shell.sandbox.refuse(account)
    ran = shell.run("spend", account, "--over", "99999999")
    assert (4, b"") == (ran.returncode, ran.stdout)


@pytest.mark.parametrize(
    ("members", "limit", "code"),
    [
        # The service tells the same record wherever it is asked.
        ('"BillingCurrency":"USD","state":"Expired"', (), 0),
        ('"BillingCurrency":"USD","state":"Expired"', ("--over", "99999999"), 1),
        ('"BillingCurrency":"USD","state":"Paid","price":60,"currency":"USD"', ("--over", "99"), 1),
        ('"BillingCurrency":"USD","state":"Paid","price":60,"currency":"USD"', ("--over", "50"), 8),
        ('"BilledCost":1,"BillingCurrency":"USD","state":"Paid"', ("--over", "50"), 1),
    ],
)
def test_unknown_is_not_zero(members: str, limit: tuple[str, ...], code: int) -> None:
    """Charges that all lack a price have no sum, and are not known to be within a limit."""
    with saying(members) as environment:
        account = environment["CLOUDFLARE_ACCOUNT_ID"]
        ran = run_here("spend", account, *limit, "--format", "json", environment=environment)
    (line,) = json.loads(ran.stdout)
    assert (code, None) == (ran.returncode, line.get("TotalCost"))
    assert (True if code == 8 else None) is line.get("IsOver")
    assert b" in no sum" in ran.stderr
    assert (code == 1) == (b"not known to be within" in ran.stderr)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ('"BillingCurrency":"USD","state":"Expired"', 1),
        ('"BilledCost":60,"state":"Expired"', 1),
        ('"BilledCost":60,"BillingCurrency":" ","state":"Expired"', 1),
        ('"BilledCost":60,"BillingCurrency":"EUR","state":"Paid"', 1),
        ('"BilledCost":60,"BillingCurrency":"EUR","state":"Expired"', 0),
        ('"BilledCost":0,"state":"Expired"', 0),
    ],
)
def test_what_may_be_in_a_currency_with_a_limit_is_not_within_it(members: str, code: int) -> None:
    """Where limits are of currencies only, charges without a price or a currency are unknown."""
    with saying(members) as environment:
        account = environment["CLOUDFLARE_ACCOUNT_ID"]
        ran = run_here("spend", account, "--over", "50USD", "-q", environment=environment)
    named = f"{account}: compared with no --over: " in ran.stderr.decode()
    assert (code, "EUR" in members or code == 1) == (ran.returncode, named)


def test_json_is_one_array(shell: Shell, tmp_path: Path) -> None:
    """All lines are objects of one array, in the order in which the accounts were named."""
    target = tmp_path / "spent.json"
    ids = shell.sandbox.account_ids
    assert 8 == shell.run("spend", *ids, "--over", "50", "-o", str(target)).returncode
    found = json.loads(target.read_text())
    assert [(account, 50, True) for account in ids] == [
        (line["AccountId"], line["Limit"], line["IsOver"]) for line in found
    ]


def test_amounts_that_nobody_can_add_fail_their_account() -> None:
    """An account whose amounts have too many digits between them is named, and has no line."""
    members = '"BilledCost":1e999999,"BillingCurrency":"USD","price":1,"currency":"USD"'
    with saying(members) as environment:
        ids = "a" * 32, "b" * 32
        ran = run_here("spend", *ids, "--over", "50", environment=environment)
    failed = [line.split()[1] for line in ran.stderr.decode().splitlines() if "failed:" in line]
    assert (6, b"", [*ids]) == (ran.returncode, ran.stdout, failed)


@pytest.mark.parametrize("shape", ["table", "csv"])
def test_a_sum_is_shown_whole(shell: Shell, account: str, shape: str) -> None:
    """Neither a table nor CSV rounds an amount."""
    used = _used(shell, account, _first_day(shell, account))
    ran = shell.run("spend", account, "--over", "0.50", "--format", shape)
    assert f"{used:f}" in ran.stdout.decode()
    assert "0.50" in ran.stdout.decode()


@pytest.mark.parametrize(
    "limits",
    [
        ("nan",),
        ("inf",),
        ("-1",),
        ("+1",),
        ("1e3",),
        ("1,000",),
        ("much",),
        ("",),
        ("50DOLLARS",),
        ("\N{ARABIC-INDIC DIGIT FIVE}",),
        ("50", "60"),
        ("50USD", "60usd"),
    ],
)
def test_a_limit_that_is_none_is_refused(
    shell: Shell, account: str, limits: tuple[str, ...]
) -> None:
    """The option is named before anything is asked."""
    ran = shell.run("spend", account, *(word for limit in limits for word in ("--over", limit)))
    assert (2, b"", []) == (ran.returncode, ran.stdout, shell.sandbox.requests)
    assert b"--over" in ran.stderr


@pytest.mark.parametrize(("limit", "code"), [((), 0), (("--over", "99999999"), 7)])
def test_a_reader_who_leaves_decides_nothing(
    shell: Shell, account: str, limit: tuple[str, ...], code: int
) -> None:
    """A closed pipe is no failure, unless accounts should have been compared."""
    environment, pipe = shell.environment(), subprocess.PIPE
    arguments = ("spend", account, *limit, "--quiet")
    with started(*arguments, environment=environment, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert code == process.wait(30)
