"""The owner of a client's tasks: none outlives it, and no outcome of one gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from cfbilling.errors import ConfigurationError

__all__ = ["Tasks", "outcome"]

T = TypeVar("T")


class Tasks:
    """Starts tasks, and ends those that are left."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task; it is held until it is done.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        if self._is_closed:
            work.close()
            raise ConfigurationError("the client was closed while this stream was open")
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        """End all tasks and start no more."""
        self._is_closed = True
        await self.end(self._running)

    async def end(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel tasks and wait until they are done."""
        ending = set(tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        for task in ending:
            if not task.cancelled():
                task.exception()


async def outcome(task: asyncio.Task[T]) -> T:
    """Wait for a task of ours and return its result; whoever is cancelled meanwhile cancels it.

    Raises:
        ConfigurationError: If the client was closed meanwhile. The caller must not see that as a
            cancellation of its own.
    """
    try:
        return await task
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise ConfigurationError("the client was closed while this stream was open") from None
