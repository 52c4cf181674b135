from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfbilling.sandbox import Fault
from tests.cli.shell import COMMAND, Shell, started


def test_a_closed_pipe_is_silent(shell: Shell, account: str) -> None:
    """Whoever reads only the head gets it, and no complaint."""
    arguments = ("usage", account, "--last", "365d", "--quiet", "--format", "csv")
    environment, pipe = shell.environment(), subprocess.PIPE
    with started(*arguments, environment=environment, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"ChargePeriodStart")
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


@contextmanager
def _stuck(
    shell: Shell, account: str, target: Path, *, is_nohup: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run, and wait until it has written a part and hangs on the rest."""
    # The second month never comes.
    shell.sandbox.faults.add(Fault(times=None, query={"from": "2025-02-01"}, delay=60))
    span = ("--from", "2025-01-01", "--to", "2025-03-01")
    arguments = ("usage", account, *span, "-v", "-o", str(target))
    with started(
        *arguments,
        environment=shell.environment(),
        stderr=subprocess.PIPE,
        is_nohup=is_nohup,
    ) as process:
        assert process.stderr is not None
        assert any(b"ChunkDone" in line for line in process.stderr)
        yield process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_cleanly(
    shell: Shell, account: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C, SIGTERM and SIGHUP leave the old file, no temporary one, and no traceback."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    with _stuck(shell, account, target) as process:
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert (["out.csv"], "old") == ([path.name for path in tmp_path.iterdir()], target.read_text())


def test_a_closed_terminal_does_not_end_what_nohup_began(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """SIGHUP is ignored where it was ignored from the beginning; then SIGTERM ends the run."""
    with _stuck(shell, account, tmp_path / "out.csv", is_nohup=True) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert [] == list(tmp_path.iterdir())


def test_tests_run_where_ctrl_c_is_ignored(shell: Shell, account: str, tmp_path: Path) -> None:
    """A test run in a shell's background, where SIGINT is ignored, tests Ctrl-C all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _stuck(shell, account, tmp_path / "out.csv") as process:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


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


@pytest.mark.parametrize("command", ["usage", "report", "demo"])
def test_only_our_own_lines_are_on_standard_error(shell: Shell, account: str, command: str) -> None:
    """What the client logs, such as a retry, is not printed beside the command's own messages."""
    shell.sandbox.faults.add(Fault(status=503, retry_after=0))
    arguments = () if command == "demo" else (account, "--month", "2025-01")
    ran = subprocess.run(
        [*COMMAND, command, *arguments],
        env=shell.environment(),
        capture_output=True,
        check=False,
    )
    lines = ran.stderr.splitlines()
    assert ran.returncode == 0
    assert any(b" retries" in line for line in lines)
    assert [] == [line for line in lines if not line.startswith(b"cfbilling: ")]


def _redirected(
    shell: Shell, redirection: str, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end as a shell does, with its streams redirected."""
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *COMMAND, *arguments],
        env=shell.environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
@pytest.mark.parametrize(
    "arguments",
    [("usage", "--last", "1d"), ("report", "--last", "1d"), ("check",), ("sandbox",), ("--help",)],
    ids=lambda arguments: arguments[0],
)
def test_what_cannot_be_printed_is_an_error(
    shell: Shell, account: str, arguments: tuple[str, ...], redirection: str
) -> None:
    """With standard output closed or full, a line says so, and the exit code is 7."""
    named = () if arguments[0] in ("sandbox", "--help") else (account,)
    quiet = ("-q",) if arguments[0] in ("usage", "report") else ()
    ran = _redirected(shell, redirection, *arguments, *named, *quiet)
    (line,) = ran.stderr.decode().splitlines()
    assert (7, True) == (ran.returncode, line.startswith("cfbilling: cannot write: "))


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_file_needs_no_standard_streams(
    shell: Shell, account: str, tmp_path: Path, redirection: str
) -> None:
    """Where standard streams are closed, as some schedulers do, a file is written all the same."""
    target = tmp_path / "out.csv"
    ran = _redirected(shell, redirection, "usage", account, "--last", "1d", "-o", str(target))
    assert (0, b"", True) == (ran.returncode, ran.stdout, target.stat().st_size > 0)


def test_errors_are_no_data(shell: Shell, account: str) -> None:
    """With standard error closed, nothing of it comes among the records."""
    shell.sandbox.refuse(account)
    ran = _redirected(shell, "2>&-", "usage", account, "--last", "1d", "--format", "ndjson")
    assert (4, b"") == (ran.returncode, ran.stdout)
