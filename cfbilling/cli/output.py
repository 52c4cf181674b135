"""The output: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT
from cfbilling.cli.plain_text import plain_lines

__all__ = ["Output", "ReplacedFile", "Stream", "opened", "require_writable", "write_whole"]

_PRIVATE = 0o600
_USUAL = 0o666
# A pipe that is ready takes this much without blocking.
_READY = 4096
# What the temporary name adds fits beside this in 143 bytes, the least that a usual folder allows.
_MOST_OF_NAME = 100
_PART = ".cfbilling-part"
_DAY = 86_400.0


class Output(Protocol):
    """Takes bytes."""

    async def write(self, data: bytes) -> None:
        """Write *data*, all of it."""
        ...

    def commit(self) -> None:
        """Make what was written count."""
        ...


class Stream:
    """A file descriptor that others read, perhaps slowly; waiting for them blocks nothing else.

    A terminal gets plain text: what a file must have as it is would steer a terminal.

    Args:
        descriptor: The descriptor.
        encoding: The encoding of a terminal.
    """

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        mode = os.fstat(descriptor).st_mode
        self._is_terminal = os.isatty(descriptor)
        self._may_block = self._is_terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    async def write(self, data: bytes) -> None:
        """Write *data*, all of it.

        Raises:
            BrokenPipeError: If nobody reads any more.
        """
        left = memoryview(plain_lines(data, self._encoding) if self._is_terminal else data)
        while left:
            if self._may_block and not self._poll.poll(0):
                await self._ready()
            most = _READY if self._may_block else len(left)
            left = left[os.write(self._descriptor, left[:most]) :]

    async def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._descriptor)

    def commit(self) -> None:
        """Do nothing: what was written is on its way."""


def _remove_leftovers(folder: Path, start: str) -> None:
    """Remove what runs that were killed left of the same target, more than a day ago."""
    name = re.compile(re.escape(f".{start}.") + "[0-9a-f]{8}" + re.escape(_PART))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if name.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > _DAY:
                Path(entry.path).unlink(missing_ok=True)


class ReplacedFile:
    """A file under a temporary name in the target's folder, renamed when it is complete.

    The temporary name is ``.NAME.RANDOM.cfbilling-part``, with no more than the beginning of a
    long name. Only a kill that cannot be caught leaves it behind, for a day at least: then the next
    run with the same target removes it.

    Args:
        path: The target; a symbolic link stays, and what it points to is replaced.
        is_private: Whether the file is for its owner alone, whatever was there before. Else it
            keeps the mode of what it replaces.

    Raises:
        CommandError: If the folder does not take a file.
    """

    def __init__(self, path: str, *, is_private: bool = False) -> None:
        self._target = Path(path).resolve()
        start = os.fsencode(self._target.name)[:_MOST_OF_NAME].decode("utf-8", "ignore")
        _remove_leftovers(self._target.parent, start)
        name = f".{start}.{secrets.token_hex(4)}{_PART}"
        self._part = self._target.with_name(name)
        mode = _PRIVATE if is_private else self._mode_before()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            # From the beginning: who may open it once may read it for ever.
            self._descriptor = os.open(self._part, flags, _USUAL if mode is None else mode)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", OUTPUT) from error
        if mode is not None:
            with suppress(OSError):
                # What the umask took away.
                os.fchmod(self._descriptor, mode)

    def _mode_before(self) -> int | None:
        try:
            return stat.S_IMODE(self._target.stat().st_mode)
        except OSError:
            return None

    async def write(self, data: bytes) -> None:
        """Write *data*, all of it."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def commit(self) -> None:
        """Put the file in its place, on the disk too."""
        os.fsync(self._descriptor)
        self._part.replace(self._target)
        folder = os.open(self._target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Close the file; if it was not committed, it is gone."""
        os.close(self._descriptor)
        self._part.unlink(missing_ok=True)


@contextmanager
def opened(path: str | None, *, is_private: bool = False) -> Iterator[Output]:
    """Open the file at *path*, or standard output; what is not committed is discarded.

    Args:
        path: The file; None or ``-`` for standard output.
        is_private: Whether a file is for its owner alone.

    Raises:
        CommandError: If it cannot be opened.
    """
    if path is None or path == "-":
        yield Stream(sys.stdout.fileno(), sys.stdout.encoding)
    elif _is_replaceable(path):
        file = ReplacedFile(path, is_private=is_private)
        try:
            yield file
        finally:
            file.close()
    else:
        with _device(path) as stream:
            yield stream


def _is_replaceable(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return True
    except OSError as error:
        # Such as a name that is too long: the rename in the end would tell it too late.
        raise CommandError(f"{path}: {error.strerror}", OUTPUT) from error
    if stat.S_ISDIR(mode):
        raise CommandError(f"{path}: this is a folder")
    return stat.S_ISREG(mode)


@contextmanager
def _device(path: str) -> Iterator[Stream]:
    # A pipe or a device is written to, not replaced.
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", OUTPUT) from error
    try:
        yield Stream(descriptor)
    finally:
        os.close(descriptor)


def require_writable(path: str) -> None:
    """Refuse now what could not be written in the end; a device or a pipe is not touched.

    Raises:
        CommandError: If the folder does not take a file.
    """
    if path != "-" and _is_replaceable(path):
        ReplacedFile(path).close()


async def write_whole(path: str, data: bytes) -> None:
    """Write a file that is in memory already, likewise all or nothing."""
    with opened(path) as output:
        await output.write(data)
        output.commit()
