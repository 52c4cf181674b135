"""An async generator as a plain one, for who has no event loop, or must not wait in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from threading import Thread
from typing import Generic, TypeVar

__all__ = ["pulled"]

T = TypeVar("T")


def pulled(make: Callable[[], AsyncGenerator[T, None]]) -> Generator[T, None, None]:
    """Yield what an async generator yields, in an event loop of its own in a thread of its own.

    Args:
        make: Makes the async generator; it is closed with this one, or when this one is left.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="cfbilling", daemon=True)
    thread.start()
    steps = _Steps(make())
    try:
        while item := asyncio.run_coroutine_threadsafe(steps.next(), loop).result():
            yield item[0]
    finally:
        try:
            asyncio.run_coroutine_threadsafe(steps.end(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class _Steps(Generic[T]):
    def __init__(self, items: AsyncGenerator[T, None]) -> None:
        self._items = items
        self._step: asyncio.Task[object] | None = None

    async def next(self) -> tuple[T] | None:
        self._step = asyncio.current_task()
        try:
            return (await anext(self._items),)
        except StopAsyncIteration:
            return None

    async def end(self) -> None:
        # Whoever is interrupted while it waits leaves a step under way.
        if self._step is not None and not self._step.done():
            self._step.cancel()
            await asyncio.wait([self._step])
        try:
            await self._items.aclose()
        finally:
            loop = asyncio.get_running_loop()
            await loop.shutdown_asyncgens()
            await loop.shutdown_default_executor()
