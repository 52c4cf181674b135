"""The time for one wait: a stall of the event loop makes nothing late that has come."""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["Within"]


class Within:
    """Ends a wait for the network that takes too long, but none whose end is there.

    After a stall of the event loop, what came meanwhile and the end of the time are seen in one
    turn: who waits has to be woken before that counts.

    Args:
        seconds: The time, from entering.

    Raises:
        TimeoutError: On leaving, if it was over.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        # A moment that has passed is dealt with in the turn after that.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._timeout.reschedule, 0.0)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)
