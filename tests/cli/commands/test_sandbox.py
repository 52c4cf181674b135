from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.shell import run_here, started


def test_the_sandbox_says_how_to_reach_it() -> None:
    """What the sandbox prints can be pasted into a shell, and then the examples work."""
    path = {"PATH": os.environ["PATH"]}
    arguments = ("sandbox", "--accounts", "2", "--quota", "50/5")
    with started(*arguments, environment=path, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        exports = [server.stdout.readline().decode() for _ in range(5)][1:]
        variables = dict(re.findall(r"^export (\w+)=(\S+)$", "".join(exports), re.MULTILINE))
        account = variables["CLOUDFLARE_ACCOUNT_ID"]
        ran = run_here("usage", account, "--last", "2d", environment=path | variables)
        server.send_signal(signal.SIGINT)
        assert (0, 0) == (ran.returncode, server.wait(10))
        assert len(ran.stdout.splitlines()) == 2 + 2 * 12


@contextmanager
def _told(*arguments: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Start a sandbox, and give all that it prints and the variables among that."""
    path = {"PATH": os.environ["PATH"]}
    with started("sandbox", *arguments, environment=path, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("# Ctrl-C"):
            line = server.stdout.readline().decode()
            assert line, "the sandbox has ended"
            lines.append(line.rstrip("\n"))
        exports = re.findall(r"^export (\w+)=(\S+)$", "\n".join(lines), re.MULTILINE)
        yield lines, path | dict(exports)


def test_the_sandbox_prints_every_account() -> None:
    """All accounts are listed, and each of them answers."""
    with _told("--accounts", "4") as (lines, variables):
        ids = re.findall(r"^#   ([0-9a-f]{32})$", "\n".join(lines), re.MULTILINE)
        ran = run_here("credits", *ids, "--format", "csv", environment=variables)
    assert 4 == len(set(ids))
    assert variables["CLOUDFLARE_ACCOUNT_ID"] == ids[0]
    assert (0, 5) == (ran.returncode, len(ran.stdout.splitlines()))


def test_a_sandbox_may_have_several_tokens(tmp_path: Path) -> None:
    """The accounts file names the variables of the tokens in turn, and works as it is."""
    path = tmp_path / "accounts.txt"
    with _told("--accounts", "3", "--tokens", "2", "--accounts-out", str(path)) as (lines, told):
        listed = [line.split(",") for line in path.read_text().splitlines()]
        ran = run_here("credits", "--accounts-file", str(path), environment=told)
    names = ["CLOUDFLARE_API_TOKEN_1", "CLOUDFLARE_API_TOKEN_2", "CLOUDFLARE_API_TOKEN_1"]
    assert names == [name for _, name in listed]
    assert told[names[0]] == told["CLOUDFLARE_API_TOKEN"] != told[names[1]]
    assert ran.returncode == 0
    assert any(str(path) in line for line in lines)


def test_an_accounts_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Nothing is served where the list of accounts has no place."""
    target = str(tmp_path / "no" / "accounts.txt")
    ran = run_here("sandbox", "--accounts-out", target, environment={})
    assert (7, b"") == (ran.returncode, ran.stdout)
    assert target.encode() in ran.stderr
