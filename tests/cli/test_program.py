from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cfbilling.cli.program import program
from tests.cli.shell import COMMAND, Shell, run_here

COMMANDS = sorted(set(program.commands) - {"sandbox", "demo"})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_each_help_works(
    shell: Shell, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line of each command's description is a command that works on the sandbox."""
    described = shell.run(command, "--help").stdout.decode()
    (example,) = re.findall(r"^ +cfbilling (.*)$", described, re.MULTILINE)
    account, organization = shell.sandbox.account_ids[0], shell.sandbox.organization_ids[0]
    example = example.replace("$CLOUDFLARE_ACCOUNT_ID", account)
    example = example.replace("$CLOUDFLARE_ORGANIZATION_ID", organization)
    monkeypatch.chdir(tmp_path)
    ran = shell.run(*example.split(), CLOUDFLARE_ACCOUNT_ID=account)
    assert (0, True) == (ran.returncode, bool(ran.stdout) or any(tmp_path.iterdir()))


def test_the_program_is_a_process() -> None:
    """Started by Python's -m, the program runs without a warning."""
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
    ran = subprocess.run([*COMMAND, "--version"], env=environment, capture_output=True, check=False)
    assert (0, b"") == (ran.returncode, ran.stderr)
    assert ran.stdout.startswith(b"cfbilling, version ")


@pytest.mark.parametrize(
    ("module", "arguments", "extra", "code"),
    [
        ("click", ["usage"], "cli", 2),
        ("rich", ["usage"], "cli", 2),
        ("pyarrow", ["usage", "a" * 32, "-o", "/nonexistent/x.parquet"], "arrow", 2),
        ("pyarrow", ["sync", "/nonexistent/store", "a" * 32], "arrow", 2),
        ("pyarrow", ["costs", "--from-sync", "/nonexistent/store"], "arrow", 2),
        ("fsspec", ["sync", "memory://store", "a" * 32], "fsspec", 2),
        ("fsspec", ["report", "--from-sync", "s3://store"], "s3", 2),
        ("s3fs", ["sync", "s3://store", "a" * 32], "s3", 2),
        ("pygal", ["report", "a" * 32, "--html", "/nonexistent/x.html"], "report", 2),
    ],
)
def test_a_missing_extra_is_named(module: str, arguments: list[str], extra: str, code: int) -> None:
    """Without what an extra installs, one line names the extra, before anything is asked."""
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {arguments!r}\n"
        "from cfbilling.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        # Whoever asked here would be refused, with another code.
        env={"CLOUDFLARE_API_TOKEN": "a", "CLOUDFLARE_BASE_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == ran.returncode
    assert f"pip install 'cfbilling[{extra}]'" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_request_has_an_end(command: str) -> None:
    """Each command that asks the service has a limit for a whole answer, an hour by default."""
    described = " ".join(run_here(command, "--help", environment={}).stdout.decode().split())
    assert re.search(r"--timeout SECONDS [^-]*whole answer[^-]*\[default: 3600", described)
