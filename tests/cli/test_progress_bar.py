from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from cfbilling.cli.progress_bar import ProgressBar, Verbosity
from cfbilling.events import ChunkDone, QuotaPaused
from cfbilling.sandbox import Fault
from tests.cli.shell import Shell, on_terminal
from tests.cli.wire import MONTH
from tests.conftest import Waits


def test_progress_is_plain_lines_beside_a_pipe(shell: Shell, account: str) -> None:
    """Where standard error is no terminal, progress is lines without control characters."""
    shell.sandbox.faults.add(Fault(status=503, retry_after=0), Fault(status=429, retry_after=0))
    ran = shell.run("usage", account, *MONTH, "--format", "csv", "--verbose")
    said = ran.stderr.decode()
    assert "RetryScheduled" in said
    assert "1 of 1 chunks · 372 records" in said
    assert "the quota is used up: waiting 0:00" in said
    assert "2 retries" in said
    assert "\x1b" not in said


def _on_terminal(shell: Shell, *arguments: str) -> tuple[int, str]:
    """Run the command with standard error on a terminal, and return what that showed."""
    return on_terminal(*arguments, environment=shell.environment(), stream="stderr")


def test_progress_is_a_bar_on_a_terminal(shell: Shell, account: str, tmp_path: Path) -> None:
    """On a terminal a bar fills up."""
    target = str(tmp_path / "out.csv")
    span = "--from", "2025-01-01", "--to", "2025-06-01"
    code, shown = _on_terminal(shell, "usage", account, *span, "-o", target)
    assert code == 0
    assert re.search(r"━.*100% 5 of 5 chunks · 1,812 records", shown)


def test_a_pause_for_the_quota_is_counted_down(waits: Waits) -> None:
    """A pause for the quota is told at once, and the bar shows how much of it is left."""
    said: list[str] = []
    bar = ProgressBar(Verbosity(), 2, said.append, waits.clock)
    bar(QuotaPaused(seconds=65))
    assert said == ["the quota is used up: waiting 1:05"]
    waits.now += 60
    shown = io.StringIO()
    Console(file=shown, width=120).print(bar)
    assert "0 of 2 accounts" in shown.getvalue()
    assert "paused for the quota, 0:05 left" in shown.getvalue()
    waits.now += 5
    assert "paused" not in bar.line()


def test_the_list_of_accounts_is_no_part_of_the_job(waits: Waits) -> None:
    """What lists the accounts counts neither as a chunk nor as records."""
    bar = ProgressBar(Verbosity(), None, lambda _: None, waits.clock)
    facts = {"scope_id": None, "chunk": None, "records": 7, "outside": 0, "longest_slice": 0.0}
    bar(ChunkDone(endpoint="accounts", **facts))  # type: ignore[arg-type]  # each of its type
    assert (0, 0) == (bar.progress.chunks, bar.progress.records)
    bar(ChunkDone(endpoint="usage", **facts))  # type: ignore[arg-type]  # each of its type
    assert (1, 7) == (bar.progress.chunks, bar.progress.records)


def test_quiet_is_quiet(shell: Shell, account: str, tmp_path: Path) -> None:
    """With --quiet not even a terminal sees progress."""
    target = str(tmp_path / "out.csv")
    assert (0, "") == _on_terminal(shell, "usage", account, *MONTH, "-q", "-o", target)
