"""Blocking work beside the event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from cfbilling._concurrency import in_thread

__all__ = ["held"]

T = TypeVar("T")


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
