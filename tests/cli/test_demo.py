"""The demonstration, as a person would run it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WIDE = {"COLUMNS": "120", "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cfbilling", *arguments],
        capture_output=True,
        text=True,
        env=WIDE | environment,
        check=False,
    )


def test_the_demo_shows_what_was_streamed() -> None:
    """The demo prints cost by product and month and what was fetched, retries included."""
    shown = _run("demo")
    assert (0, "Traceback" in shown.stderr) == (shown.returncode, False)
    for part in ("Cost and usage by product", "USD", "Workers", "Cost by month", "Total, exactly"):
        assert part in shown.stdout
    assert "52 chunks of 4 accounts" in " ".join(shown.stdout.split())
    assert "(3 retries)" in " ".join(shown.stdout.split())
    assert "of 52 chunks" in shown.stderr


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "CLOUDFLARE_ACCOUNT_ID"),
        ({"CLOUDFLARE_ACCOUNT_ID": "a" * 32}, "CLOUDFLARE_API_TOKEN"),
    ],
)
def test_live_without_its_variables_names_them(environment: dict[str, str], named: str) -> None:
    """Without a token or an account, the live demo says which variable is missing."""
    shown = _run("demo", "--live", **environment)
    assert shown.returncode == 1
    assert named in shown.stderr
    assert "Traceback" not in shown.stderr


def test_without_the_extra_one_line_says_so() -> None:
    """Without the command line's extra, the command says what to install and fails."""
    code = (
        "import sys; sys.modules['click'] = None; from cfbilling.cli import main\n"
        "try: main()\nexcept SystemExit as e: print(e.code)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=WIDE, check=False
    )
    assert "pip install 'cfbilling[cli]'" in shown.stderr
    assert shown.stdout.strip() == "1"
