"""Where the slices of a received body wait: in memory up to a limit, then in a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from typing import IO

from cfbilling.errors import ConfigurationError

__all__ = ["Spool", "SpoolRoom"]


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

    def close(self) -> None:
        """Close every spool that is still open."""
        for spool in list(self._open):
            spool.close()


class Spool:
    """The slices of one body, written once and then read once, in order.

    Memory comes first, so a body that fits never touches the disk; the first slice that does not
    fit and all after it go to an unnamed temporary file, written and read in a thread.
    """

    def __init__(self, room: SpoolRoom) -> None:
        self._room = room
        self._held: deque[bytes] = deque()
        self._lengths: deque[int] = deque()
        self._file: IO[bytes] | None = None
        self._is_rewound = False
        self._is_closed = False

    async def put(self, piece: bytes) -> None:
        """Add a slice."""
        if self._file is None and self._room.take(len(piece)):
            self._held.append(piece)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        await asyncio.to_thread(self._file.write, piece)
        self._lengths.append(len(piece))

    async def take(self) -> bytes | None:
        """Return the next slice and free its room; ``None`` after the last.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        if self._is_closed:
            raise ConfigurationError("the client was closed while this stream was open")
        if self._held:
            piece = self._held.popleft()
            self._room.give_back(len(piece))
            return piece
        if self._file is None or not self._lengths:
            return None
        if not self._is_rewound:
            await asyncio.to_thread(self._file.seek, 0)
            self._is_rewound = True
        return await asyncio.to_thread(self._file.read, self._lengths.popleft())

    def close(self) -> None:
        """Free what is left; harmless when repeated."""
        self._is_closed = True
        self._room.forget(self)
        self._room.give_back(sum(map(len, self._held)))
        self._held.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
