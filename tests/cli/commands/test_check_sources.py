from __future__ import annotations

import re

import pytest

from cfbilling.sandbox import Fault, Sandbox
from tests.cli.shell import Ended, Shell, run_here, saying, serving

NOT_LET_IN = "no: the account is not let in (403)"


def _lines(ran: Ended) -> dict[str, str]:
    """Return the answer of each endpoint that is in the table."""
    cells = (line.split("│") for line in ran.stdout.decode().splitlines())
    return {row[1].strip(): row[2].strip() for row in cells if len(row) == 4}


def _rows(ran: Ended) -> dict[str, list[str]]:
    """Return the cells of each account that is in the table."""
    rows = (line.split("│") for line in ran.stdout.decode().splitlines())
    return {row[1].strip(): [cell.strip() for cell in row[2:-1]] for row in rows if len(row) > 4}


def _kinds(sandbox: Sandbox) -> tuple[str, str, str, str]:
    """Return four accounts: self-serve, of a contract, covered by nothing, and let in to all."""
    self_serve, contract, neither, both = sandbox.account_ids
    sandbox.set_kind(self_serve, "self_serve")
    sandbox.set_kind(contract, "contract")
    sandbox.set_kind(neither, "self_serve")
    sandbox.cover(neither, False)
    return self_serve, contract, neither, both


def test_a_narrow_terminal_cuts_no_id(shell: Shell) -> None:
    """Where a line has no room for an account's id, it goes on in the next."""
    ids = shell.sandbox.account_ids
    shown = shell.run("check", *ids, COLUMNS="80").stdout.decode()
    cells = [line.split("│")[1].strip() for line in shown.splitlines() if line.startswith("│")]
    assert "".join(ids) == "".join(cells)


def test_a_self_serve_account_has_version_1(shell: Shell, account: str) -> None:
    """Its costs are in version 1, and what it is not let into is no lack of a permission."""
    shell.sandbox.set_kind(account, "self_serve")
    ran = shell.run("check", account)
    answers = _lines(ran)
    assert ran.returncode == 0
    assert answers["costs"] == "yes, from version 1 (self-serve)"
    assert answers["billable-usage"] == "yes, 12 records of one day"
    assert [answers["usage"], answers["usage --cost"]] == [NOT_LET_IN] * 2
    assert "Billing Read" not in ran.stdout.decode()


def test_a_contract_has_version_2(shell: Shell, account: str) -> None:
    """Its costs are in the cost query, and version 1 is not for it."""
    shell.sandbox.set_kind(account, "contract")
    ran = shell.run("check", account)
    answers = _lines(ran)
    assert ran.returncode == 0
    assert answers["costs"] == "yes, from version 2 (contract)"
    assert answers["usage --cost"] == "yes, 12 records of one day"
    assert answers["billable-usage"] == NOT_LET_IN
    assert "Billing Read" not in ran.stdout.decode()


def test_an_account_may_have_no_costs_at_all(shell: Shell, account: str) -> None:
    """An account that version 1 does not cover is told apart from one that used nothing."""
    shell.sandbox.set_kind(account, "self_serve")
    shell.sandbox.cover(account, False)
    ran = shell.run("check", account)
    answers = _lines(ran)
    assert ran.returncode == 0
    assert answers["billable-usage"] == "no: the account is not covered by version 1"
    assert answers["costs"].startswith("no: neither")
    assert answers["profile"] == "yes"


def test_a_source_that_fails_is_not_passed_over(shell: Shell, account: str) -> None:
    """While the cost query fails it may be where the costs are, whatever version 1 says."""
    shell.sandbox.faults.add(Fault(status=503, when=lambda facts: facts.method == "POST"))
    answers = _lines(shell.run("check", account))
    assert answers["billable-usage"].startswith("yes")
    assert answers["costs"].startswith("no: 'usage --cost' failed")


@pytest.mark.parametrize("endpoint", ["billable_usage", "billing_cycles"])
def test_version_1_takes_both_of_its_endpoints(shell: Shell, account: str, endpoint: str) -> None:
    """It is told to be open only where its charges as well as its cycles are."""
    shell.sandbox.set_kind(account, "self_serve")
    shell.sandbox.refuse(account, endpoint)  # type: ignore[arg-type]  # one of the two above
    answers = _lines(shell.run("check", account))
    assert answers["billable-usage"].startswith("no: ")
    assert answers["costs"].startswith("no: neither")


@pytest.mark.parametrize("count", [1, 3])
def test_the_permission_that_is_missing_is_named(shell: Shell, count: int) -> None:
    """A token that sees its accounts but none of their billing lacks Billing Read."""
    shell.sandbox.forbid_billing(shell.sandbox.api_token)
    ran = shell.run("check", *shell.sandbox.account_ids[:count])
    (works,) = re.findall(r"Works +(.*)\n", ran.stdout.decode())
    assert ran.returncode == 3
    assert works.endswith("it is accepted, but may lack the permission Billing Read")
    assert "not let in" not in ran.stdout.decode()


def test_old_names_make_no_token_a_bad_one() -> None:
    """Without Billing Read, a token is not called wrong because old endpoints are gone."""
    with serving(old_names=False) as sandbox:
        sandbox.forbid_billing(sandbox.api_token)
        ran = Shell(sandbox).run("check", sandbox.account_ids[0])
    assert "may lack the permission Billing Read" in ran.stdout.decode()
    assert _lines(ran)["paygo"] == "no: an old name of billable-usage (404)"


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (403, 10000, "it is accepted, but may lack the permission Billing Read"),
        (401, 10000, "no: the service does not accept it"),
        (403, 9109, "no: the service does not accept it"),
    ],
)
def test_a_token_that_may_list_nothing(status: int, code: int, verdict: str) -> None:
    """Only what a good token is told as well is taken for the lack of a permission."""
    with saying(f'"message":"no","code":{code}', status=status) as environment:
        ran = run_here("check", environment=environment)
    assert ran.returncode == 3
    assert f"Works       {verdict}\n" in ran.stdout.decode()


@pytest.mark.parametrize("is_all", [False, True])
def test_many_accounts_have_a_line_each(*, is_all: bool) -> None:
    """Each account has one line, in order, that says which version its costs come from."""
    with serving(accounts=4) as sandbox:
        self_serve, contract, neither, both = _kinds(sandbox)
        named = ["--all-accounts"] if is_all else list(sandbox.account_ids)
        ran = Shell(sandbox).run("check", *named)
    assert ran.returncode == 0
    assert _rows(ran) == {
        self_serve: ["v1", "no (403)", "no (403)", "yes", "yes"],
        contract: ["v2", "yes", "yes", "no (403)", "yes"],
        neither: ["not covered", "no (403)", "no (403)", "not covered", "yes"],
        both: ["v2", "yes", "yes", "yes", "yes"],
    }
    shown = ran.stdout.decode()
    assert "Works       for 4 of 4 accounts\n" in shown
    assert f"usage: {NOT_LET_IN}, 2 accounts\n" in shown
    assert "billable-usage: no: the account is not covered by version 1, 1 account\n" in shown


def test_the_same_account_twice_is_one(shell: Shell, account: str) -> None:
    """An account that is named twice is asked about once, as one alone."""
    ran = shell.run("check", account, account)
    assert ran.returncode == 0
    assert f"Endpoints for {account}" in ran.stdout.decode()


def test_some_of_many_accounts_may_be_closed(shell: Shell, account: str) -> None:
    """Where the credential works for some accounts only, the code says so."""
    shell.sandbox.refuse(account)
    ran = shell.run("check", "--all-accounts")
    assert ran.returncode == 1
    assert b"Works       for 2 of 3 accounts\n" in ran.stdout


def test_an_organization_has_a_table_beside_many_accounts(shell: Shell) -> None:
    """The usage of an organization is asked about beside that of many accounts."""
    organization = shell.sandbox.organization_ids[0]
    ran = shell.run("check", "--all-accounts", "--organization", organization)
    assert ran.returncode == 0
    assert f"Endpoints for {organization}" in ran.stdout.decode()
    assert _lines(ran)["org-usage"] == "yes, 36 records of one day"


@pytest.mark.parametrize("ids", [("abc",), ("a" * 32, "abc"), ("a" * 32, "--organization", "abc")])
def test_what_is_no_id_is_refused(shell: Shell, ids: tuple[str, ...]) -> None:
    """An id that can be none is a usage error, before anything is sent."""
    ran = shell.run("check", *ids)
    assert (2, []) == (ran.returncode, shell.sandbox.requests)
    assert b"must be 32 lower-case hexadecimal digits" in ran.stderr


@pytest.mark.parametrize(
    ("accounts", "answer"),
    [
        (0, "yes, but it sees none"),
        (1, "yes, it sees 1 account"),
        (60, "yes, it sees more than 50 accounts"),
    ],
)
def test_the_accounts_that_are_seen_are_counted(accounts: int, answer: str) -> None:
    """Of a long list, its beginning is enough."""
    with serving(accounts=accounts, organizations=min(accounts, 1)) as sandbox:
        ran = Shell(sandbox).run("check", (*sandbox.account_ids, "a" * 32)[0])
    assert _lines(ran)["accounts"] == answer
