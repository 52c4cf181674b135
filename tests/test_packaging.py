"""What is built is what is installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel and a source distribution, built without any network."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return out


def test_the_wheel_has_the_package_and_its_types(built: Path) -> None:
    """The wheel holds every module and py.typed, and nothing beside the package."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "cfbilling").rglob("*.py")}
    assert modules | {"cfbilling/py.typed"} <= set(names)
    assert {"cfbilling"} == {n.split("/")[0] for n in names if ".dist-info/" not in n}


def test_the_source_distribution_has_the_tests(built: Path) -> None:
    """The source distribution can be tested where it is unpacked."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "tests/conftest.py"} <= names


def test_the_wheel_installs_and_imports(built: Path, tmp_path: Path) -> None:
    """The wheel, installed on its own, is imported from where it was installed."""
    (wheel,) = built.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path, wheel],
        check=True,
        capture_output=True,
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cfbilling; "
        "print(cfbilling.__file__)"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert Path(out.stdout.strip()).is_relative_to(tmp_path)
