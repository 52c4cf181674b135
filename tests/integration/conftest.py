"""What the tests of whole requests share."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
async def loop_without_debug() -> None:
    """Let the event loop record no stacks, for tests that make thousands of requests.

    In debug mode, asyncio and aiohttp take down the stack at each callback, socket and request: two
    thirds of the time of such a test. The same code runs in debug mode in every other test.
    """
    asyncio.get_running_loop().set_debug(False)
