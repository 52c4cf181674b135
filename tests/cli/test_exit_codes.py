from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cfbilling.sandbox import Fault
from tests.cli.shell import Shell, serving
from tests.cli.wire import MONTH

UNKNOWN = "f" * 32


def test_some_accounts_failed(shell: Shell, account: str, tmp_path: Path) -> None:
    """A failed account is named, the others are delivered, and the code is 1."""
    target = tmp_path / "out.ndjson"
    ran = shell.run("usage", account, UNKNOWN, *MONTH, "-o", str(target))
    assert ran.returncode == 1
    assert f"{UNKNOWN} failed" in ran.stderr.decode()
    assert f"{account} failed" not in ran.stderr.decode()
    assert len(target.read_text().splitlines()) == 31 * 12


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage",),
        ("usage", "not-an-id"),
        ("usage", UNKNOWN, "--month", "2025-13"),
        ("usage", UNKNOWN, "--month", "2025-01", "--last", "3d"),
        ("usage", UNKNOWN, "--last", "0d"),
        ("usage", UNKNOWN, "--to", "2025-01-01"),
        ("usage", UNKNOWN, "--from", "2025-02-01", "--to", "2025-01-01"),
        ("usage", UNKNOWN, "-o", "out.unknown"),
        ("usage", UNKNOWN, "--token-file", "/nonexistent"),
        ("usage", UNKNOWN, "--quiet", "--verbose"),
        ("usage", "--accounts-file", "/nonexistent"),
        ("check",),
        ("nothing-of-the-kind",),
        ("sandbox", "--quota", "many"),
    ],
)
def test_a_wrong_command_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    """What cannot be right is refused with 2, before anything is sent."""
    assert shell.run(*arguments).returncode == 2
    assert shell.sandbox.requests == []


def test_authentication(shell: Shell, account: str) -> None:
    """A token that is not accepted, and none at all, end with 3."""
    assert shell.run("usage", account, CLOUDFLARE_API_TOKEN="wrong").returncode == 3
    ran = shell.run("usage", account, CLOUDFLARE_API_TOKEN="")
    assert ran.returncode == 3
    assert b"CLOUDFLARE_API_TOKEN" in ran.stderr


@pytest.mark.parametrize("status", [400, 403, 404])
def test_refused(shell: Shell, account: str, status: int) -> None:
    """A refusal by the service ends with 4."""
    shell.sandbox.refuse(account, "usage", status)
    assert shell.run("usage", account, *MONTH).returncode == 4


def test_rate_limited_beyond_the_budget() -> None:
    """A lock-out longer than --max-wait ends with 5, at once."""
    with serving(quota=1, window=300) as sandbox:
        sandbox.consume(1)
        ran = Shell(sandbox).run("usage", sandbox.account_ids[0], *MONTH, "--max-wait", "5")
        assert ran.returncode == 5


def test_the_network(shell: Shell, account: str) -> None:
    """No connection, and a service that fails to the end, end with 6."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        ran = shell.run("usage", account, *MONTH, "--base-url", nowhere, "--attempts", "1")
    assert ran.returncode == 6
    shell.sandbox.faults.add(Fault(status=503, times=None))
    assert shell.run("usage", account, *MONTH, "--attempts", "1").returncode == 6


def test_an_output_that_cannot_be_written(shell: Shell, account: str, tmp_path: Path) -> None:
    """A folder that is not there, and a full disk, end with 7."""
    assert shell.run("usage", account, *MONTH, "-o", str(tmp_path / "no" / "x.csv")).returncode == 7
    full = shell.run("usage", account, *MONTH, "-o", "/dev/full", "-f", "csv")
    assert full.returncode == 7


def test_an_answer_that_takes_too_long(shell: Shell, account: str) -> None:
    """A request that is not answered whole within --timeout ends with 6."""
    shell.sandbox.faults.add(Fault(times=None, trickle=1, trickle_delay=0.01))
    arguments = ("usage", account, *MONTH, "--attempts", "1")
    ran = shell.run(*arguments, "--timeout", "0.1")
    assert (6, 1) == (ran.returncode, len(shell.sandbox.requests))
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_cannot_be(shell: Shell, account: str, seconds: str) -> None:
    """A limit of no time, and one that is no number, are refused with 2."""
    assert shell.run("usage", account, *MONTH, "--timeout", seconds).returncode == 2
    assert shell.sandbox.requests == []
