"""Bytes that wait: in memory up to a limit that all share, then in a temporary file."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from typing import IO, Protocol

from cfbilling._concurrency import CLOSED
from cfbilling.errors import ConfigurationError, ResponseTooLarge, TransportError

__all__ = ["Spool", "SpoolRoom"]

_BLOCK = 1024 * 1024


class _Open(Protocol):
    def close(self) -> None: ...


class SpoolRoom:
    """The room for all spools of a client: the memory that they share, and their list.

    Args:
        memory: The bytes that they may hold in memory together.
        block_bytes: About how many bytes are written to a file at once.
    """

    def __init__(self, memory: int, block_bytes: int = _BLOCK) -> None:
        self.block_bytes = block_bytes
        self._free = memory
        self._open: set[_Open] = set()
        self._closing: set[asyncio.Future[None]] = set()

    def spool(self) -> Spool:
        """Open a spool."""
        spool = Spool(self)
        self.add(spool)
        return spool

    def add(self, spool: _Open) -> None:
        """Put on the list what is to be closed with the room."""
        self._open.add(spool)

    def take(self, size: int) -> bool:
        """Reserve *size* bytes of memory if they are free."""
        fits = size <= self._free
        if fits:
            self._free -= size
        return fits

    def give_back(self, size: int) -> None:
        """Free *size* bytes that were taken."""
        self._free += size

    def forget(self, spool: _Open) -> None:
        """Take off the list what is closed."""
        self._open.discard(spool)

    def close_file(self, file: IO[bytes]) -> None:
        """Close a file in a thread: the system takes milliseconds to free a large one's pages."""
        closing = asyncio.get_running_loop().run_in_executor(None, _close_file, file)
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close every spool that is still open, and wait until all files are closed."""
        for spool in list(self._open):
            spool.close()
        if self._closing:
            await asyncio.wait(list(self._closing))


def _close_file(file: IO[bytes]) -> None:
    # What a full disk did not take is given up with the file.
    with contextlib.suppress(OSError):
        file.close()


def _write(file: IO[bytes], block: bytes) -> None:
    file.write(block)
    # A full disk is to be noticed here, not when the next block is read.
    file.flush()


def _read(file: IO[bytes], begin: int, size: int) -> bytes:
    file.seek(begin)
    return file.read(size)


class Spool:
    """Pieces, written once and then read once, in order.

    Memory comes first, so what fits never touches the disk. The pieces after those go to an
    unnamed temporary file, in blocks; what touches the file runs in a thread.
    """

    def __init__(self, room: SpoolRoom) -> None:
        self._room = room
        self._held: deque[bytes] = deque()
        self._block: list[bytes] = []
        self._block_size = 0
        self._written: deque[list[int]] = deque()
        self._loaded: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._position = 0
        self._is_closed = False

    async def put(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
            ResponseTooLarge: If the disk has no room for it.
        """
        self._check_open()
        spills = self._block or self._written
        if not spills and self._room.take(len(piece)):
            self._held.append(piece)
            return
        self._block.append(piece)
        self._block_size += len(piece)
        if self._block_size >= self._room.block_bytes:
            await self._write_block()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError(CLOSED)

    async def _write_block(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            await asyncio.to_thread(_write, self._file, b"".join(self._block))
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ResponseTooLarge(f"the body cannot be kept in a temporary file: {why}") from error
        self._written.append([len(piece) for piece in self._block])
        self._block, self._block_size = [], 0

    async def take(self) -> bytes | None:
        """Return the next piece and free its room; ``None`` after the last.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        self._check_open()
        if self._held:
            piece = self._held.popleft()
            self._room.give_back(len(piece))
            return piece
        if not self._loaded:
            await self._load_block()
        return self._loaded.popleft() if self._loaded else None

    async def _load_block(self) -> None:
        file = self._file
        if file is None or not self._written:
            self._loaded.extend(self._block)
            self._block = []
            return
        lengths = self._written.popleft()
        try:
            block = await asyncio.to_thread(_read, file, self._position, sum(lengths))
        except (OSError, ValueError) as error:
            # A closed file is a ValueError.
            self._check_open()
            raise TransportError("the temporary file cannot be read") from error
        self._check_open()
        self._position += len(block)
        begin = 0
        for length in lengths:
            self._loaded.append(block[begin : begin + length])
            begin += length

    def close(self) -> None:
        """Free what is left; harmless when repeated."""
        self._is_closed = True
        self._room.forget(self)
        self._room.give_back(sum(map(len, self._held)))
        self._held.clear()
        if self._file is not None:
            self._room.close_file(self._file)
            self._file = None
