"""Any place that fsspec opens, such as a bucket: written beside, then put there whole."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final, cast

import fsspec  # type: ignore[import-untyped]  # fsspec has no types

from cfbilling.store.place import PART, mapped

__all__ = ["Remote"]

# A put there is whole or not there; elsewhere an object is put under another name, then moved.
_WHOLE: Final = frozenset({"abfs", "az", "gcs", "gs", "s3", "s3a"})
_DAY: Final = timedelta(days=1)
# Who asks for an object's facts would fetch all of it in blocks of the usual length.
_BLOCK: Final = 256 * 1024


class _RemotePart:
    def __init__(self, system: Any, path: str, key: str) -> None:
        self._system = system
        self._path = path
        self._key = key
        with mapped("make a temporary file"):
            # A name is what fsspec takes; whoever kills this leaves nothing in the store.
            self._temporary = tempfile.NamedTemporaryFile(suffix=PART)  # noqa: SIM115 - closed by the owner
        self.file = cast("BinaryIO", self._temporary)

    def commit(self) -> int:
        """Put it there."""
        with mapped(f"write {self._key}"):
            self._temporary.flush()
            length = self._temporary.seek(0, 2)
            if _WHOLE.isdisjoint(_protocols(self._system)):
                self._move()
            else:
                self._system.put_file(self._temporary.name, self._path)
            self._temporary.close()
        return length

    def _move(self) -> None:
        folder, _, name = self._path.rpartition("/")
        part = f"{folder}/.{name}.{secrets.token_hex(8)}{PART}"
        self._system.makedirs(folder, exist_ok=True)
        try:
            self._system.put_file(self._temporary.name, part)
            self._system.mv(part, self._path)
        except BaseException:
            with suppress(Exception):
                self._system.rm_file(part)
            raise

    def discard(self) -> None:
        """Remove the temporary file."""
        with suppress(OSError):
            self._temporary.close()


def _protocols(system: Any) -> tuple[str, ...]:
    protocol = system.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


class Remote:
    """Objects below a URL.

    Args:
        url: The URL, such as ``s3://bucket/folder``.
        options: What fsspec's file system takes, such as an endpoint.

    Raises:
        StoreError: If it cannot be opened, for want of a package perhaps.
    """

    def __init__(self, url: str, **options: Any) -> None:
        protocol = url.partition("://")[0]
        with mapped(f"open a store by {protocol}"):
            # What others write meanwhile is to be seen.
            self._system, self._root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, **options
            )
        self._root = self._root.rstrip("/")

    def check(self) -> None:
        """Do nothing: a bucket does not say beforehand what it takes."""

    def keys(self, folder: str) -> set[str]:
        """Return the keys, and remove what a killed run left more than a day ago."""
        with mapped("list the store"):
            try:
                found = set(self._system.find(f"{self._root}/{folder}"))
            except FileNotFoundError:
                return set()
        parts = {path for path in found if path.endswith(PART)}
        for path in parts:
            self._remove_if_old(path)
        return {path.removeprefix(f"{self._root}/") for path in found - parts}

    def _remove_if_old(self, path: str) -> None:
        # Not every file system tells times, or in which zone: then it stays, in nobody's way.
        with suppress(Exception):
            if datetime.now(UTC) - self._system.modified(path) > _DAY:
                self._system.rm_file(path)

    def folders(self, folder: str) -> set[str]:
        """Return the names of the folders directly below a folder that objects are in."""
        with mapped("list the store"):
            try:
                found = self._system.ls(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                return set()
            paths = [each["name"] for each in found if each["type"] == "directory"]
            if _WHOLE.isdisjoint(_protocols(self._system)):
                # Elsewhere folders are there by themselves, and stay when their objects go.
                paths = [path for path in paths if self._holds_object(path)]
        return {path.rstrip("/").rpartition("/")[2] for path in paths}

    def _holds_object(self, path: str) -> bool:
        try:
            walked = self._system.walk(path, on_error="raise")
            return any(not name.endswith(PART) for _, _, names in walked for name in names)
        except FileNotFoundError:
            return False
        except Exception:  # noqa: BLE001 - of no common class
            # What cannot be listed is not nothing; whoever reads it is told.
            return True

    def open(self, key: str) -> BinaryIO | None:
        """Open an object; what is read of it is fetched in small ranges."""
        with mapped(f"read {key}"):
            try:
                file = self._system.open(f"{self._root}/{key}", "rb", block_size=_BLOCK)
            except FileNotFoundError:
                return None
        return cast("BinaryIO", file)

    def part(self, key: str) -> _RemotePart:
        """Begin a temporary file on this machine."""
        return _RemotePart(self._system, f"{self._root}/{key}", key)

    def remove(self, key: str) -> None:
        """Remove an object."""
        with mapped(f"remove {key}"), suppress(FileNotFoundError):
            self._system.rm_file(f"{self._root}/{key}")
