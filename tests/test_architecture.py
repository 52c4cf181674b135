"""Two rules and a table of arrows, checked on the syntax tree.

1. A file at the root of the package is something a user may import; a folder is how it works.
2. A folder imports only what stands below it, and ``protocol`` and ``decoding`` await nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfbilling

PACKAGE = Path(cfbilling.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
PUBLIC = "chunk credentials cycles errors events filters focus jobs options progress records"
# What is for those who installed an extra, and no part of `import cfbilling`.
EXTRA = {"arrow", "sync"}

# What each place may import of the package, beside itself. A place is a folder, or a file at the
# root. What the table does not name may import nothing of ours.
ARROWS = {
    "errors": "chunk",
    "options": "chunk errors",
    "credentials": "errors",
    "events": "chunk errors",
    "progress": "events options",
    "_concurrency": "errors",
    "_record": "_record_type",
    "records": "_record _record_type",
    "cycles": "_record _record_type chunk errors",
    "filters": "errors",
    "focus": "_record _record_type _services _units cycles errors records",
    "decoding": "_record _record_type arrow errors records",
    "jobs": "protocol chunk errors filters records",
    "arrow": "_record errors",
    "store": "arrow streams decoding jobs _concurrency _threads errors records",
    "sync": "store streams client jobs errors records",
    "integrations": "sync store streams transport client jobs arrow credentials errors options"
    " records",
    "protocol": "chunk cycles errors filters focus records",
    "transport": "records protocol _concurrency credentials errors events options",
    "streams": "transport decoding protocol _concurrency _threads arrow chunk credentials cycles"
    " errors events focus options records",
    "client": f"streams transport decoding protocol _concurrency _services _version {PUBLIC}",
    "__init__": f"client streams protocol _version {PUBLIC}",
    "__main__": "cli",
    "cli": "__init__ _record_type arrow cycles sandbox events integrations progress sync",
    "sandbox": "",
}
# The same inside the sandbox, whose other files are at its root for users.
SANDBOX_ARROWS = {"data": "", "rules": "data", "server": "clock data rules"}
WITHOUT_AWAIT = ("protocol", "decoding")

# Third-party packages that one file keeps to itself.
OWNERS = {
    "http_sf": "protocol/headers.py",
    "tenacity": "transport/retry.py",
    "cattrs": "decoding/converter.py",
    "yarl": "transport/session.py",
    "multidict": "transport/session.py",
}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _place(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    yield from _imported(ast.parse(path.read_text()), _name(path))


def _imported(tree: ast.AST, where: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where}: relative import"
            yield node.module or ""


def _ours(path: Path) -> set[str]:
    return {
        name.removeprefix("cfbilling").lstrip(".").partition(".")[0] or "__init__"
        for name in _imports(path)
        if name.partition(".")[0] == "cfbilling"
    }


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_place_imports_only_what_stands_below_it(path: Path) -> None:
    """Each file imports nothing but what the table gives to its place."""
    place = _place(path)
    assert _ours(path) - {place} <= set(ARROWS.get(place, "").split())


@pytest.mark.parametrize("folder", SANDBOX_ARROWS)
def test_a_folder_of_the_sandbox_imports_only_what_stands_below_it(folder: str) -> None:
    """The data know no rules, and the rules no server; the rest of the package is none of them."""
    below = {folder, *SANDBOX_ARROWS[folder].split()}
    for path in (PACKAGE / "sandbox" / folder).rglob("*.py"):
        ours = {name for name in _imports(path) if name.startswith("cfbilling")}
        places = {tuple(name.split(".")[:3]) for name in ours}
        assert places <= {("cfbilling", "sandbox", place) for place in below}, _name(path)


def test_the_arrows_lead_down() -> None:
    """No arrow of the table leads back to where it came from, and none to nowhere."""
    left = {_place(path): set(ARROWS.get(_place(path), "").split()) for path in FILES}
    assert set(ARROWS) <= set(left)
    assert set().union(*left.values()) <= set(left)
    while left:
        free = {name for name, needs in left.items() if not needs & left.keys()}
        assert free, f"a cycle among {sorted(left)}"
        left = {name: needs for name, needs in left.items() if name not in free}


@pytest.mark.parametrize("folder", WITHOUT_AWAIT)
def test_what_is_pure_awaits_nothing(folder: str) -> None:
    """The protocol and the decoding are values in and values out."""
    awaiting = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
    for path in (PACKAGE / folder).rglob("*.py"):
        assert "asyncio" not in set(_imports(path)), _name(path)
        assert not any(isinstance(n, awaiting) for n in ast.walk(ast.parse(path.read_text())))


def test_a_folder_is_no_place_for_users() -> None:
    """What the package exports of a folder, it exports itself; files at the root stand alone."""
    roots = {path.stem for path in PACKAGE.glob("*.py")}
    assert {*PUBLIC.split(), "client", *EXTRA} == {
        name for name in roots if not name.startswith("_")
    }


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_a_third_party_package_stays_in_its_file(package: str) -> None:
    """What one file adapts is known to no other."""
    users = {
        _name(path)
        for path in FILES
        if any(name.partition(".")[0] == package for name in _imports(path))
    }
    assert {OWNERS[package]} == users


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_import_hides_from_the_running_program(path: Path) -> None:
    """No module of ours is imported for type checkers only: a cycle would hide behind that."""
    told_apart = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    hidden = [name for node in told_apart for name in _imported(node, _name(path))]
    assert not [name for name in hidden if name.partition(".")[0] == "cfbilling"]
