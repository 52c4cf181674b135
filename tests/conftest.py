"""What every test may use: no credentials of the machine, a client on a sandbox, no waiting."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Self

import pytest
from hypothesis import settings

from cfbilling import ApiToken, BillingClient, Clock, RetryPolicy
from cfbilling.sandbox import Sandbox

settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CLOUDFLARE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _short_stacks() -> Iterator[None]:
    """Keep one frame of where each callback came from: ten take a tenth of all time or more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asyncio.constants.DEBUG_STACK_DEPTH", 1)
        yield


class OtherTurns:
    """Counts the turns of the event loop that something else gets; a context manager.

    Attributes:
        count: How many there were.
    """

    def __init__(self) -> None:
        self.count = 0

    async def __aenter__(self) -> Self:
        self._counting = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._counting.cancel()

    async def _run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


class Waits:
    """A clock that moves only when it is waited for, and remembers what it was asked to wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.now = 0.0
        self.clock = Clock(now=lambda: NOW, monotonic=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now += seconds


@pytest.fixture
def waits() -> Waits:
    """A clock for a client, and what it was asked to wait."""
    return Waits()


ClientMaker = Callable[..., BillingClient]


@pytest.fixture
def client_for(waits: Waits) -> ClientMaker:
    """Make a client for a sandbox that never really waits."""

    def make(sandbox: Sandbox, **settings: object) -> BillingClient:
        chosen: dict[str, object] = {
            "base_url": sandbox.base_url,
            "clock": waits.clock,
            "retry": RetryPolicy(attempts=3),
        }
        chosen.update(settings)
        credentials = chosen.pop("credentials", ApiToken(sandbox.api_token))
        return BillingClient(credentials, **chosen)  # type: ignore[arg-type]  # checked by the client

    return make
