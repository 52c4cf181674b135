"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

__all__ = ["held", "in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work in a thread.

    Cancelled meanwhile, it still waits for the thread, since that cannot be stopped and must not
    write behind the back of who cleans up; then it is cancelled.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work)
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


@asynccontextmanager
async def held(acquire: Callable[[], T], release: Callable[[T], None]) -> AsyncGenerator[T, None]:
    """Get something in a thread, and give it back in one, also if cancelled while getting it."""
    got: list[T] = []
    try:
        await in_thread(lambda: got.append(acquire()))
        yield got[0]
    finally:
        for item in got:
            await in_thread(partial(release, item))
