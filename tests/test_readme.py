"""The README does what it says: every block in it is run, or compared with what is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cfbilling
from cfbilling import errors
from cfbilling.cli import exit_codes
from cfbilling.cli.program import program

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
FIRST_PAGE, _, MANUAL = README.partition("# Manual\n")
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [text for language, text in BLOCKS if language == "sh"]
# For job runners, which are no dependency: `tests/recipes` runs them.
RECIPES = [text for language, text in BLOCKS if language == "py"]
TEXT = [text for language, text in BLOCKS if language == "text"]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What a user has set, with a sandbox in place of the vendor."""
    command = [sys.executable, "-m", "cfbilling.sandbox", "--until-stdin-closes"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        where = json.loads(server.stdout.readline())
        yield {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error",
            "CLOUDFLARE_API_TOKEN": where["api_token"],
            "CLOUDFLARE_BASE_URL": where["base_url"],
            "CLOUDFLARE_ACCOUNT_ID": where["account_ids"][0],
            "CLOUDFLARE_ORGANIZATION_ID": where["organization_ids"][0],
        }
        assert server.stdin is not None
        server.stdin.close()


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.strip().splitlines()[-1])
def test_a_python_block_runs(code: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Each Python block is a program that ends well, with warnings as errors."""
    imported = re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)
    for extra in {"distributed", "dlt"}.intersection(imported):
        pytest.importorskip(extra, reason="needs the extra recipes")
    script = tmp_path / "block.py"
    script.write_text(code)
    # dlt is to tell nobody, and to leave nothing at home.
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(tmp_path / "dlt")}
    ran = subprocess.run(
        [sys.executable, script],
        env=environment | quiet,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # These are logged as warnings, which Python shows where logging is not set up.
    logged = ("RetryScheduled ", "AccountFailed ")
    said = [line for line in ran.stderr.splitlines() if not line.startswith(logged)]
    assert (0, []) == (ran.returncode, said)


def test_the_test_command_is_what_ci_runs() -> None:
    """CI sets up and runs the tests by the README's own command."""
    steps = SHELL[1].strip().split(" && ")
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [step for step in steps if step not in lines] == []


def test_the_first_command_ends_in_a_command_that_is_tested() -> None:
    """The README's first command runs the demonstration, which has tests of its own."""
    assert SHELL[0].strip().endswith("&& .venv/bin/cfbilling demo")


COMMANDS = [
    line.partition("#")[0].strip()
    for line in SHELL[2].splitlines()
    # It runs for ever, and has tests of its own.
    if not line.startswith("cfbilling sandbox")
]


def _failed(script: str, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """Run lines of a shell, and return the exit code and what was said if that is not 0."""
    program = f"{shlex.quote(sys.executable)} -m cfbilling"
    ran = subprocess.run(
        ["sh", "-ec", re.sub("^cfbilling", program, script, flags=re.MULTILINE)],  # noqa: S607 - as a user would
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, "" if ran.returncode == 0 else ran.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Each command that the README shows ends well, in a shell with its variables set."""
    (tmp_path / "accounts.txt").write_text(environment["CLOUDFLARE_ACCOUNT_ID"] + "\n")
    assert (0, "") == _failed(command, environment, tmp_path)


def test_the_commands_of_a_store_run_one_after_the_other(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """What is kept by the first of them is what the others read, where the README says it is."""
    assert SHELL[3].startswith("cfbilling sync store ")
    assert (0, "") == _failed(SHELL[3], environment, tmp_path)
    account_id = environment["CLOUDFLARE_ACCOUNT_ID"]
    place = TEXT[1].splitlines()[0].replace("<account>", account_id)
    assert (True, True) == ((tmp_path / place).exists(), (tmp_path / "january.csv").exists())


def test_the_benchmarks_run() -> None:
    """The README's benchmark command works: both contenders return the same records."""
    assert SHELL[4].strip().endswith("&& .venv/bin/python -m benchmarks")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "large"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, True) == (ran.returncode, "against the SDK" in ran.stdout)


def test_the_tree_of_errors_is_the_one_in_the_source() -> None:
    """The exceptions are drawn in the README as they are in their file."""
    source = errors.__doc__ or ""
    drawn, documented = (re.findall(r"[├└]── (\w+)", tree) for tree in (TEXT[0], source))
    assert drawn == documented
    assert {*drawn, "BillingError"} == {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def test_the_exit_codes_are_those_of_the_command() -> None:
    """The README and the help list each code that the command may end with, and no other."""
    codes = {code for code in vars(exit_codes).values() if isinstance(code, int)}
    _, _, section = MANUAL.partition("### Exit codes\n")
    table, *_ = section.partition("\n## ")
    rows = re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
    assert codes == {int(code) for row in rows for code in row.split(", ")}
    assert codes == {
        int(code) for code in re.findall(r"^ +(\d+)  ", program.help or "", re.MULTILINE)
    }


def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def test_each_extra_is_told() -> None:
    """The README says of each extra of the package what it is for, and of no other."""
    _, _, section = MANUAL.partition("| extra | for |\n")
    table, *_ = section.partition("\n\n")
    cells = [line.split("|")[1] for line in table.splitlines()[1:]]
    told = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(_project()["optional-dependencies"]) == sorted(told)


def test_the_platforms_are_told() -> None:
    """The README names the operating systems of the package's metadata."""
    prefix = "Operating System :: "
    systems = [c.removeprefix(prefix) for c in _project()["classifiers"] if c.startswith(prefix)]
    _, _, section = MANUAL.partition("## Installation\n")
    assert ["POSIX"] == systems
    assert "POSIX" in section.partition("| extra |")[0]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_contents_are_the_sections() -> None:
    """The manual begins with links to all of its sections, in their order and depth."""
    contents, *_ = MANUAL.partition("\n## ")
    linked = re.findall(r"^( *)- \[(.*)\]\(#(.*)\)$", contents, re.MULTILINE)
    sections = re.findall(r"^#(#+) (.*)$", MANUAL, re.MULTILINE)
    assert linked == [("  " * (len(d) - 1), title, _anchor(title)) for d, title in sections]


def test_each_link_leads_somewhere() -> None:
    """A link inside the README leads to a heading, and one to a file to a file."""
    headings = {_anchor(title) for title in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    links = set(re.findall(r"\]\(([^)\s]+)\)", README))
    missing = {link for link in links if link[0] == "#" and link[1:] not in headings}
    missing |= {link for link in links if link[0] != "#" and not (ROOT / link).exists()}
    assert set() == missing


def test_the_first_page_is_short() -> None:
    """What a reader has to know first is in the first hundred lines."""
    assert MANUAL
    assert len(FIRST_PAGE.splitlines()) <= 100


def test_the_figures_of_the_first_page_are_those_that_were_measured() -> None:
    """Each figure of the first page is also in the table of all figures."""
    _, _, benchmarks = MANUAL.partition("## Benchmarks\n")
    _, _, measured = FIRST_PAGE.partition("**Measured**")
    figures = re.findall(r"[\d.]+(?:\xd7| ms| MiB)", measured)
    assert figures
    assert [] == [figure for figure in figures if figure not in benchmarks]


def test_no_block_is_left_out() -> None:
    """Every block is of a language that a test here deals with."""
    assert len(BLOCKS) == len(PYTHON) + len(RECIPES) + len(SHELL) + len(TEXT)
    assert {"py", "python", "sh", "text"} == {language for language, _ in BLOCKS}


def test_the_version_is_in_one_place() -> None:
    """The package knows its version, and the build reads the same."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", cfbilling.__version__)
