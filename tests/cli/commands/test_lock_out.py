"""What a command says while its credential is locked out: at once, and for how long."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.shell import Shell, serving
from tests.cli.wire import MONTH

# The clock of the service goes on meanwhile.
LEFT = r"locked out, (5:00|4:5\d) left"


@pytest.mark.parametrize("named", ["one", "several", "all"])
def test_check_answers_while_locked_out(shell: Shell, named: str) -> None:
    """Of one account, of several and of all, one request tells for how long it is to last."""
    ids = shell.sandbox.account_ids
    arguments = {"one": ids[:1], "several": ids, "all": ["--all-accounts"]}[named]
    shell.sandbox.lock_out(retry_after=300)
    ran = shell.run("check", *arguments)
    assert (5, 1) == (ran.returncode, len(shell.sandbox.requests))
    assert re.search(rf"Works +unknown: {LEFT}\n", ran.stdout.decode())


@pytest.mark.parametrize("named", ["one", "all"])
def test_check_tells_a_lock_out_as_json(shell: Shell, named: str) -> None:
    """A program finds the seconds that are left, and what is not known is neither open nor not."""
    arguments = shell.sandbox.account_ids[:1] if named == "one" else ["--all-accounts"]
    shell.sandbox.lock_out(retry_after=300)
    ran = shell.run("check", *arguments, "--format", "json")
    told = json.loads(ran.stdout)
    assert (5, 5) == (ran.returncode, told["exit_code"])
    assert 290 < told["locked_out_seconds"] <= 300
    found = [told["accounts"], *(each for scope in told["scopes"] for each in scope["endpoints"])]
    assert {None} == {probe["open"] for probe in found}


def test_check_tells_as_json_what_is_open(shell: Shell, account: str) -> None:
    """The verdict, the exit code, and each endpoint with its answer and status are members."""
    shell.sandbox.set_kind(account, "self_serve")
    ran = shell.run("check", account, "--format", "json")
    told = json.loads(ran.stdout)
    assert (0, 0, "yes", None) == (
        ran.returncode,
        told["exit_code"],
        told["works"],
        told["locked_out_seconds"],
    )
    (scope,) = told["scopes"]
    endpoints = {probe["name"]: (probe["open"], probe["status"]) for probe in scope["endpoints"]}
    assert (account, (False, 403)) == (scope["id"], endpoints["usage"])
    assert (True, None) == endpoints["billable-usage"]
    assert told["accounts"]["open"] is True


def test_a_profile_is_refused_within_seconds(shell: Shell, account: str) -> None:
    """A lock-out of five minutes is not waited for, unless that is asked for."""
    shell.sandbox.lock_out(retry_after=300)
    ran = shell.run("profile", account)
    assert (5, 1) == (ran.returncode, len(shell.sandbox.requests))
    assert re.search(LEFT, ran.stderr.decode())


@pytest.mark.parametrize("command", ["profile", "accounts"])
def test_a_command_without_a_bar_says_that_it_waits(command: str) -> None:
    """Who allows a wait is told of it, and gets the answer."""
    with serving(quota=1, window=1) as sandbox:
        sandbox.consume(1)
        named = () if command == "accounts" else (sandbox.account_ids[0],)
        ran = Shell(sandbox).run(command, *named, "--max-wait", "30")
    assert ran.returncode == 0
    assert b"the quota is used up: waiting 0:0" in ran.stderr


@pytest.mark.parametrize("command", ["usage", "credits", "report"])
def test_what_is_not_waited_for_is_not_announced(shell: Shell, account: str, command: str) -> None:
    """A lock-out beyond --max-wait fails at once, and nobody is told of a wait."""
    days = () if command == "credits" else MONTH
    shell.sandbox.lock_out(retry_after=20)
    ran = shell.run(command, account, *days, "--max-wait", "3")
    assert (5, 1) == (ran.returncode, len(shell.sandbox.requests))
    assert b"waiting" not in ran.stderr


@pytest.mark.parametrize("command", ["usage", "credits"])
def test_an_account_that_is_locked_out_is_told_for_how_long(
    shell: Shell, account: str, command: str
) -> None:
    """The line about the failure says how much of the lock-out is left, for people."""
    shell.sandbox.lock_out(retry_after=252)
    ran = shell.run(command, account, "--max-wait", "3")
    assert re.search(rf"{account} failed: locked out, 4:1\d left", ran.stderr.decode())
