"""Time as the sandbox sees it, so that a test can stand in for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from attrs import frozen

__all__ = ["Clock"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@frozen
class Clock:
    """Where the sandbox takes its time from.

    Attributes:
        now: Function that returns the wall time, aware and in UTC; decides what "today" is.
        monotonic: Function that returns seconds that never go back; decides when a window ends.
        sleep: Coroutine function that waits for so many seconds.
    """

    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = _sleep
