"""What a store needs is told when it is made, by the name of what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cfbilling import ConfigurationError
from cfbilling.store.folder import Folder
from cfbilling.store.store import Store


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra there is no store of Parquet, but one of NDJSON."""
    monkeypatch.setitem(sys.modules, "cfbilling.store.parquet", None)
    with pytest.raises(ConfigurationError, match="install the extra arrow"):
        Store(tmp_path)
    Store(tmp_path, format="ndjson")


def test_a_url_without_fsspec_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without fsspec there is no store at a URL, but one in a folder."""
    monkeypatch.setitem(sys.modules, "cfbilling.store.remote", None)
    with pytest.raises(ConfigurationError, match="install the extra s3, or fsspec"):
        Store("s3://bucket/folder")
    Store(tmp_path)


def test_a_url_of_a_file_is_a_folder(tmp_path: Path) -> None:
    """A folder may be given as a path, as text or as a URL; a relative one stays where it was."""
    places = [
        Store(each).objects._place for each in (tmp_path, str(tmp_path), f"file://{tmp_path}")
    ]
    assert all(isinstance(place, Folder) and place._path == tmp_path for place in places)
    relative = Store("costs").objects._place
    assert isinstance(relative, Folder)
    assert Path.cwd() / "costs" == relative._path
