"""One time for clients and a sandbox, which passes when all of them wait: hours in seconds."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable
from typing import TypeVar

from cfbilling import Clock
from cfbilling.sandbox import Clock as SandboxClock
from tests.conftest import NOW

__all__ = ["SimulatedTime"]

T = TypeVar("T")

# What was sent on loopback is there at the next turn of the loop; a few more cost nothing.
_IDLE_TURNS = 5


class SimulatedTime:
    """A time that goes on to whatever is waited for next.

    Attributes:
        now: The present moment, in seconds.
        client: The clock for clients.
        sandbox: The clock for a sandbox.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.client = Clock(now=lambda: NOW, monotonic=lambda: self.now, sleep=self.sleep)
        self.sandbox = SandboxClock(monotonic=lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed."""
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, woken))
        await woken

    async def run(self, work: Awaitable[T]) -> T:
        """Let time pass until some work is done; what waits for ever is an error."""
        loop = asyncio.get_running_loop()
        # It would take most of the time, and other tests have it.
        loop.set_debug(False)
        task, idle = asyncio.ensure_future(work), 0
        while not task.done():
            await asyncio.sleep(0)
            is_idle = not loop._ready  # type: ignore[attr-defined]  # nothing public tells it
            idle = idle + 1 if is_idle else 0
            if idle > _IDLE_TURNS:
                self._pass()
                idle = 0
        return await task

    def _pass(self) -> None:
        while self._sleepers:
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now = max(self.now, due)
                woken.set_result(None)
                return
