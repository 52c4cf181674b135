"""A local folder: written beside, then renamed."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cfbilling.store.place import PART, mapped

__all__ = ["Folder"]

_DAY = 86_400.0
_TRIES = 3


class _FolderPart:
    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f".{target.name}.{secrets.token_hex(8)}{PART}")
        self._key = f"{target.parent.name}/{target.name}"
        with mapped(f"write {self._key}"):
            self.file: BinaryIO = self._opened()

    def _opened(self) -> BinaryIO:
        for _ in range(_TRIES):
            self._target.parent.mkdir(parents=True, exist_ok=True)
            # Somebody who prunes may have found the folder empty.
            with suppress(FileNotFoundError):
                return self._path.open("xb")
        return self._path.open("xb")

    def commit(self) -> int:
        """Rename it, when it is on the disk."""
        with mapped(f"write {self._key}"):
            self.file.flush()
            os.fsync(self.file.fileno())
            length = os.fstat(self.file.fileno()).st_size
            self.file.close()
            self._path.replace(self._target)
        return length

    def discard(self) -> None:
        """Remove it."""
        # A full disk says so again, though it has been told.
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class Folder:
    """Objects as files below a local folder.

    Args:
        path: The folder; it is made when there is something to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raise `StoreError` if no file can be made there."""
        with mapped(f"write to {self._path}"):
            self._path.mkdir(parents=True, exist_ok=True)
            _tidy(self._path)
            probe = self._path / f".probe.{secrets.token_hex(8)}{PART}"
            probe.open("xb").close()
            probe.unlink()

    def keys(self, folder: str) -> set[str]:
        """Return the keys, and remove what a killed run left more than a day ago."""
        found: set[str] = set()
        with mapped(f"list {self._path}"):
            for where, _, names in os.walk(self._path / folder, onerror=_told):
                below = Path(where).relative_to(self._path).as_posix()
                for name in names:
                    if name.endswith(PART):
                        _remove_if_old(Path(where) / name)
                    else:
                        found.add(f"{below}/{name}")
        return found

    def folders(self, folder: str) -> set[str]:
        """Return the names of the folders directly below a folder that objects are in."""
        with mapped(f"list {self._path}"):
            try:
                with os.scandir(self._path / folder) as entries:
                    return {entry.name for entry in entries if _holds_object(entry)}
            except FileNotFoundError:
                return set()

    def open(self, key: str) -> BinaryIO | None:
        """Open a file, and remove what a killed run left beside it more than a day ago."""
        with mapped(f"read {key}"):
            _tidy((self._path / key).parent)
            try:
                return (self._path / key).open("rb")
            except FileNotFoundError:
                return None

    def part(self, key: str) -> _FolderPart:
        """Begin a file beside the one to be."""
        return _FolderPart(self._path / key)

    def remove(self, key: str) -> None:
        """Remove a file, and the folders that are empty without it."""
        path = self._path / key
        with mapped(f"remove {key}"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in list(path.relative_to(self._path).parents)[:-1]:
                (self._path / folder).rmdir()


def _holds_object(entry: os.DirEntry[str]) -> bool:
    """Return whether an object is somewhere in a folder: a unit that never came leaves folders."""
    if not entry.is_dir():
        return False
    try:
        # Until the first is found: however many months there are, that is a moment.
        for _, _, names in os.walk(entry.path, onerror=_told, followlinks=True):
            if any(not name.endswith(PART) for name in names):
                return True
    except OSError:
        # What cannot be listed is not nothing; whoever reads it is told.
        return True
    return False


def _told(error: OSError) -> None:
    # What somebody removes meanwhile is not there; what cannot be read is not nothing.
    if not isinstance(error, FileNotFoundError):
        raise error


def _tidy(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(PART):
                _remove_if_old(Path(entry.path))


def _remove_if_old(path: Path) -> None:
    # Somebody else's, or removed by somebody else: no reader takes it anyway.
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _DAY:
            path.unlink()
