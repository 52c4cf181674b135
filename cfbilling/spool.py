"""Where the slices of a received body wait: in memory up to a limit, then in a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from typing import IO

from cfbilling.errors import ConfigurationError, ResponseTooLarge

__all__ = ["Spool", "SpoolRoom"]

_BLOCK = 1024 * 1024


class SpoolRoom:
    """The room for all spools of a client: the memory that they share, and their list.

    Args:
        memory: The bytes that they may hold in memory together.
    """

    def __init__(self, memory: int) -> None:
        self._free = memory
        self._open: set[Spool] = set()

    def spool(self) -> Spool:
        """Open a spool."""
        spool = Spool(self)
        self._open.add(spool)
        return spool

    def take(self, size: int) -> bool:
        """Reserve *size* bytes of memory if they are free."""
        fits = size <= self._free
        if fits:
            self._free -= size
        return fits

    def give_back(self, size: int) -> None:
        """Free *size* bytes that were taken."""
        self._free += size

    def forget(self, spool: Spool) -> None:
        """Take a closed spool off the list."""
        self._open.discard(spool)

    async def close(self) -> None:
        """Close every spool that is still open."""
        for spool in list(self._open):
            await spool.close()


class Spool:
    """The slices of one body, written once and then read once, in order.

    Memory comes first, so a body that fits never touches the disk. The slices after those go to
    an unnamed temporary file, in blocks; what touches the file runs in a thread.
    """

    def __init__(self, room: SpoolRoom) -> None:
        self._room = room
        self._held: deque[bytes] = deque()
        self._block: list[bytes] = []
        self._block_size = 0
        self._written: deque[list[int]] = deque()
        self._loaded: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._is_rewound = False
        self._is_closed = False

    async def put(self, piece: bytes) -> None:
        """Add a slice.

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
        if self._block_size >= _BLOCK:
            await self._write_block()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError("the client was closed while this stream was open")

    async def _write_block(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            await asyncio.to_thread(self._file.write, b"".join(self._block))
        except OSError as error:
            raise ResponseTooLarge("the temporary folder has no room for the body") from error
        self._written.append([len(piece) for piece in self._block])
        self._block, self._block_size = [], 0

    async def take(self) -> bytes | None:
        """Return the next slice and free its room; ``None`` after the last.

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
        if self._file is None or not self._written:
            self._loaded.extend(self._block)
            self._block = []
            return
        if not self._is_rewound:
            await asyncio.to_thread(self._file.seek, 0)
            self._is_rewound = True
        lengths = self._written.popleft()
        block = await asyncio.to_thread(self._file.read, sum(lengths))
        begin = 0
        for length in lengths:
            self._loaded.append(block[begin : begin + length])
            begin += length

    async def close(self) -> None:
        """Free what is left; harmless when repeated."""
        self._is_closed = True
        self._room.forget(self)
        self._room.give_back(sum(map(len, self._held)))
        self._held.clear()
        file, self._file = self._file, None
        if file is not None:
            # The system takes milliseconds to free the pages of a large file.
            await asyncio.to_thread(file.close)
