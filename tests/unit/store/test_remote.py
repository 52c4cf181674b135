"""Places that fsspec opens: an object is moved to its key when it is there whole."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fsspec  # type: ignore[import-untyped]  # fsspec has no types
import pytest

from cfbilling import StoreError
from cfbilling.store.place import PART
from cfbilling.store.remote import Remote

KEY = "endpoint=usage/scope_id=a/month=2025-01/data.parquet"


@pytest.fixture
def root() -> Iterator[str]:
    """A folder of fsspec's memory, which all of a process share."""
    name = f"/{secrets.token_hex(8)}"
    yield name
    system = fsspec.filesystem("memory")
    if system.exists(name):
        system.rm(name, recursive=True)


@pytest.fixture
def place(root: str) -> Remote:
    """A store there."""
    return Remote(f"memory:/{root}")


def write(place: Remote, content: bytes) -> int:
    """Write an object."""
    part = place.part(KEY)
    try:
        part.file.write(content)
        return part.commit()
    finally:
        part.discard()


def read(place: Remote) -> bytes | None:
    """Read it."""
    file = place.open(KEY)
    if file is None:
        return None
    with file:
        return file.read()


def test_an_object_is_there_when_it_is_whole(place: Remote, root: str) -> None:
    """Until it is committed, the old one is there, and nothing else."""
    place.check()
    assert (None, set()) == (read(place), place.keys("endpoint=usage"))
    assert 3 == write(place, b"old")
    part = place.part(KEY)
    part.file.write(b"newer")
    assert b"old" == read(place)
    assert [f"{root}/{KEY}"] == fsspec.filesystem("memory").find(root)
    assert 5 == part.commit()
    part.discard()
    assert (b"newer", {KEY}) == (read(place), place.keys("endpoint=usage"))
    place.remove(KEY)
    place.remove(KEY)
    assert (None, set()) == (read(place), place.keys("endpoint=usage"))


@pytest.mark.parametrize("step", ["put_file", "mv"])
def test_what_fails_on_the_way_leaves_the_old_one(
    place: Remote, root: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Neither a part of the new object nor a part file is left."""
    write(place, b"old")

    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(place._system, step, fail)
    with pytest.raises(StoreError, match=r"cannot write endpoint=usage/.*: ConnectionError: gone"):
        write(place, b"newer")
    monkeypatch.undo()
    assert b"old" == read(place)
    assert [f"{root}/{KEY}"] == fsspec.filesystem("memory").find(root)


def test_old_leftovers_go_when_objects_are_listed(place: Remote, root: str) -> None:
    """What a killed run left goes after a day; younger parts may be in use, and none is listed."""
    write(place, b"whole")
    system = fsspec.filesystem("memory")
    old, young = (f"{root}/{KEY.rpartition('/')[0]}/.data.{age}{PART}" for age in ("old", "young"))
    for path in (old, young):
        system.pipe_file(path, b"half")
    system.store[old].modified = datetime.now(UTC) - timedelta(days=1, minutes=1)
    assert {KEY} == place.keys("endpoint=usage")
    assert {young, f"{root}/{KEY}"} == set(system.find(root))


def test_a_folder_without_objects_is_not_listed(place: Remote) -> None:
    """Where folders stay when their objects go, an account that was removed is gone as well."""
    write(place, b"whole")
    folder, account, _, _ = KEY.split("/")
    assert {account} == place.folders(folder)
    place.remove(KEY)
    assert set() == place.folders(folder)


def test_a_folder_that_cannot_be_read_is_listed(
    place: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has objects is not known: then whoever reads them is to be told, for it alone."""
    write(place, b"whole")
    folder, account, _, _ = KEY.split("/")

    def fail(*_: Any, **__: Any) -> None:
        raise LookupError

    monkeypatch.setattr(place._system, "walk", fail)
    assert {account} == place.folders(folder)


def test_where_nobody_says_when_it_was_made_leftovers_stay(
    place: Remote, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file system tells no times, leftovers are left alone and passed over."""
    system = fsspec.filesystem("memory")
    system.pipe_file(f"{root}/endpoint=usage/.data{PART}", b"half")

    def unknown(_: str) -> datetime:
        raise NotImplementedError

    monkeypatch.setattr(place._system, "modified", unknown)
    assert set() == place.keys("endpoint=usage")
    assert [f"{root}/endpoint=usage/.data{PART}"] == system.find(root)


def test_a_folder_that_is_not_there_has_no_keys(
    place: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems raise for it, where others find nothing."""

    def missing(_: str) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(place._system, "find", missing)
    assert set() == place.keys("endpoint=usage")


@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("find", lambda p: p.keys("x")),
        ("open", lambda p: p.open(KEY)),
        ("rm_file", lambda p: p.remove(KEY)),
    ],
)
def test_whatever_a_file_system_raises_is_a_store_error(
    place: Remote, monkeypatch: pytest.MonkeyPatch, step: str, call: Any
) -> None:
    """Errors of a library's own, of no common class, come as one that may pass."""

    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("https://bucket?signature=hush")

    monkeypatch.setattr(place._system, step, fail)
    with pytest.raises(StoreError, match="LookupError") as caught:
        call(place)
    assert caught.value.transient
    assert "hush" not in str(caught.value)


def test_what_cannot_be_opened_is_told() -> None:
    """A protocol that nobody knows is a StoreError, with neither the URL's secrets nor options."""
    with pytest.raises(StoreError, match="cannot open a store by nonsense") as caught:
        Remote("nonsense://me:hush@there/x", secret="hush")
    assert "hush" not in str(caught.value)


def test_a_put_that_is_whole_is_not_moved(place: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket has an object when all of it is there: no other name is needed."""
    monkeypatch.setattr(type(place._system), "protocol", ("s3", "s3a"))
    monkeypatch.setattr(place._system, "mv", None)
    assert 5 == write(place, b"whole")
    assert b"whole" == read(place)


def test_objects_are_read_in_ranges() -> None:
    """A file system is asked for blocks of less than a megabyte, however large its own are."""
    asked: list[int | None] = []

    class System(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = "test-ranges"
        cachable = False

        def open(self, *_: Any, **settings: Any) -> Any:
            asked.append(settings["block_size"])
            return io.BytesIO(b"whole")

    fsspec.register_implementation("test-ranges", System, clobber=True)
    place = Remote("test-ranges://x")
    assert b"whole" == read(place)
    (block_size,) = asked
    assert block_size is not None
    assert block_size < 2**20
