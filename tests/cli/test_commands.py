from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from datetime import date
from pathlib import Path

import pytest

from cfbilling.cli.accounts import accounts_of
from cfbilling.cli.date_range import date_range_of
from cfbilling.cli.errors import CommandError
from cfbilling.sandbox import Fault
from tests.cli.shell import COMMAND, Shell, serving

MONTH = ("--month", "2025-01")
TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, "2025-01", None), (date(2025, 1, 1), date(2025, 2, 1))),
        ((None, None, "2024-12", None), (date(2024, 12, 1), date(2025, 1, 1))),
        ((None, None, None, "1d"), (date(2026, 3, 10), date(2026, 3, 11))),
        ((None, None, None, "2w"), (date(2026, 2, 25), date(2026, 3, 11))),
        (("2025-01-01", None, None, None), ("2025-01-01", None)),
        ((None, None, None, None), (None, None)),
    ],
)
def test_ranges(
    given: tuple[str | None, str | None, str | None, str | None], expected: tuple[object, object]
) -> None:
    """Each way to name days gives the half-open range that it says."""
    found = date_range_of(*given, TODAY)
    assert expected == (found.start, found.end)


def test_an_accounts_file_names_ids_and_tokens() -> None:
    """Lines are ids, or ids with the variable of their token; comments and doubles are skipped."""
    lines = ["# ours", "", " a ", "b,TOKEN_B", "a"]
    found = accounts_of(("a",), lines, None, {"TOKEN_B": "secret-b"})
    assert ["a", "b"] == list(found.ids)
    assert found.own is not None
    assert {"Authorization": "Bearer secret-b"} == found.own["b"].headers()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "default")


@pytest.mark.parametrize("line", ["a,", ",B", "a,B,C", "a,UNSET"])
def test_a_malformed_line_is_refused_without_showing_it(line: str) -> None:
    """A line that is no account is an error, and a token put there by mistake is not shown."""
    with pytest.raises(CommandError) as caught:
        accounts_of((), [line], None, {})
    assert "UNSET" not in str(caught.value)


@pytest.mark.parametrize("from_stdin", [False, True])
def test_accounts_from_a_file(tmp_path: Path, *, from_stdin: bool) -> None:
    """Each account of the file is asked with its own token, from a file or standard input."""
    with serving(accounts=2, tokens=2) as sandbox:
        first, second = sandbox.account_ids
        text = f"{first}\n{second},OTHER_TOKEN\n"
        path = tmp_path / "accounts.txt"
        path.write_text(text)
        ran = Shell(sandbox).run(
            "usage",
            "--accounts-file",
            "-" if from_stdin else str(path),
            *MONTH,
            "--format=ndjson",
            stdin=text.encode(),
            OTHER_TOKEN=sandbox.api_tokens[1],
        )
        assert ran.returncode == 0
        found = [json.loads(line)["BillingAccountId"] for line in ran.stdout.splitlines()]
        assert {first: 372, second: 372} == {name: found.count(name) for name in set(found)}
        used = {request.scope_id: request.credential for request in sandbox.requests}
        assert {first: "token-0", second: "token-1"} == used


def test_a_token_from_a_file_descriptor(shell: Shell, account: str) -> None:
    """A token may come through a descriptor, where neither ps nor the environment shows it."""
    reading, writing = os.pipe()
    os.write(writing, f"{shell.sandbox.api_token}\n".encode())
    os.close(writing)
    ran = subprocess.run(
        [*COMMAND, "check", account, "--token-file", f"/dev/fd/{reading}"],
        env=shell.environment(CLOUDFLARE_API_TOKEN=""),
        pass_fds=[reading],
        capture_output=True,
        check=False,
    )
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
        assert (0, 5) == (ran.returncode, len(sandbox.requests))
        assert "Works       yes" in shown
        assert re.search(r"Quota +9\d of 100 requests in 60 s left", shown)
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


def test_the_sandbox_says_how_to_reach_it() -> None:
    """What the sandbox prints can be pasted into a shell, and then the examples work."""
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--accounts", "2", "--quota", "50/5"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    ) as server:
        assert server.stdout is not None
        exports = [server.stdout.readline() for _ in range(5)][1:]
        environment = dict(re.findall(r"^export (\w+)=(\S+)$", "".join(exports), re.MULTILINE))
        ran = subprocess.run(
            [*COMMAND, "usage", environment["CLOUDFLARE_ACCOUNT_ID"], "--last", "2d"],
            env={"PATH": os.environ["PATH"]} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        server.send_signal(signal.SIGINT)
        assert (0, 0) == (ran.returncode, server.wait(10))
        assert len(ran.stdout.splitlines()) == 2 + 2 * 12


@pytest.mark.parametrize("command", ["usage", "org-usage", "paygo", "profile", "report", "check"])
def test_the_example_of_each_help_works(shell: Shell, command: str, tmp_path: Path) -> None:
    """The last line of each command's description is a command that works on the sandbox."""
    described = shell.run(command, "--help").stdout.decode()
    (example,) = re.findall(r"^ +(cfbilling .*)$", described, re.MULTILINE)
    account, organization = shell.sandbox.account_ids[0], shell.sandbox.organization_ids[0]
    variables = {
        "CLOUDFLARE_ACCOUNT_ID": account,
        "CLOUDFLARE_ORGANIZATION_ID": organization,
    }
    for name, value in variables.items():
        example = example.replace(f"${name}", value)
    ran = subprocess.run(
        [*COMMAND, *example.split()[1:]],
        env=shell.environment(**variables, PYTHONPATH=str(Path.cwd())),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (0, True) == (ran.returncode, bool(ran.stdout) or any(tmp_path.iterdir()))


def test_progress_is_plain_lines_beside_a_pipe(shell: Shell, account: str) -> None:
    """Where standard error is no terminal, progress is lines without control characters."""
    shell.sandbox.faults.add(Fault(status=503))
    ran = shell.run("usage", account, *MONTH, "--format", "csv", "--verbose")
    said = ran.stderr.decode()
    assert "RetryScheduled" in said
    assert "1 of 1 chunks · 372 records" in said
    assert "1 retries" in said
    assert "\x1b" not in said


def _on_terminal(shell: Shell, *arguments: str) -> tuple[int, str]:
    """Run the command with standard error on a terminal, and return what that showed."""
    master, slave = pty.openpty()
    with shell.start(*arguments, stderr=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        code = process.wait(30)
    os.close(master)
    return code, shown.decode()


def test_progress_is_a_bar_on_a_terminal(account: str, tmp_path: Path) -> None:
    """On a terminal a bar fills up, and a pause for the quota is counted down."""
    with serving(quota=3, window=2) as sandbox:
        span = "--from", "2025-01-01", "--to", "2025-06-01"
        target = str(tmp_path / "out.csv")
        code, shown = _on_terminal(Shell(sandbox), "usage", account, *span, "-o", target)
    assert code == 0
    assert "the quota is used up" in shown
    assert re.search(r"━.*paused for the quota, 0:0\d left", shown)
    assert re.search(r"100% 5 of 5 chunks · 1,812 records", shown)


def test_quiet_is_quiet(shell: Shell, account: str, tmp_path: Path) -> None:
    """With --quiet not even a terminal sees progress."""
    target = str(tmp_path / "out.csv")
    assert (0, "") == _on_terminal(shell, "usage", account, *MONTH, "-q", "-o", target)


def test_a_terminal_is_not_controlled_by_data() -> None:
    """What the service sends moves no cursor."""
    from cfbilling import UsageRecord  # noqa: PLC0415 - beside its only use
    from cfbilling.cli.formats.table import TableFormat  # noqa: PLC0415 - likewise

    shape = TableFormat(UsageRecord, with_account=False)
    assert b"\x1b" not in shape.rows("a", [UsageRecord(x_zone_name="\x1b[2J\nevil")])
