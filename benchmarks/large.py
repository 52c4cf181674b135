"""One large gzip body into records: against the official SDK, and against the floor."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from benchmarks.harness.contenders import OfficialSdk, Ours
from benchmarks.harness.equality import assert_same_as_floor, assert_same_as_sdk
from benchmarks.harness.figures import Figure, Setup, at_least
from benchmarks.harness.floor import FloorRecord, decode_at_once, wire_values
from benchmarks.harness.servers import Work
from benchmarks.harness.stopwatch import Cost, best_of

__all__ = ["large"]

_WAYS = {"batches()": "batches", "async for": "one_by_one", "collect()": "collect"}
_AIMED_AT = ("batches()", "async for")


async def _checked(ours: Ours, sdk: OfficialSdk, body: bytes) -> None:
    records = await ours.collect()
    assert_same_as_sdk(records, await sdk.collect())
    assert_same_as_floor(records, map(wire_values, decode_at_once(body)))
    assert await sdk.wire_bytes() == len(body)


async def _measured(work: Work, body: bytes, rounds: int) -> dict[str, Cost]:
    async def floor() -> list[FloorRecord]:
        return decode_at_once(body)

    async with Ours.client_for(work) as client, OfficialSdk.client_for(work) as sdk_client:
        ours, sdk = Ours(client, work), OfficialSdk(sdk_client, work)
        await _checked(ours, sdk, body)
        contenders = {way: getattr(ours, method) for way, method in _WAYS.items()}
        costs = await best_of(rounds, {**contenders, "floor": floor})
        return costs | await best_of(
            max(2, rounds // 3), {"batches()": ours.batches, "sdk": sdk.collect}
        )


def large(setup: Setup) -> Iterator[Figure]:
    """Measure one body of about 10 MB of JSON."""
    work, body = setup.servers.work(33 if setup.quick else 330, 31)
    costs = asyncio.run(_measured(work, body, rounds=3 if setup.quick else 12))
    json_bytes = len(zlib.decompress(body, 16 + zlib.MAX_WBITS))
    yield Figure("JSON in the body", json_bytes / 1e6, "MB")
    yield Figure("the same as gzip", len(body) / 1e6, "MB")
    for way in ("sdk", "floor", *_WAYS):
        yield Figure(f"{way}, records per second", work.records / costs[way].wall, "1/s")
    for way in _WAYS:
        aim = at_least(20) if way in _AIMED_AT else None
        yield Figure(f"{way} against the SDK", costs["sdk"].wall / costs[way].wall, "x", aim)
    for way in _WAYS:
        aim = at_least(0.6) if way in _AIMED_AT else None
        yield Figure(f"{way} against the floor", costs["floor"].wall / costs[way].wall, "x", aim)
