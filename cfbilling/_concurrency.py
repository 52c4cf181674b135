"""The owner of what is under way, a queue that can be closed, and turns of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from time import perf_counter
from typing import Any, Generic, TypeVar, cast

from cfbilling.errors import ConfigurationError

__all__ = ["CLOSED", "SMALL", "Buffer", "Tasks", "Turns"]

T = TypeVar("T")

CLOSED = "the client was closed while this stream was open"


class _Interruptible:
    """Work of ours in a task of somebody else's, who is not cancelled by what ends it.

    Args:
        task: The task.

    Attributes:
        left: Done when the work was left; ``None`` while nobody interrupted it.
    """

    __slots__ = ("_before", "_is_cancelled", "_task", "left")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._before = task.cancelling()
        self._is_cancelled = False
        self.left: asyncio.Future[None] | None = None

    def interrupt(self) -> asyncio.Future[None]:
        """Cancel the work; return what is done when it was left."""
        if self.left is None:
            loop = asyncio.get_running_loop()
            self.left = loop.create_future()
            # An eager task may close the client amid a step of this one, which ends first.
            loop.call_soon(self._cancel, self.left)
        return self.left

    def _cancel(self, left: asyncio.Future[None]) -> None:
        if not left.done():
            self._is_cancelled = True
            self._task.cancel()

    def leave(self) -> bool:
        """Take an interruption back from the task; return whether nobody else cancelled it."""
        if self.left is None or self.left.done():
            return False
        self.left.set_result(None)
        return self._is_cancelled and self._task.uncancel() <= self._before


class Tasks:
    """Starts what is to end with the client, and ends what is left of it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._interruptible: set[_Interruptible] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task; it is held until it is done.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        self._check_open(work)
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _check_open(self, work: Coroutine[Any, Any, Any]) -> None:
        if self._is_closed:
            work.close()
            raise ConfigurationError(CLOSED)

    async def here(self, work: Coroutine[Any, Any, T]) -> T:
        """Do a piece of work in the caller's own task; one for it alone would cost more.

        Raises:
            ConfigurationError: If the client was closed meanwhile.
        """
        self._check_open(work)
        caller = cast("asyncio.Task[Any]", asyncio.current_task())
        if caller in self._running:
            # It ends with the client by itself.
            return await work
        doing = _Interruptible(caller)
        self._interruptible.add(doing)
        try:
            return await work
        except asyncio.CancelledError:
            if doing.leave():
                raise ConfigurationError(CLOSED) from None
            raise
        finally:
            doing.leave()
            self._interruptible.discard(doing)

    async def outcome(self, task: asyncio.Task[T]) -> T:
        """Wait for a task and return its result; whoever is cancelled meanwhile cancels it.

        Raises:
            ConfigurationError: If the client was closed meanwhile. The caller must not see that as
                a cancellation of its own, also if it was cancelled once before and went on.
        """
        caller = asyncio.current_task()
        before = 0 if caller is None else caller.cancelling()
        try:
            return await task
        except asyncio.CancelledError:
            is_cancelled = caller is not None and caller.cancelling() > before
            # A signal may have cancelled the caller while it ran: then it is told only here.
            if is_cancelled or not self._is_closed:
                raise
            raise ConfigurationError(CLOSED) from None

    async def close(self) -> None:
        """End all that is under way and start no more."""
        self._is_closed = True
        leaving = [doing.interrupt() for doing in self._interruptible]
        await self.end(self._running)
        if leaving:
            await asyncio.wait(leaving)

    async def end(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel tasks and wait until they are done."""
        ending = set(tasks)
        for task in ending:
            task.cancel()
            # By a callback, since who waits here may be cancelled.
            task.add_done_callback(_look_at)
        if ending:
            await asyncio.wait(ending)


def _look_at(task: asyncio.Task[Any]) -> None:
    """Look at what became of a task, so that asyncio does not complain of nobody having done so."""
    if not task.cancelled():
        task.exception()


class Buffer(Generic[T]):
    """Items on their way, at most so many.

    Args:
        limit: The most items that may wait before producers have to.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[T] = deque()
        self._is_closed = False
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    async def put(self, item: T) -> None:
        """Add an item, when there is room for it."""
        while len(self._items) >= self._limit:
            self._drained.clear()
            await self._drained.wait()
        self._items.append(item)
        self._filled.set()

    async def wait(self) -> bool:
        """Wait for an item; return whether there is one. There is none after the last."""
        while not self._items and not self._is_closed:
            self._filled.clear()
            await self._filled.wait()
        return bool(self._items)

    def take(self) -> T:
        """Return the item that was waited for."""
        self._drained.set()
        return self._items.popleft()

    def close(self) -> None:
        """Say that nothing comes any more."""
        self._is_closed = True
        self._filled.set()


SMALL = 16 * 1024
"""Bytes that are not worth asking for a turn: the work on them is a small part of one."""

_SECONDS_OF_WORK = 0.001


class Turns:
    """Shares about a millisecond of work in each iteration of the loop among all who ask.

    One millisecond for each task would be many for a client with many tasks. So they share one
    budget; who comes when it is spent waits in line, and each iteration lets one go on.

    Args:
        timer: The clock that work is measured by.
    """

    def __init__(self, timer: Callable[[], float] = perf_counter) -> None:
        self._timer = timer
        self._line: deque[asyncio.Future[None]] = deque()
        self._began = 0.0
        self._is_counting = False

    async def take(self) -> None:
        """Return when a piece of work may be done; the piece should take well below the budget."""
        loop = asyncio.get_running_loop()
        if not self._is_counting:
            self._is_counting = True
            self._began = self._timer()
            loop.call_soon(self._next, loop)
        elif self._line or self._timer() - self._began > _SECONDS_OF_WORK:
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
        self._began = self._timer()
        loop.call_soon(self._next, loop)
