from __future__ import annotations

from tests.cli.shell import Shell
from tests.cli.wire import JANUARY, MONTH, comparable, parsed


def test_an_organization_has_the_records_of_its_accounts(shell: Shell) -> None:
    """An organization's usage is that of all its accounts."""
    organization = shell.sandbox.organization_ids[0]
    ran = shell.run("org-usage", organization, *MONTH, "--format", "ndjson")
    truth = shell.sandbox.expected_usage(organization, *JANUARY)
    assert comparable(truth) == comparable(map(parsed, ran.stdout.splitlines()))
