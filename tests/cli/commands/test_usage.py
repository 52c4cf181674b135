from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import Shell, serving
from tests.cli.wire import JANUARY, MONTH, comparable, parsed


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


def test_a_metric_is_passed_on(shell: Shell, account: str) -> None:
    """Only the metric that was asked for comes."""
    wire = next(iter(shell.sandbox.expected_usage(account, *JANUARY)))
    metric = str(wire["x_BillableMetricId"])
    ran = shell.run("usage", account, *MONTH, "--metric", metric, "--format", "ndjson")
    truth = shell.sandbox.expected_usage(account, *JANUARY, metric=metric)
    assert comparable(truth) == comparable(map(parsed, ran.stdout.splitlines()))
