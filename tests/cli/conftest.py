"""What every test of the command line may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.shell import Shell, serving


@pytest.fixture
def shell() -> Iterator[Shell]:
    """The command on a sandbox whose records have every shape."""
    with serving(accounts=3, revision="later", quota=None) as sandbox:
        yield Shell(sandbox)


@pytest.fixture
def account(shell: Shell) -> str:
    """The first account."""
    return shell.sandbox.account_ids[0]
