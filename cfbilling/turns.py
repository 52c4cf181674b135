"""Turns of the event loop: however many tasks of ours have work, the loop gets its turn in time."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

__all__ = ["SMALL", "Turns"]

SMALL = 16 * 1024
"""Bytes that are not worth asking for a turn: the work on them is a small part of one."""

_SECONDS_OF_WORK = 0.001


class Turns:
    """Shares about a millisecond of work in each iteration of the loop among all who ask.

    One millisecond for each task would be many for a client with many tasks. So they share one
    budget; who comes when it is spent waits in line, and each iteration lets one go on.
    """

    def __init__(self) -> None:
        self._line: deque[asyncio.Future[None]] = deque()
        self._began = 0.0
        self._is_counting = False

    async def take(self) -> None:
        """Return when a piece of work may be done; the piece should take well below the budget."""
        loop = asyncio.get_running_loop()
        if not self._is_counting:
            self._is_counting = True
            self._began = perf_counter()
            loop.call_soon(self._next, loop)
        elif self._line or perf_counter() - self._began > _SECONDS_OF_WORK:
            place = loop.create_future()
            self._line.append(place)
            await place

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._line and self._line[0].done():
            self._line.popleft()
        if not self._line:
            self._is_counting = False
            return
        self._line.popleft().set_result(None)
        self._began = perf_counter()
        loop.call_soon(self._next, loop)
