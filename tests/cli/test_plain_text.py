"""No text of the service controls a terminal, whatever command shows it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from cfbilling.cli.plain_text import plain_lines
from tests.cli.shell import COMMAND, on_terminal, run_here, saying

ACCOUNT = "a" * 32
MONTH = ("--from", "2025-01-01", "--to", "2025-01-02")
# A command of a terminal in both encodings, markup that is wrong, and a name of an emoji.
EVIL = "\x1b[2J\x9b2J[/] [bold]:warning:\r\n\u202e"
SHOWN = "[/] [bold]:warning:"
TEXTS = (
    "BillingCurrency",
    "BillingAccountName",
    "ConsumedUnit",
    "x_ProductFamilyName",
    "x_BillableMetricName",
    "x_ZoneName",
    "x_Unknown",
    "ServiceName",
    "RegionName",
    "name",
    "type",
    "description",
    "status",
    "state",
    "currency",
)
MEMBERS = ",".join(f"{json.dumps(name)}:{json.dumps(EVIL)}" for name in TEXTS)
RECORD = f'{MEMBERS},"BilledCost":1.5,"ConsumedQuantity":2'


def _is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", ACCOUNT, *MONTH, "-v"),
        ("usage", ACCOUNT, *MONTH, "-v", "--group-by", "tag:team"),
        ("usage", ACCOUNT, *MONTH, "-v", "--group-by", "dimension:region"),
        ("paygo", ACCOUNT, *MONTH, "-v"),
        ("costs", ACCOUNT, *MONTH, "-v"),
        ("accounts",),
        ("history", ACCOUNT, "-v"),
        ("subscriptions", ACCOUNT, "-v"),
        ("credits", ACCOUNT, "-v"),
        *(
            ("report", ACCOUNT, *MONTH, "-v", "--by", by)
            for by in ("product", "metric", "zone", "account")
        ),
        ("demo", "--live"),
    ],
    ids=lambda arguments: f"{arguments[0]}-{arguments[-1]}",
)
def test_names_units_and_currencies_are_text(arguments: tuple[str, ...]) -> None:
    """A name, a unit or a currency moves no cursor, and no markup in it is obeyed."""
    with saying(RECORD) as environment:
        ran = run_here(*arguments, environment=environment | {"COLUMNS": "300"})
    assert (0, True) == (ran.returncode, _is_harmless(ran.stdout.decode()))
    assert _is_harmless(ran.stderr.decode())
    assert SHOWN in ran.stdout.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", ACCOUNT, *MONTH, "-v"),
        ("usage", ACCOUNT, "b" * 32, *MONTH, "-v"),
        ("usage", "--all-accounts"),
        ("costs", ACCOUNT, *MONTH),
        ("billable-usage", ACCOUNT, *MONTH, "-v"),
        ("accounts",),
        ("cycles", ACCOUNT),
        ("history", ACCOUNT, "b" * 32, "-v"),
        ("subscriptions", ACCOUNT),
        ("credits", "--all-accounts"),
        ("profile", ACCOUNT),
        ("report", ACCOUNT, *MONTH),
        ("check", ACCOUNT),
        ("demo", "--live"),
    ],
    ids=lambda arguments: f"{arguments[0]}-{len(arguments)}",
)
def test_messages_of_the_service_are_text(arguments: tuple[str, ...]) -> None:
    """The message of a refusal moves no cursor, and no markup in it is obeyed."""
    with saying(f'"code":1,"message":{json.dumps(EVIL)}', status=403) as environment:
        ran = run_here(*arguments, environment=environment | {"COLUMNS": "300"})
    shown = (ran.stdout + ran.stderr).decode()
    assert ran.returncode in (1, 4)
    assert _is_harmless(shown)
    assert SHOWN in shown


def test_a_bar_on_a_terminal_shows_text() -> None:
    """The lines above a bar on a terminal are text too, whatever the service says."""
    with saying(f'"code":1,"message":{json.dumps(EVIL)}', status=403) as environment:
        arguments = ("usage", ACCOUNT, "b" * 32, *MONTH, "-v")
        wide = environment | {"COLUMNS": "300"}
        _, shown = on_terminal(*arguments, environment=wide, stream="stderr")
    assert re.search(rf"AccountFailed .*{re.escape(SHOWN)}", shown)
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown


@pytest.mark.parametrize("shape", ["csv", "ndjson", "table"])
def test_a_terminal_gets_no_raw_data(shape: str) -> None:
    """Records that are printed to a terminal, and not to a file or a pipe, are harmless there."""
    with saying(RECORD) as environment:
        arguments = ("usage", ACCOUNT, *MONTH, "--format", shape)
        code, shown = on_terminal(*arguments, environment=environment, stream="stdout")
        piped = run_here(*arguments, environment=environment).stdout.decode()
    assert (0, True) == (code, _is_harmless(shown.replace("\r\n", "\n")))
    assert SHOWN in shown
    assert ("\x9b" in piped) == (shape != "table")


def test_lines_stay_lines() -> None:
    """What is made harmless keeps its line ends, and bytes that are no text are replaced."""
    assert "é\ufffd\n\ufffd\n".encode() == plain_lines("é\t\n".encode() + b"\xff\n")


NAMES = ",".join(
    f'"{name}":"\N{LATIN SMALL LETTER E WITH ACUTE}\N{EURO SIGN}\u4e2d"' for name in TEXTS
)
LATIN = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", ACCOUNT, *MONTH),
        ("check", ACCOUNT),
        ("demo", "--live"),
        ("cycles", "--help"),
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_pipe_that_cannot_take_a_character_gets_another(arguments: tuple[str, ...]) -> None:
    """What an encoding lacks is replaced, and ends nothing."""
    with saying(f'{NAMES},"BilledCost":1.5,"ConsumedQuantity":2') as environment:
        ran = subprocess.run(
            [*COMMAND, *arguments], env=environment | LATIN, capture_output=True, check=False
        )
    assert (0, False) == (ran.returncode, b"Traceback" in ran.stderr)
    assert ("\xe9??" in ran.stdout.decode("latin-1")) == (arguments[0] in ("report", "demo"))


def test_a_message_that_cannot_be_encoded_is_told() -> None:
    """A refusal in characters that standard error lacks is one line all the same."""
    with saying('"code":1,"message":"\xe9\u4e2d"', status=403) as environment:
        ran = subprocess.run(
            [*COMMAND, "profile", ACCOUNT],
            env=environment | LATIN,
            capture_output=True,
            check=False,
        )
    (line,) = ran.stderr.decode("latin-1").splitlines()
    assert (4, True) == (ran.returncode, "\xe9?" in line)


@pytest.mark.parametrize("shape", ["table", "csv", "ndjson"])
def test_a_terminal_gets_its_own_encoding(shape: str) -> None:
    """Records on a terminal that is not UTF-8 are in what it takes; in a pipe they are UTF-8."""
    with saying(f'{NAMES},"BilledCost":1.5') as environment:
        arguments = ("usage", ACCOUNT, *MONTH, "--format", shape)
        latin = environment | LATIN
        code, shown = on_terminal(
            *arguments, environment=latin, stream="stdout", encoding="latin-1"
        )
        piped = subprocess.run(
            [*COMMAND, *arguments], env=latin, capture_output=True, check=False
        ).stdout.decode()
    assert (0, True, False) == (code, "\xe9??" in shown, "\xc3" in shown)
    assert "\xe9\u20ac\u4e2d" in piped
