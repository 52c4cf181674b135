"""Whatever goes wrong with a place is one kind of error, and says nothing secret."""

from __future__ import annotations

import errno
import os

import pytest

from cfbilling import StoreError
from cfbilling.store.place import has_password, mapped, without_secrets


def _failed(error: Exception) -> StoreError:
    with pytest.raises(StoreError) as caught, mapped("write it"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    ("number", "transient"),
    [
        (errno.ENOSPC, False),
        (errno.EDQUOT, False),
        (errno.EROFS, False),
        (errno.EACCES, False),
        (errno.EEXIST, False),
        (errno.ELOOP, False),
        (errno.EIO, True),
        (errno.EMFILE, True),
        (errno.ETIMEDOUT, True),
    ],
)
def test_what_another_attempt_may_mend_is_transient(number: int, transient: bool) -> None:  # noqa: FBT001 - a parameter
    """A full disk stays full; a network may come back."""
    error = _failed(OSError(number, os.strerror(number), "/somewhere/secret"))
    assert (transient, f"cannot write it: {os.strerror(number)}") == (
        error.transient,
        error.message,
    )


def test_what_has_no_number_is_told_by_its_kind() -> None:
    """An error of a library's own comes with its name; rights that are missing do not come back."""
    assert "cannot write it: LookupError: no bucket" == _failed(LookupError("no bucket")).message
    assert "cannot write it: LookupError" == _failed(LookupError()).message
    assert _failed(LookupError()).transient
    assert "cannot write it: PermissionError: Forbidden" == (
        _failed(PermissionError("Forbidden")).message
    )
    assert not _failed(PermissionError("Forbidden")).transient
    assert not _failed(FileNotFoundError("The specified bucket does not exist")).transient


def test_a_store_error_stays_what_it_is() -> None:
    """What was mapped once is not mapped again."""
    first = StoreError("first", transient=True)
    with pytest.raises(StoreError) as caught, mapped("write it"):
        raise first
    assert caught.value is first


def test_what_is_said_is_short_and_plain() -> None:
    """Neither a signature nor a password, no page of text, nothing that steers a terminal."""
    told = str(_failed(LookupError("https://me:hush@host/a?sig=hush&x=hush failed \x1b[2J" * 99)))
    assert "hush" not in told
    assert "https://...@host/a?... failed" in told
    assert told.isprintable()
    assert len(told) < 500


def test_what_a_library_says_with_a_number_is_no_less_plain() -> None:
    """Some put the service's own words where the system's would be."""
    said = "https://me:hush@host/a?sig=hush failed \x1b[2J" * 99
    told = str(_failed(OSError(errno.EIO, said)))
    assert told.startswith("cannot write it: https://...@host/a?... failed")
    assert ("hush" in told, len(told) < 500, told.isprintable()) == (False, True, True)


def test_a_url_without_a_user_is_as_it_was() -> None:
    """Only what stands before a host is left out."""
    for url in ("s3://bucket/a@b", "memory://x", "/folder/me:you@there", "ftp://host:21/x"):
        assert url == without_secrets(url)
    assert "ftp://...@host/x and sftp://...@b" == without_secrets("ftp://u:p@host/x and sftp://k@b")


@pytest.mark.parametrize(
    ("url", "shown", "is_secret"),
    [
        ("ftp://me:hu@sh@host/x", "ftp://...@host/x", True),
        ("simplecache::sftp://me:hush@host/x", "simplecache::sftp://...@host/x", True),
        ("sftp://me@host/x", "sftp://...@host/x", False),
        ("sftp://host:22/a:b@c", "sftp://host:22/a:b@c", False),
        ("az://box/x?sig=hush", "az://box/x?...", False),
    ],
)
def test_no_part_of_a_password_is_shown(url: str, shown: str, *, is_secret: bool) -> None:
    """Also one with an @ of its own, in a chain, and what a query holds."""
    assert (shown, is_secret) == (without_secrets(url), has_password(url))
