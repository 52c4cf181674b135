"""Many questions at once, their answers in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["in_order"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


async def in_order(
    items: AsyncIterator[Item], ask: Callable[[Item], Coroutine[Any, Any, Answer]], most: int
) -> AsyncGenerator[Answer, None]:
    """Yield the answer about each item, in the order of the items.

    Args:
        items: The items, taken as there is room for them.
        ask: What asks about one of them.
        most: The most questions at once.
    """
    asked: deque[asyncio.Task[Answer]] = deque()
    try:
        async for item in items:
            asked.append(asyncio.create_task(ask(item)))
            if len(asked) >= most:
                yield await asked.popleft()
        while asked:
            yield await asked.popleft()
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
