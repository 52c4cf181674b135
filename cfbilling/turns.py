"""Turns of the event loop: whoever works for long gives one in time."""

from __future__ import annotations

import asyncio
from time import perf_counter

__all__ = ["Turns"]

_SECONDS_OF_WORK = 0.001


class Turns:
    """Lets the rest of the program run whenever about a millisecond of work is done."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def give(self) -> None:
        """Give a turn, if one is due."""
        if perf_counter() - self._since > _SECONDS_OF_WORK:
            await asyncio.sleep(0)
            self._since = perf_counter()
