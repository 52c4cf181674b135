"""The demonstration, as a person would run it."""

from __future__ import annotations

import re

import pytest

from tests.cli.shell import run_here

WIDE = {"COLUMNS": "120"}


def test_the_demo_shows_what_was_streamed() -> None:
    """The demo prints cost by product, month and source, and what was fetched with how much ado."""
    ran = run_here("demo", environment=WIDE)
    shown = " ".join(ran.stdout.decode().split())
    assert ran.returncode == 0
    for part in ("Cost and usage by product", "USD", "Workers", "Cost by month", "Total, exactly"):
        assert part in shown
    for source in ("Version 1, self-serve", "Version 2, contract"):
        assert re.search(rf"{source} │ [\d,.]+ │ █+", shown)
    assert re.search(r"Fetched 5\d chunks of 4 accounts: [\d,]+ records in \d+ requests", shown)
    assert re.search(r"\([1-3] retries\), in [\d.]+ s: [\d,]+ records/s\.", shown)
    assert b"4 of 4 accounts" in ran.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "CLOUDFLARE_ACCOUNT_ID"),
        ({"CLOUDFLARE_ACCOUNT_ID": "a" * 32}, "CLOUDFLARE_API_TOKEN"),
    ],
)
def test_live_without_its_variables_names_them(environment: dict[str, str], named: str) -> None:
    """Without a token or an account, the live demo says which variable is missing."""
    ran = run_here("demo", "--live", environment=WIDE | environment)
    assert ran.returncode == 1
    assert named in ran.stderr.decode()
