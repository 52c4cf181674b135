from __future__ import annotations

import os
import re
import signal
import subprocess

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
