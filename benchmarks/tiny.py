"""Many tiny bodies, several in flight: against the official SDK, and against bare aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

from benchmarks.harness.contenders import OfficialSdk, Ours, RawHttp
from benchmarks.harness.equality import assert_same_as_sdk
from benchmarks.harness.figures import Figure, Setup, at_least, at_most
from benchmarks.harness.servers import Work
from benchmarks.harness.stopwatch import Rounds, in_turn

__all__ = ["tiny"]

_IN_FLIGHT = 16
_SLOW_CLIENT = 8
"""How many times fewer requests the SDK has to make: it would only take longer."""


def _many(
    get: Callable[[], Awaitable[object]], requests: int
) -> Callable[[], Awaitable[list[None]]]:
    async def run() -> list[None]:
        slots = asyncio.Semaphore(_IN_FLIGHT)

        async def one() -> None:
            async with slots:
                await get()

        return await asyncio.gather(*(one() for _ in range(requests)))

    return run


async def _measured(work: Work, body: bytes, requests: int, rounds: int) -> dict[str, Rounds]:
    async with (
        Ours.client_for(work, _IN_FLIGHT) as client,
        OfficialSdk.client_for(work) as sdk_client,
        aiohttp.ClientSession() as session,
    ):
        ours, sdk, raw = Ours(client, work), OfficialSdk(sdk_client, work), RawHttp(session, work)
        assert_same_as_sdk(await ours.collect(), await sdk.collect())
        assert await sdk.wire_bytes() == len(body)
        costs = await in_turn(
            rounds,
            {
                "ours": _many(ours.one_by_one, requests),
                "raw": _many(raw.read, requests),
                "sdk": _many(sdk.collect, requests // _SLOW_CLIENT),
            },
        )
    return {
        name: taken.per(requests // _SLOW_CLIENT if name == "sdk" else requests)
        for name, taken in costs.items()
    }


def tiny(setup: Setup) -> Iterator[Figure]:
    """Measure requests for one record each."""
    work, body = setup.servers.work(1, 1)
    costs = asyncio.run(
        _measured(
            work,
            body,
            requests=160 if setup.quick else 480,
            rounds=2 if setup.quick else 30,
        )
    )
    ours, raw, sdk = costs["ours"], costs["raw"], costs["sdk"]
    yield Figure("ours, requests per second", 1 / ours.wall, "1/s")
    yield Figure("bare aiohttp, requests per second", 1 / raw.wall, "1/s")
    yield Figure("the SDK, requests per second", 1 / sdk.wall, "1/s")
    yield Figure("ours, CPU per request", ours.cpu * 1e6, "us")
    yield Figure("bare aiohttp, CPU per request", raw.cpu * 1e6, "us")
    yield Figure("the SDK, CPU per request", sdk.cpu * 1e6, "us")
    yield Figure("requests per second against the SDK", sdk.times(ours), "x", at_least(7))
    yield Figure("requests per CPU second against the SDK", sdk.times(ours, "cpu"), "x")
    yield Figure("CPU against bare aiohttp", ours.times(raw, "cpu"), "x", at_most(1.75))
