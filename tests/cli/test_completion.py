"""What the README says of completion, tried in each shell that is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cfbilling.cli.program import program
from tests.cli.shell import COMMAND

README = (Path(__file__).parents[2] / "README.md").read_text()
LINES = dict(re.findall(r"^- \*\*(\w+)\*\*.*: `(.*_CFBILLING_COMPLETE=.*)`$", README, re.MULTILINE))
NAMES = ("bash", "zsh", "fish")
SEES: dict[str, tuple[str, ...]] = {
    # What a key would do, where a shell does nothing without a terminal.
    "bash": (
        "COMP_WORDS=(cfbilling sub); COMP_CWORD=1",
        "_cfbilling_completion cfbilling",
        'echo "${COMPREPLY[@]}"',
    ),
    "zsh": ("print ${_comps[cfbilling]:+subscriptions}",),
    "fish": ("complete -C 'cfbilling sub'",),
}
BEFORE = {"zsh": ("autoload -U compinit", "compinit -D")}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A new shell that finds the command."""
    command = tmp_path / "cfbilling"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cfbilling "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PYTHONWARNINGS": "error", "HOME": str(tmp_path)}


def _run(arguments: tuple[str, ...], environment: dict[str, str], **more: str) -> str:
    ran = subprocess.run(
        arguments, env=environment | more, capture_output=True, text=True, check=False
    )
    assert ("", 0) == (ran.stderr, ran.returncode)
    return ran.stdout


def _completed(shell: str, line: str, environment: dict[str, str]) -> list[str]:
    """Return what the command answers to a shell's script, in the shell's own protocol."""
    *words, last = line.split(" ")
    at = last if shell == "fish" else str(len(words))
    asked = {"COMP_WORDS": line, "COMP_CWORD": at, "_CFBILLING_COMPLETE": f"{shell}_complete"}
    answer = _run(COMMAND, environment, **asked)
    if shell == "zsh":
        kinds, names = answer.splitlines()[::3], answer.splitlines()[1::3]
        return [f"{kind},{name}" for kind, name in zip(kinds, names, strict=True)]
    return [line.partition("\t")[0] for line in answer.splitlines()]


def test_the_readme_tells_each_shell() -> None:
    """There is a line for bash, zsh and fish, which asks for that shell's script."""
    assert list(NAMES) == list(LINES)
    for name, line in LINES.items():
        assert f"_CFBILLING_COMPLETE={name}_source cfbilling" in line


@pytest.mark.parametrize("shell", NAMES)
def test_a_script_is_made_for_each_shell(shell: str, environment: dict[str, str]) -> None:
    """The command prints the script of a shell, which asks the command in its turn."""
    script = _run(COMMAND, environment, _CFBILLING_COMPLETE=f"{shell}_source")
    assert f"_CFBILLING_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize("shell", NAMES)
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("cfbilling sub", ["plain,subscriptions"]),
        ("cfbilling spend --ov", ["plain,--over"]),
        ("cfbilling check --format j", ["plain,json"]),
        ("cfbilling costs -o jan", ["file,jan"]),
    ],
)
def test_what_begins_alike_is_completed(
    shell: str, line: str, completed: list[str], environment: dict[str, str]
) -> None:
    """Commands, options and choices are completed by the command, files by the shell."""
    assert completed == _completed(shell, line, environment)


@pytest.mark.parametrize("shell", NAMES)
def test_the_line_of_the_readme_works(shell: str, environment: dict[str, str]) -> None:
    """In a new shell with the README's line, the command is completed."""
    program_ = shutil.which(shell)
    if program_ is None:
        pytest.skip(f"there is no {shell}")
    script = "\n".join((*BEFORE.get(shell, ()), LINES[shell], *SEES[shell]))
    options = {"bash": ("--norc",), "zsh": ("-f",), "fish": ("--no-config",)}[shell]
    answer = _run((program_, *options, "-c", script), environment)
    assert ["subscriptions"] == [line.partition("\t")[0] for line in answer.splitlines()]


@pytest.mark.parametrize("command", program.commands.values(), ids=lambda command: command.name)
def test_each_file_and_folder_is_completed(command: click.Command) -> None:
    """Whatever takes a file or a folder leaves its completion to the shell."""
    for param in command.params:
        place = "DEST" if param.name == "dest" else getattr(param, "metavar", None)
        if place in ("FILE", "DEST"):
            (item,) = param.shell_complete(click.Context(command), "x")
            assert ({"FILE": "file", "DEST": "dir"}[place], "x") == (item.type, item.value)
