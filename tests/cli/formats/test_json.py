from __future__ import annotations

import json

import pytest

from cfbilling.sandbox import Fault
from tests.cli.shell import Shell
from tests.cli.wire import MONTH


@pytest.mark.parametrize("more", [(), ("--no-account-id",)])
def test_json_is_an_array_of_the_lines_of_ndjson(shell: Shell, more: tuple[str, ...]) -> None:
    """Each object has the text that it has as a line, with each digit."""
    arguments = ("usage", *shell.sandbox.account_ids, *MONTH, "--concurrency", "1", *more)
    lines = shell.run(*arguments, "--format", "ndjson").stdout.splitlines()
    ran = shell.run(*arguments, "--format", "json")
    begin, *objects, end = ran.stdout.splitlines()
    assert (b"[", b"]") == (begin, end)
    assert sorted(lines) == sorted(line.removesuffix(b",") for line in objects)
    assert len(lines) == len(json.loads(ran.stdout))


def test_no_records_are_an_empty_array(shell: Shell, account: str) -> None:
    """An empty answer is an array without objects."""
    ran = shell.run("history", account, "--status", "nothing", "--format", "json")
    assert (0, []) == (ran.returncode, json.loads(ran.stdout))


def test_an_array_that_is_not_whole_has_no_end(shell: Shell, account: str) -> None:
    """Where nothing came there is no array; it would say that there are no records."""
    shell.sandbox.faults.add(Fault(status=403, times=None))
    ran = shell.run("history", account, "--format", "json")
    assert (4, b"") == (ran.returncode, ran.stdout)
