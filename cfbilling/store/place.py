"""Where objects are: whole under their keys, or not there."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from cfbilling.errors import StoreError, printable

__all__ = ["PART", "Part", "Place", "has_password", "mapped", "without_secrets"]

PART = ".cfbilling-part"
"""How the name of an unfinished file ends; it begins with a dot, so that no reader takes it."""

_LASTING = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
_MOST_TOLD = 300


class Part(Protocol):
    """An unfinished object, in a local file.

    Attributes:
        file: The file, empty at first.
    """

    file: BinaryIO

    def commit(self) -> int:
        """Make it the object under its key, in place of the one there, and return its length."""
        ...

    def discard(self) -> None:
        """Leave nothing of it."""
        ...


class Place(Protocol):
    """A folder or a bucket; all methods block, and raise `StoreError` only."""

    def check(self) -> None:
        """Raise what writing would raise, as far as that can be known before."""
        ...

    def keys(self, folder: str) -> set[str]:
        """Return the keys of the objects below a folder."""
        ...

    def folders(self, folder: str) -> set[str]:
        """Return the names of the folders directly below a folder that objects are in."""
        ...

    def open(self, key: str) -> BinaryIO | None:
        """Open an object; ``None`` if it is not there."""
        ...

    def part(self, key: str) -> Part:
        """Begin an object."""
        ...

    def remove(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        ...


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Tell whatever goes wrong with a place as a `StoreError`.

    Args:
        what: What was tried, such as "write a key".
    """
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        # Some libraries give no number: a bucket that is not there does not come back.
        kinds = PermissionError, FileNotFoundError
        is_lasting = error.errno in _LASTING or isinstance(error, kinds)
        why = _plain(str(error.strerror)) if error.strerror else _told(error)
        raise StoreError(f"cannot {what}: {why}", transient=not is_lasting) from error
    except Exception as error:
        # Each kind of store has exceptions of its own, and some are of no common class.
        raise StoreError(f"cannot {what}: {_told(error)}", transient=True) from error


def without_secrets(text: str) -> str:
    """Return a text without what may be secret of the URLs in it: users, passwords, queries."""
    # A password may have an @ of its own; a query can hold a signature.
    return re.sub(r"\?\S+", "?...", re.sub(r"://[^/\s]*@", "://...@", text))


def has_password(url: str) -> bool:
    """Return whether a password stands before the host of a URL, or of one in its chain."""
    return re.search(r"://[^/\s]*:[^/\s]*@", url) is not None


def _told(error: Exception) -> str:
    text = _plain(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _plain(text: str) -> str:
    return printable(without_secrets(text)[:_MOST_TOLD])
