"""A bounded buffer between tasks that produce and one that consumes; it can be closed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Buffer"]

T = TypeVar("T")


class Buffer(Generic[T]):
    """Items on their way, at most so many.

    Args:
        limit: How many may wait before producers have to.
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
