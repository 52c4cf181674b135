"""One large gzip body into records: against the official SDK, and against the floor."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

from benchmarks.harness.contenders import OfficialSdk, Ours
from benchmarks.harness.equality import assert_same_as_floor, assert_same_as_sdk
from benchmarks.harness.figures import Figure, Setup, at_least
from benchmarks.harness.floor import FloorRecord, decode_at_once, wire_values
from benchmarks.harness.servers import Work
from benchmarks.harness.stopwatch import Rounds, in_turn

__all__ = ["large"]

_WAYS = {"batches()": "batches", "async for": "one_by_one"}
# What is installed beside the package: the extra `speed`, one of its two, or nothing.
_INSTALLED = {
    "speed": (),
    "isal": ("simdjson",),
    "no extra": ("simdjson", "isal", "isal.isal_zlib"),
}
_AIMS = {"speed": at_least(22), "isal": at_least(20), "no extra": None}


@contextmanager
def _hidden(modules: tuple[str, ...]) -> Iterator[None]:
    """Make modules look as if they were not installed."""
    real = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]  # None: cannot be imported
    yield
    for name, module in real.items():
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module


async def _ours(stack: AsyncExitStack, work: Work, hidden: tuple[str, ...]) -> Ours:
    with _hidden(hidden):
        return Ours(await stack.enter_async_context(Ours.client_for(work)), work)


async def _checked(ours: Ours, sdk: OfficialSdk, body: bytes) -> None:
    records = await ours.collect()
    assert_same_as_sdk(records, await sdk.collect())
    assert_same_as_floor(records, map(wire_values, decode_at_once(body)))
    assert await sdk.wire_bytes() == len(body)


async def _measured(work: Work, body: bytes, rounds: int) -> dict[str, Rounds]:
    async def floor() -> list[FloorRecord]:
        return decode_at_once(body)

    async with AsyncExitStack() as stack:
        sdk = OfficialSdk(await stack.enter_async_context(OfficialSdk.client_for(work)), work)
        contenders: dict[str, Callable[[], Awaitable[object]]] = {"floor": floor}
        for installed, hidden in _INSTALLED.items():
            ours = await _ours(stack, work, hidden)
            await _checked(ours, sdk, body)
            for way, method in _WAYS.items():
                contenders[f"{way}, {installed}"] = getattr(ours, method)
        contenders["collect(), speed"] = (await _ours(stack, work, ())).collect
        costs = await in_turn(rounds, contenders)
        # The SDK takes so long that it is compared with one of ours only, but in as many rounds:
        # one round's ratio may be a third off the next one's.
        pair = {"beside": contenders["batches(), speed"], "sdk": sdk.collect}
        return costs | await in_turn(rounds, pair)


def large(setup: Setup) -> Iterator[Figure]:
    """Measure one body of about 10 MB of JSON."""
    work, body = setup.servers.work(33 if setup.quick else 330, 31)
    costs = asyncio.run(_measured(work, body, rounds=3 if setup.quick else 24))
    json_bytes = len(zlib.decompress(body, 16 + zlib.MAX_WBITS))
    yield Figure("JSON in the body", json_bytes / 1e6, "MB")
    yield Figure("the same as gzip", len(body) / 1e6, "MB")
    for way, cost in costs.items():
        if way != "beside":
            yield Figure(f"{way}, records per second", work.records / cost.wall, "1/s")
    # Each ratio is of what ran beside each other, so what the machine did meanwhile cancels out.
    sdk, beside = costs["sdk"].times(costs["beside"]), costs["batches(), speed"]
    ours = [f"{way}, {installed}" for installed in _INSTALLED for way in _WAYS]
    for way in ours:
        aim = _AIMS[way.partition(", ")[2]]
        yield Figure(f"{way}: against the SDK", sdk * beside.times(costs[way]), "x", aim)
    for way in ours:
        aim = at_least(0.7) if way.endswith(", speed") else None
        yield Figure(f"{way}: against the floor", costs["floor"].times(costs[way]), "x", aim)
