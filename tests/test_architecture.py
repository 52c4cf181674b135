"""Data flows one way: what each module may import, checked on the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfbilling

PACKAGE = Path(cfbilling.__file__).parent

# Every module may import the modules on its own line, and no other of the package.
ALLOWED = {
    "_version": "",
    "chunk": "",
    "errors": "chunk",
    "clock": "",
    "turns": "",
    "splitter": "chunk errors",
    "options": "errors splitter",
    "credentials": "errors",
    "records": "",
    "endpoints": "chunk errors records splitter",
    "envelope": "endpoints errors",
    "planning": "chunk endpoints errors splitter",
    "twin": "records",
    "decoding": "errors records twin",
    "inflating": "errors",
    "slicing": "envelope errors",
    "spool": "errors",
    "tasks": "errors",
    "events": "chunk errors",
    "session": "errors options",
    "retrying": "clock errors options",
    "receiving": "endpoints envelope errors inflating options session slicing spool turns",
    "quota": "",
    "pacing": "clock quota",
    "fetching": "clock credentials decoding endpoints errors events inflating options pacing quota "
    "receiving records retrying session spool turns",
    "streams": "chunk decoding endpoints errors events fetching iterating planning receiving "
    "records tasks turns",
    "failures": "errors",
    "buffering": "",
    "iterating": "errors",
    "fan_out": "buffering credentials errors events failures iterating pacing records tasks",
    "stats": "events",
    "progress": "clock events",
    "client": "_version clock credentials decoding endpoints errors events failures fan_out "
    "fetching options planning records session splitter stats streams tasks",
    "__init__": "_version chunk client clock credentials errors failures fan_out options records "
    "splitter stats streams",
    "__main__": "cli",
}

# Third-party packages that one file keeps to itself.
OWNERS = {
    "http_sf": {"quota"},
    "tenacity": {"retrying"},
    "cattrs": {"decoding"},
    "yarl": {"session"},
    "multidict": {"session"},
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module or ""


def _ours(path: Path) -> set[str]:
    return {
        name.removeprefix("cfbilling").lstrip(".").partition(".")[0] or "__init__"
        for name in _imports(path)
        if name.partition(".")[0] == "cfbilling"
    }


MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def test_every_module_has_its_line() -> None:
    """The table knows each module, and none that is gone."""
    assert set(ALLOWED) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_it_may(module: str) -> None:
    """A module imports exactly the modules that the table gives it."""
    assert set(ALLOWED[module].split()) == _ours(PACKAGE / f"{module}.py")


def test_imports_have_no_cycle() -> None:
    """Nothing in the table leads back to itself."""
    left = {name: set(allowed.split()) - {"cli"} for name, allowed in ALLOWED.items()}
    while left:
        free = {name for name, needs in left.items() if not needs & left.keys()}
        assert free, f"a cycle among {sorted(left)}"
        left = {name: needs for name, needs in left.items() if name not in free}


@pytest.mark.parametrize("path", sorted((PACKAGE / "sandbox").rglob("*.py")), ids=lambda p: p.stem)
def test_the_sandbox_knows_nothing_of_the_client(path: Path) -> None:
    """The sandbox imports nothing from the client's side, so no mistake is shared."""
    assert _ours(path) <= {"sandbox"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").rglob("*.py")), ids=lambda p: p.stem)
def test_the_command_line_uses_the_public_interface(path: Path) -> None:
    """The command line imports what any user may import."""
    assert _ours(path) <= {"__init__", "cli", "sandbox", "events", "progress"}


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_a_third_party_package_stays_in_its_file(package: str) -> None:
    """What one file adapts is known to no other."""
    users = {
        path.stem
        for path in PACKAGE.glob("*.py")
        if any(name.partition(".")[0] == package for name in _imports(path))
    }
    assert OWNERS[package] == users


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_no_import_hides_from_the_running_program(path: Path) -> None:
    """No module of ours is imported for type checkers only: a cycle would hide behind that."""
    assert "TYPE_CHECKING" not in path.read_text()
