"""Long work beside the event loop, which it makes way for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

__all__ = ["Beside", "in_thread"]

T = TypeVar("T")


class Beside:
    """Does long work in threads, no more at once than leaves the event loop a processor.

    A loop without one of its own waits for the scheduler each time that it wakes up: milliseconds.

    Args:
        processors: How many there are; ``None`` for those that this process may use.
    """

    def __init__(self, processors: int | None = None) -> None:
        places = max(1, (processors or _processors()) - 1)
        self._places = asyncio.Semaphore(places)
        # Of its own, since what is set for a thread would stay set for whoever has it next.
        self._threads = ThreadPoolExecutor(places, "cfbilling-beside", _make_way)

    async def do(self, work: Callable[[], T]) -> T:
        """Do blocking work in a thread, when it is its turn; cancelled like `in_thread`."""
        async with self._places:
            return await in_thread(work, self._threads)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _make_way() -> None:
    """Have the event loop's thread go on when this one wakes up, where a scheduler can be told so.

    Linux puts both on one processor even if another is idle, and for milliseconds.
    """
    if hasattr(os, "SCHED_BATCH"):
        # Not every C library has it, and a sandbox may forbid it.
        with suppress(OSError):
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def in_thread(work: Callable[[], T], executor: Executor) -> T:
    """Do blocking work in a thread of an executor.

    Cancelled meanwhile, it still waits for the thread, since that cannot be stopped and must not
    write behind the back of who cleans up; then it is cancelled.
    """
    future = asyncio.get_running_loop().run_in_executor(executor, work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()
