"""A folder: whole files under their keys, and nothing that a reader could mistake for one."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from cfbilling.errors import StoreError
from cfbilling.store.folder import Folder
from cfbilling.store.place import PART

KEY = "endpoint=usage/scope_id=a/month=2025-01/data.parquet"
DAY = 86_400


def names(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def left_behind(folder: Path, age: float) -> Path:
    """Make what a killed run leaves, so many seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".data.parquet.{int(age)}{PART}"
    path.write_bytes(b"half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def write(folder: Path, content: bytes) -> int:
    """Write an object."""
    part = Folder(folder).part(KEY)
    part.file.write(content)
    length = part.commit()
    part.discard()
    return length


def test_an_object_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """Until it is committed, the old one is there; a part is no object, and hidden."""
    assert 3 == write(tmp_path, b"old")
    part = Folder(tmp_path).part(KEY)
    part.file.write(b"newer")
    part.file.flush()
    assert b"old" == (tmp_path / KEY).read_bytes()
    (hidden,) = names(tmp_path) - {"data.parquet"}
    assert hidden.startswith(".")
    assert hidden.endswith(PART)
    assert {KEY} == Folder(tmp_path).keys("endpoint=usage")
    assert 5 == part.commit()
    part.discard()
    assert (b"newer", {"data.parquet"}) == ((tmp_path / KEY).read_bytes(), names(tmp_path))


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    """A part that is not committed vanishes; who discards it again does no harm."""
    write(tmp_path, b"old")
    part = Folder(tmp_path).part(KEY)
    part.discard()
    part.discard()
    assert (b"old", {"data.parquet"}) == ((tmp_path / KEY).read_bytes(), names(tmp_path))


def test_a_folder_without_objects_is_not_listed(tmp_path: Path) -> None:
    """What never came, or was killed on the way, is none of what a store has."""
    write(tmp_path, b"whole")
    place = Folder(tmp_path)
    never = place.part(KEY.replace("scope_id=a", "scope_id=b"))
    left_behind(tmp_path / "endpoint=usage/scope_id=c/month=2025-01", 60)
    (tmp_path / "endpoint=usage/scope_id=d").write_text("no folder")
    assert {"scope_id=a"} == place.folders("endpoint=usage")
    never.discard()
    assert {"scope_id=a"} == place.folders("endpoint=usage")


def test_a_folder_that_cannot_be_read_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has objects is not known: then whoever reads them is to be told, for it alone."""
    write(tmp_path, b"whole")
    left_behind(tmp_path / "endpoint=usage/scope_id=c/month=2025-01", 60)
    scanned = os.scandir

    def closed(path: str | Path) -> Any:
        if str(path).endswith("month=2025-01"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scanned(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert {"scope_id=a", "scope_id=c"} == Folder(tmp_path).folders("endpoint=usage")


def test_old_leftovers_of_an_object_go_when_it_is_asked_for(tmp_path: Path) -> None:
    """What a killed run left beside an object goes after a day; younger parts may be in use."""
    write(tmp_path, b"whole")
    young = left_behind((tmp_path / KEY).parent, DAY - 60)
    left_behind((tmp_path / KEY).parent, DAY + 60)
    file = Folder(tmp_path).open(KEY)
    assert file is not None
    file.close()
    assert {"data.parquet", young.name} == names(tmp_path)


def test_old_leftovers_go_when_objects_are_listed(tmp_path: Path) -> None:
    """Those of units that nobody asks for any more go, too."""
    write(tmp_path, b"whole")
    young = left_behind(tmp_path / "endpoint=usage/scope_id=b/month=2025-01", DAY - 60)
    left_behind(tmp_path / "endpoint=usage/scope_id=b/month=2025-02", DAY + 60)
    assert {KEY} == Folder(tmp_path).keys("endpoint=usage")
    assert {"data.parquet", young.name} == names(tmp_path)


def test_old_leftovers_of_a_check_go_with_the_next(tmp_path: Path) -> None:
    """Who is killed while checking leaves an empty file, which no later run leaves there."""
    young = left_behind(tmp_path, DAY - 60)
    left_behind(tmp_path, DAY + 60)
    Folder(tmp_path).check()
    assert {young.name} == names(tmp_path)


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    """A folder that is not there is made; whether a file can be made in it leaves no file."""
    Folder(tmp_path / "a" / "b").check()
    assert (tmp_path / "a" / "b").is_dir()
    assert set() == names(tmp_path)


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    """No object, no folder: nothing is opened, listed or removed."""
    place = Folder(tmp_path / "none")
    assert place.open(KEY) is None
    assert set() == place.keys("endpoint=usage")
    place.remove(KEY)
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_listed_is_no_empty_list(tmp_path: Path) -> None:
    """A folder that cannot be read is told, not taken for one without objects."""
    (tmp_path / "endpoint=usage").write_text("no folder")
    with pytest.raises(StoreError, match="cannot list"):
        Folder(tmp_path).keys("endpoint=usage")


@pytest.mark.parametrize("call", ["open", "part", "remove"])
def test_what_the_disk_refuses_is_a_store_error(tmp_path: Path, call: str) -> None:
    """Where a folder should be there is a file: told as what it is, and as no use to repeat."""
    (tmp_path / "endpoint=usage").write_text("no folder")
    with pytest.raises(StoreError, match=r"cannot .*data\.parquet") as caught:
        getattr(Folder(tmp_path), call)(KEY)
    assert not caught.value.transient


def test_removing_removes_empty_folders_only(tmp_path: Path) -> None:
    """The folders of an object go with it; a folder with anything else in it stays."""
    write(tmp_path, b"whole")
    (tmp_path / "endpoint=usage" / "notes.txt").write_text("mine")
    Folder(tmp_path).remove(KEY)
    assert {"notes.txt"} == names(tmp_path)
    assert ["endpoint=usage"] == [path.name for path in tmp_path.iterdir()]
    assert not (tmp_path / "endpoint=usage" / "scope_id=a").exists()
    (tmp_path / "endpoint=usage" / "notes.txt").unlink()
    write(tmp_path, b"whole")
    Folder(tmp_path).remove(KEY)
    assert tmp_path.is_dir()
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_vanishes_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who prunes may remove an empty folder just before a file is made in it."""
    opened, times = Path.open, [0]

    def pruned_first(path: Path, mode: str) -> object:
        times[0] += 1
        if times[0] < 3:
            path.parent.rmdir()
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", pruned_first)
    part = Folder(tmp_path).part(KEY)
    monkeypatch.undo()
    assert 0 == part.commit()
    part.discard()
    assert {"data.parquet"} == names(tmp_path)
