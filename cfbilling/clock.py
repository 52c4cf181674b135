"""Time, as something that is passed in: what waits or dates takes a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs

__all__ = ["Clock"]


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class Clock:
    """The three things that depend on time.

    Attributes:
        now: The present moment, aware.
        monotonic: Seconds since some moment, never going back.
        sleep: Waits for so many seconds.
    """

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
