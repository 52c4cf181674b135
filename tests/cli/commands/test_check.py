from __future__ import annotations

import os
import re
from collections import Counter

import pytest

from cfbilling.sandbox import Limit
from tests.cli.shell import Shell, serving


def test_a_token_from_a_file_descriptor(shell: Shell, account: str) -> None:
    """A token may come through a descriptor, where neither ps nor the environment shows it."""
    reading, writing = os.pipe()
    os.write(writing, f"{shell.sandbox.api_token}\n".encode())
    os.close(writing)
    ran = shell.run("check", account, "--token-file", f"/dev/fd/{reading}", CLOUDFLARE_API_TOKEN="")
    os.close(reading)
    assert ran.returncode == 0
    assert b"API token, from --token-file" in ran.stdout


def test_check_tells_what_is_open(account: str) -> None:
    """Each endpoint is asked once; the quota left is shown, the token never."""
    with serving(quota=100, window=60) as sandbox:
        sandbox.refuse(account, "paygo_usage")
        organization = sandbox.organization_ids[0]
        ran = Shell(sandbox).run("check", account, "--organization", organization)
        shown = ran.stdout.decode()
        asked = Counter((request.method, request.endpoint) for request in sandbox.requests)
        # How many answers version 1 takes depends on the day of the billing cycle.
        assert asked.pop(("GET", "billable_usage")) <= 2
        assert (0, {1}) == (ran.returncode, set(asked.values()))
        assert "Works       yes" in shown
        assert re.search(r"Quota +8\d of 100 requests in 60 s left", shown)
        assert re.search(r"paygo +│ no: .*403", shown)
        assert re.search(r"usage +│ yes, 12 records", shown)
        assert sandbox.api_token not in shown


@pytest.mark.parametrize(("is_token_right", "code"), [(False, 3), (True, 4)])
def test_check_tells_what_is_wrong(
    shell: Shell, account: str, code: int, *, is_token_right: bool
) -> None:
    """A credential that is not accepted, and one without any access, differ by exit code."""
    shell.sandbox.refuse(account)
    token = shell.sandbox.api_token if is_token_right else "wrong"
    ran = shell.run("check", account, CLOUDFLARE_API_TOKEN=token)
    assert code == ran.returncode
    assert b"Traceback" not in ran.stderr


def test_check_tells_the_tightest_quota() -> None:
    """Of several limits, the one that will be used up first is shown."""
    limits = [Limit("wide", 100, 60), Limit("narrow", 20, 3600)]
    with serving(limits=limits) as sandbox:
        ran = Shell(sandbox).run("check", sandbox.account_ids[0])
        left = 20 - len(sandbox.requests)
    assert re.search(
        rf"Quota +{left} of 20 requests in 3600 s left, for the next 3600 s\n", ran.stdout.decode()
    )


def test_a_service_may_tell_no_quota(shell: Shell, account: str) -> None:
    """Where the service says nothing of a quota, none is made up."""
    ran = shell.run("check", account)
    assert re.search(r"Quota +unknown: the service did not say\n", ran.stdout.decode())


def test_check_waits_for_nothing(shell: Shell, account: str) -> None:
    """A credential that is locked out is told at once, by one request."""
    shell.sandbox.lock_out(retry_after=300)
    ran = shell.run("check", account)
    assert (5, 1) == (ran.returncode, len(shell.sandbox.requests))
