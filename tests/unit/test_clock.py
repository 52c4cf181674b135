import asyncio
import time
from datetime import UTC, datetime

import attrs
import pytest

from cfbilling.options import Clock


def test_now_is_aware() -> None:
    """The present moment is in UTC."""
    assert Clock().now().tzinfo is UTC


def test_the_defaults_are_the_real_ones() -> None:
    """Without arguments, a clock measures and waits with the system's own functions."""
    clock = Clock()
    assert (time.monotonic, asyncio.sleep) == (clock.monotonic, clock.sleep)


async def test_each_part_can_be_replaced() -> None:
    """A clock tells and waits by what it was given."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    moment = datetime(2025, 1, 1, tzinfo=UTC)
    clock = Clock(now=lambda: moment, monotonic=lambda: 7.0, sleep=sleep)
    await clock.sleep(3.5)
    assert (moment, 7.0, [3.5]) == (clock.now(), clock.monotonic(), waits)


def test_it_is_frozen() -> None:
    """A clock cannot be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Clock().monotonic = lambda: 0.0  # type: ignore[misc]
