"""Blocking work beside the event loop, in threads of a store's own."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from cfbilling._threads import in_thread

__all__ = ["Threads"]

T = TypeVar("T")

_MOST: Final = 32


class Threads:
    """Threads of a store's own, which end with it.

    The event loop's own are few, and look up the names of hosts: a store that is slow would have
    all of them wait.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._executor = ThreadPoolExecutor(_MOST, thread_name_prefix="cfbilling-store")

    async def do(self, work: Callable[[], T]) -> T:
        """Do blocking work in a thread; cancelled meanwhile, it still waits for the thread."""
        if self._process != os.getpid():
            # Of a fork: what was there believes in threads that are not, and waits for them.
            self._begin()
        return await in_thread(work, self._executor)

    @asynccontextmanager
    async def held(
        self, acquire: Callable[[], T], release: Callable[[T], None]
    ) -> AsyncGenerator[T, None]:
        """Get something in a thread and give it back in one, also if cancelled while getting it."""
        got: list[T] = []
        try:
            await self.do(lambda: got.append(acquire()))
            yield got[0]
        finally:
            for item in got:
                await self.do(partial(release, item))
