from __future__ import annotations

from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, comparable, parsed


def test_ndjson_is_what_the_service_sends(shell: Shell, account: str) -> None:
    """Each line is the wire's object, each number with the same digits."""
    ran = shell.run("usage", account, *MONTH, "--format", "ndjson", "--quiet")
    assert (0, b"") == (ran.returncode, ran.stderr)
    truth = shell.sandbox.expected_usage(account, *JANUARY)
    assert comparable(truth) == comparable(map(parsed, ran.stdout.splitlines()))
