"""What cannot be right is refused before anything is asked, and nothing is printed for it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cfbilling.sandbox import Fault
from tests.cli.shell import Shell
from tests.cli.wire import MONTH

COMMANDS = ("usage", "costs", "billable-usage", "paygo", "report", "cycles")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("days", "name"),
    [
        (("--from", "2025-02-30"), b"--from"),
        (("--from", "soon"), b"--from"),
        (("--from", "2025-02-01", "--to", "2025-02-30"), b"--to"),
        (("--from", "2025-02-01", "--to", "2025-02-01"), b"--from"),
        (("--from", "2025-02-01T00:00:00"), b"--from"),
        (("--from", "9999-12-31", "--to", "9999-12-32"), b"--to"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value.decode(),
)
def test_a_day_that_is_none_is_refused(
    shell: Shell, account: str, command: str, days: tuple[str, ...], name: bytes
) -> None:
    """The option is named, not an argument of the client; and there is no header without rows."""
    output = () if command == "report" else ("--format", "csv")
    ran = shell.run(command, account, *days, *output)
    assert (2, b"", []) == (ran.returncode, ran.stdout, shell.sandbox.requests)
    assert name in ran.stderr
    assert b"start" not in ran.stderr.replace(b"starts", b"")


@pytest.mark.parametrize("days", [("--from", "2025-01-01"), ("--from", " 2025-01-01 ")])
def test_a_first_day_alone_is_enough(shell: Shell, account: str, days: tuple[str, ...]) -> None:
    """Without --to it is through today, and white space around a day does no harm."""
    assert shell.run("subscriptions", account).returncode == 0
    assert shell.run("cycles", account, *days).returncode == 0


def test_times_with_an_offset_are_days_too(shell: Shell, account: str) -> None:
    """A range may begin and end at a moment that says its offset."""
    span = ("--from", "2025-01-01T12:00:00Z", "--to", "2025-01-02T00:00:00+00:00")
    assert shell.run("usage", account, *span, "--format", "csv").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", "-o", "no/x.csv"),
        ("profile", "-o", "no/x.csv"),
        ("credits", "-o", "no/x.csv"),
        ("report", "--html", "no/x.html"),
        ("report", "--svg", "no/x.svg"),
    ],
    ids="-".join,
)
def test_a_folder_that_is_not_there(
    shell: Shell, account: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """A file that cannot be written in the end is told first, with 7, and nothing is left."""
    command, option, name = arguments
    ran = shell.run(command, account, option, str(tmp_path / name))
    assert (7, b"", []) == (ran.returncode, ran.stdout, shell.sandbox.requests)
    assert str(tmp_path / name).encode() in ran.stderr
    good = tmp_path / Path(name).name
    shell.sandbox.faults.add(Fault(status=403, times=None))
    assert shell.run(command, account, option, str(good)).returncode == 4
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", ["csv", "table", "parquet", "ndjson", "json"])
@pytest.mark.parametrize("command", ["usage", "credits", "accounts"])
def test_a_failure_prints_nothing_else(
    shell: Shell, account: str, command: str, shape: str
) -> None:
    """Where nothing came, standard output stays empty: no headings, no beginning of a file."""
    shell.sandbox.faults.add(Fault(status=403, times=None))
    ids = () if command == "accounts" else (account,)
    ran = shell.run(command, *ids, "--format", shape)
    assert (4, b"") == (ran.returncode, ran.stdout)


def test_no_records_are_no_failure(shell: Shell, account: str) -> None:
    """An empty answer has its header all the same."""
    ran = shell.run("history", account, "--status", "nothing", "--format", "csv")
    assert ran.returncode == 0
    assert ran.stdout.startswith(b"id,") or b",id," in ran.stdout
    assert len(ran.stdout.splitlines()) == 1


@pytest.mark.parametrize("command", ["usage", "profile", "check"])
def test_a_refused_connection_names_host_and_reason(
    shell: Shell, account: str, command: str
) -> None:
    """Where nobody listens, the line says where, and why in the system's words."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{unused.getsockname()[1]}"
        ran = shell.run(command, account, "--base-url", f"http://{where}", "--attempts", "1")
    said = " ".join((ran.stdout + ran.stderr).decode().split())
    assert ran.returncode == 6
    assert f"no connection to {where}: Connection refused" in said


@pytest.mark.parametrize("value", ["", None])
def test_a_missing_variable_names_its_line(
    shell: Shell, account: str, tmp_path: Path, value: str | None
) -> None:
    """An accounts file whose line names a variable that is not set is told with its number."""
    path = tmp_path / "accounts.txt"
    path.write_text(f"# mine\n{account}\n{'b' * 32},NOT_SET\n")
    arguments = ("usage", "--accounts-file", str(path), *MONTH)
    ran = shell.run(*arguments) if value is None else shell.run(*arguments, NOT_SET=value)
    assert (3, []) == (ran.returncode, shell.sandbox.requests)
    assert b"line 3" in ran.stderr
    # It may be a token by mistake.
    assert (b"NOT_SET" in ran.stderr) == (value is not None)
