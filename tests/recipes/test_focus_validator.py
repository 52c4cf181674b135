"""Costs before the FOCUS validator: what it finds wrong is what the README lists, with reasons."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import pytest

from tests.cli.shell import Shell, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SOURCES = ("v1", "v2")
NONE_FOUND = (
    "no focus-validator 2: .ci/focus-validator makes an environment of it where there is "
    "Python 3.12; or set FOCUS_VALIDATOR to the command"
)
_VERSION = "1.2"
_MOST = 3


@attrs.frozen
class Listed:
    """A row of the README: rules, the sources whose output breaks them, and why."""

    rules: frozenset[str]
    sources: frozenset[str]
    why: str

    @property
    def is_of_letters(self) -> bool:
        """Whether it is there for text that is not ASCII only."""
        return self.why.startswith("text beyond ASCII")


def listed() -> list[Listed]:
    """Return what the README says of the validator's failures."""
    _, _, section = README.partition("\n### FOCUS\n")
    section = section.partition("\n## ")[0].partition("\n### ")[0]
    rows = re.findall(r"^\| (`.*`) \| (v1|v2|v1, v2) \| (.*) \|$", section, re.MULTILINE)
    return [
        Listed(frozenset(re.findall(r"`([^`]+)`", rules)), frozenset(sources.split(", ")), str(why))
        for rules, sources, why in rows
    ]


def rules_of(source: str, *, with_letters: bool) -> set[str]:
    """Return the rules that the README lists for a source."""
    rows = [row for row in listed() if source in row.sources]
    return {rule for row in rows if with_letters or not row.is_of_letters for rule in row.rules}


def command() -> Path | None:
    """Return the validator's command, if there is one."""
    given = os.environ.get("FOCUS_VALIDATOR")
    own = ROOT / ".venv-focus" / "bin" / "focus-validator"
    found = given or (str(own) if own.exists() else shutil.which("focus-validator"))
    return None if found is None else Path(found).resolve()


def failures(validator: Path, data: Path, folder: Path) -> set[str]:
    """Return the rules of the validator's own that a file breaks."""
    # It looks for its list of currencies below the present folder.
    (package,) = validator.parents[1].glob("lib/python*/site-packages/focus_validator")
    (folder / "focus_validator").symlink_to(package)
    report = folder / "report.xml"
    arguments = ["--block-download", "--validate-version", _VERSION, "--data-file", str(data)]
    ran = subprocess.run(
        [validator, *arguments, "--output-type", "unittest", "--output-destination", str(report)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    suites = ET.parse(report).getroot()  # noqa: S314 - what our own process wrote
    assert suites.attrib["errors"] == "0"
    assert int(suites.attrib["tests"]) > int(suites.attrib["skipped"]) + 100
    return {failure.attrib["name"] for failure in suites.iter("failure")}


@pytest.fixture(scope="module")
def validator() -> Path:
    """The validator, in an environment of its own."""
    found = command()
    if found is None:
        pytest.skip(NONE_FOUND)
    return found


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """The command on a sandbox whose accounts are let in to either version."""
    with serving(accounts=3, revision="current", quota=None) as sandbox:
        yield Shell(sandbox)


def costs(shell: Shell, source: str, target: Path) -> Path:
    """Write the costs of all accounts from one source, and return the file."""
    accounts = shell.sandbox.account_ids
    ran = shell.run("costs", *accounts, "--month", "2025-01", "--source", source, "-o", str(target))
    assert ran.returncode == 0, ran.stderr
    return target


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("source", SOURCES)
def test_what_the_validator_finds_is_listed(
    shell: Shell, validator: Path, source: str, suffix: str, tmp_path: Path
) -> None:
    """Of either source and in either format, exactly what the README lists is broken."""
    data = costs(shell, source, tmp_path / f"costs.{suffix}")
    assert rules_of(source, with_letters=True) == failures(validator, data, tmp_path)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_left_is_not_told_by_the_vendor(
    shell: Shell, validator: Path, source: str, tmp_path: Path
) -> None:
    """Where all text is ASCII, as the validator wants it, only what nobody tells is broken."""
    data = costs(shell, source, tmp_path / "costs.csv")
    data.write_bytes(data.read_text("utf-8").encode("ascii", "replace"))
    assert rules_of(source, with_letters=False) == failures(validator, data, tmp_path)


@pytest.mark.parametrize("source", SOURCES)
def test_the_list_is_short(source: str) -> None:
    """Three rules or fewer of each source, and a reason for each."""
    assert 0 < len(rules_of(source, with_letters=False)) <= _MOST
    assert all(row.why for row in listed())
