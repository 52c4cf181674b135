"""What a store needs is told when it is made, by the name of what is missing."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from cfbilling import ConfigurationError, plan
from cfbilling.store.folder import Folder
from cfbilling.store.store import Store
from tests.conftest import OtherTurns


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
    urls = (f"file://{tmp_path}", f"file://localhost{tmp_path}")
    places = [Store(each).objects._place for each in (tmp_path, str(tmp_path), *urls)]
    assert all(isinstance(place, Folder) and place._path == tmp_path for place in places)
    relative = Store("costs").objects._place
    assert isinstance(relative, Folder)
    assert Path.cwd() / "costs" == relative._path


@pytest.mark.parametrize("lost", [Path("s3://bucket/x"), "s3:/bucket/x", "simplecache::s3:/b/x"])
def test_a_url_that_lost_a_slash_is_no_folder(lost: str | Path) -> None:
    """A `Path` takes a slash away: what was meant for a bucket must not end on this disk."""
    with pytest.raises(ConfigurationError, match="destination looks like a URL"):
        Store(lost)


def test_a_folder_may_be_called_as_one_likes(tmp_path: Path) -> None:
    """Colons and slashes are no URL where the path is absolute."""
    place = Store(tmp_path / "s3:" / "x").objects._place
    assert isinstance(place, Folder)
    assert tmp_path / "s3:/x" == place._path


def test_a_relative_url_of_a_file_travels_as_what_it_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it may be in another folder, and would write there."""
    monkeypatch.chdir(tmp_path)
    travelling = pickle.dumps(Store("file://costs", format="ndjson"))
    monkeypatch.chdir("/")
    place = pickle.loads(travelling).objects._place  # noqa: S301 - our own
    assert isinstance(place, Folder)
    assert tmp_path / "costs" == place._path


def test_a_password_does_not_travel() -> None:
    """A URL with a password is pickled no more than options are, and not shown."""
    pytest.importorskip("fsspec", reason="needs fsspec, which the extra dev has")
    store = Store("memory://me:hush@box/x", format="ndjson")
    with pytest.raises(TypeError, match="password") as caught:
        pickle.dumps(store)
    assert "hush" not in f"{caught.value} {store!r}"
    pickle.dumps(Store("memory://me@box/x", format="ndjson"))
    assert "hush" not in repr(Store("memory://box/x?sig=hush", format="ndjson"))


async def test_pruning_lets_others_go_on(tmp_path: Path) -> None:
    """However many units say what is to stay, the event loop has turns for others meanwhile."""
    units = plan(("0" * 31 + "a" for _ in range(1000)), "2025-01-01", "2025-01-02")
    async with OtherTurns() as turns:
        assert [] == await Store(tmp_path, format="ndjson").prune(units)
    assert turns.count > 10
