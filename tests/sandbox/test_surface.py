import ast
from pathlib import Path

from cfbilling import sandbox

SOURCES = sorted(Path(sandbox.__file__).parent.rglob("*.py"))


def imported(source: Path) -> set[str]:
    """Return the modules that a file imports, by their full names."""
    tree = ast.parse(source.read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return names | {
        node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }


def test_all_names_are_importable_and_sorted() -> None:
    """`__all__` is sorted and exact."""
    public = {
        name
        for name, value in vars(sandbox).items()
        if not name.startswith("_") and not hasattr(value, "__path__") and name[0].isupper()
    }
    assert sandbox.__all__ == sorted(public)


def test_the_sandbox_knows_nothing_of_the_client() -> None:
    """No file imports anything of the package beyond the sandbox itself."""
    assert SOURCES
    for source in SOURCES:
        own = {name for name in imported(source) if name.startswith("cfbilling")}
        assert all(name.startswith("cfbilling.sandbox.") for name in own), source.name
