from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from cfbilling.sandbox import Fault
from tests.cli.shell import Shell, serving

MONTH = ("--month", "2025-01")
UNKNOWN = "f" * 32


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _code(ran: subprocess.CompletedProcess[bytes]) -> int:
    assert b"Traceback" not in ran.stderr
    return ran.returncode


def test_some_accounts_failed(shell: Shell, account: str, tmp_path: Path) -> None:
    """A failed account is named, the others are delivered, and the code is 1."""
    target = tmp_path / "out.ndjson"
    ran = shell.run("usage", account, UNKNOWN, *MONTH, "-o", str(target))
    assert _code(ran) == 1
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
    assert _code(shell.run(*arguments)) == 2
    assert shell.sandbox.requests == []


def test_authentication(shell: Shell, account: str) -> None:
    """A token that is not accepted, and none at all, end with 3."""
    assert _code(shell.run("usage", account, CLOUDFLARE_API_TOKEN="wrong")) == 3
    ran = shell.run("usage", account, CLOUDFLARE_API_TOKEN="")
    assert _code(ran) == 3
    assert b"CLOUDFLARE_API_TOKEN" in ran.stderr


@pytest.mark.parametrize("status", [400, 403, 404])
def test_refused(shell: Shell, account: str, status: int) -> None:
    """A refusal by the service ends with 4."""
    shell.sandbox.refuse(account, "usage", status)
    assert _code(shell.run("usage", account, *MONTH)) == 4


def test_rate_limited_beyond_the_budget() -> None:
    """A lock-out longer than --max-wait ends with 5, at once."""
    with serving(quota=1, window=300) as sandbox:
        sandbox.consume(1)
        ran = Shell(sandbox).run("usage", sandbox.account_ids[0], *MONTH, "--max-wait", "5")
        assert _code(ran) == 5


def test_the_network(shell: Shell, account: str) -> None:
    """No connection, and a service that fails to the end, end with 6."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        ran = shell.run("usage", account, *MONTH, "--base-url", nowhere, "--attempts", "1")
    assert _code(ran) == 6
    shell.sandbox.faults.add(Fault(status=503, times=None))
    assert _code(shell.run("usage", account, *MONTH, "--attempts", "1")) == 6


def test_an_output_that_cannot_be_written(shell: Shell, account: str, tmp_path: Path) -> None:
    """A folder that is not there, and a full disk, end with 7."""
    assert _code(shell.run("usage", account, *MONTH, "-o", str(tmp_path / "no" / "x.csv"))) == 7
    full = shell.run("usage", account, *MONTH, "-o", "/dev/full", "-f", "csv")
    assert _code(full) == 7


def test_a_closed_pipe_is_silent(shell: Shell, account: str) -> None:
    """Whoever reads only the head gets it, and no complaint."""
    with shell.start(
        "usage",
        account,
        "--last",
        "365d",
        "--quiet",
        "--format",
        "csv",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"ChargePeriodStart")
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly(
    shell: Shell, account: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C and SIGTERM leave the old file, no temporary one, and no traceback."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    with _stuck(shell, account, target) as process:
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert (["out.csv"], "old") == (_names(tmp_path), target.read_text())


def test_a_kill_leaves_the_old_file(shell: Shell, account: str, tmp_path: Path) -> None:
    """After kill -9 in the middle of a write the old file is whole, and the part is marked."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    with _stuck(shell, account, target) as process:
        process.kill()
        assert process.wait(30) == -9
    assert target.read_text() == "old"
    (part,) = tmp_path.glob(".out.csv.*.cfbilling-part")
    assert part.stat().st_size > 0


def _stuck(shell: Shell, account: str, target: Path) -> subprocess.Popen[bytes]:
    """Start a run, and wait until it has written a part and hangs on the rest."""
    # The second month never comes.
    shell.sandbox.faults.add(Fault(times=None, query={"from": "2025-02-01"}, delay=60))
    span = "--from", "2025-01-01", "--to", "2025-03-01"
    process = shell.start("usage", account, *span, "-v", "-o", str(target), stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b"ChunkDone" in line:
            return process
    raise AssertionError("it did not write anything")


def test_a_failed_run_leaves_the_old_file(shell: Shell, account: str, tmp_path: Path) -> None:
    """When a later chunk fails, the old file stays and no part is left."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    shell.sandbox.faults.add(Fault(times=None, query={"from": "2025-02-01"}, status=403))
    span = "--from", "2025-01-01", "--to", "2025-03-01"
    ran = shell.run("usage", account, *span, "-o", str(target))
    assert _code(ran) == 4
    assert b"incomplete: 372 records" in ran.stderr
    assert (["out.csv"], "old") == (_names(tmp_path), target.read_text())


def test_a_replaced_file_keeps_its_mode(shell: Shell, account: str, tmp_path: Path) -> None:
    """The new file has the old one's permissions, and a symbolic link stays one."""
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    assert _code(shell.run("usage", account, *MONTH, "-o", str(link))) == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.read_text().startswith("ChargePeriodStart")
