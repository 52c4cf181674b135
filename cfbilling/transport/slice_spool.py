"""Where the slices of a received body wait: in memory, or to be made again of what was received.

As gzip, what was received is a fifteenth of what it says. So a body that does not fit in memory is
kept as it came, and only what does not fit even so goes to a temporary file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from cfbilling._concurrency import CLOSED, Turns
from cfbilling.errors import ConfigurationError, TransportError
from cfbilling.transport.compression import Inflater
from cfbilling.transport.spool import Spool, SpoolRoom

__all__ = ["SliceSpool"]

_BRACKETS = 2
_NOTHING: tuple[bytes, ...] = ()


class SliceSpool:
    """The slices of one body, put once and then taken once, in order.

    Args:
        room: The memory that all bodies share.
        inflater: Makes an inflater for the body's coding.
        turns: The share of the event loop for making slices again.
    """

    def __init__(self, room: SpoolRoom, inflater: Callable[[], Inflater], turns: Turns) -> None:
        self._room = room
        self._inflater = inflater
        self._turns = turns
        self._held: deque[tuple[bytes, int]] = deque()
        # Of those that are not held: where they begin, and how long they are without brackets.
        self._left_out: deque[tuple[int, int]] = deque()
        self._plain: _Plain | None = None
        self._received: deque[bytes] = deque()
        self._more: Spool | None = None
        self._pieces = 0
        self._is_closed = False
        room.add(self)

    async def keep(self, received: bytes) -> None:
        """Keep bytes of the body as they came; before any slice of them is put.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
            ResponseTooLarge: If the disk has no room for them.
        """
        self._check_open()
        while self._more is None and not self._room.take(len(received)):
            if self._held:
                text, begin = self._held.pop()
                self._room.give_back(len(text))
                self._left_out.appendleft((begin, len(text) - _BRACKETS))
            else:
                self._more = self._room.spool()
        if self._more is None:
            self._received.append(received)
        else:
            await self._more.put(received)
        self._pieces += 1

    def put(self, text: bytes, begin: int) -> None:
        """Add a slice.

        Args:
            text: The slice, a JSON array.
            begin: Where it begins in the plain body, behind its bracket.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        self._check_open()
        if not self._left_out and self._room.take(len(text)):
            self._held.append((text, begin))
        else:
            self._left_out.append((begin, len(text) - _BRACKETS))

    async def end(self, last: bytes) -> None:
        """Add the last slice, which is not part of the body as it stands there.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
            ResponseTooLarge: If the disk has no room for it.
        """
        self._check_open()
        if not self._left_out:
            self._let_go()
            if self._room.take(len(last)):
                self._held.append((last, 0))
                return
            # What is held cannot be made again any more.
            self._more = self._room.spool()
        pieces = self._pieces
        await self.keep(last)
        self._pieces = pieces

    async def take(self) -> bytes | None:
        """Return the next slice and free its room; ``None`` after the last.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
            TransportError: If the temporary file cannot be read.
        """
        self._check_open()
        if self._held:
            text, _ = self._held.popleft()
            self._room.give_back(len(text))
            return text
        if self._left_out:
            if self._plain is None:
                self._plain = _Plain(self._inflater(), self._next_piece, self._turns)
            return await self._plain.array(*self._left_out.popleft())
        while self._pieces:
            await self._next_piece()
        return await self._next_received()

    async def _next_piece(self) -> bytes:
        piece = await self._next_received() if self._pieces else None
        if piece is None:
            raise TransportError("what was kept of the body ends early")
        self._pieces -= 1
        return piece

    async def _next_received(self) -> bytes | None:
        self._check_open()
        if self._received:
            received = self._received.popleft()
            self._room.give_back(len(received))
            return received
        return None if self._more is None else await self._more.take()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError(CLOSED)

    def _let_go(self) -> None:
        """Free what was received."""
        while self._received:
            self._room.give_back(len(self._received.pop()))
        self._pieces = 0
        if self._more is not None:
            self._more.close()
            self._more = None

    def close(self) -> None:
        """Free what is left; harmless when repeated."""
        if self._is_closed:
            return
        self._is_closed = True
        self._room.forget(self)
        self._room.give_back(sum(len(text) for text, _ in self._held))
        self._held.clear()
        self._let_go()


class _Plain:
    """The plain body once more, from its beginning to the end of what is wanted of it."""

    def __init__(
        self, inflater: Inflater, received: Callable[[], Awaitable[bytes]], turns: Turns
    ) -> None:
        self._inflater = inflater
        self._next_received = received
        self._turns = turns
        self._pieces: Iterator[bytes] = iter(_NOTHING)
        self._begin = 0
        self._buffer = bytearray()

    async def array(self, begin: int, length: int) -> bytes:
        """Return a part of it in brackets; the parts are asked for in order."""
        while begin - self._begin > len(self._buffer):
            await self._turns.take()
            self._begin += len(self._buffer)
            self._buffer = bytearray(await self._next())
        while begin + length - self._begin > len(self._buffer):
            self._buffer += await self._next()
        with memoryview(self._buffer)[begin - self._begin :] as wanted:
            array = b"".join((b"[", wanted[:length], b"]"))
        del self._buffer[: begin + length - self._begin]
        self._begin = begin + length
        return array

    async def _next(self) -> bytes:
        while (piece := next(self._pieces, None)) is None:
            self._pieces = self._inflater.inflate(await self._next_received())
        return piece
