import asyncio
import json
import zlib

import aiohttp
import pytest

from cfbilling.sandbox import Clock, Fault, Sandbox
from tests.sandbox.conftest import Fetch, Gate, Raw, dechunked, opened, usage_path

GZIP = "Accept-Encoding: gzip\r\n"


@pytest.mark.parametrize("records", [2, 200])
async def test_a_trickle_comes_in_small_steps(raw: Raw, records: int) -> None:
    """A body can come a few bytes at a time, with the clock's sleep in between."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async with Sandbox(records_per_day=records, clock=Clock(sleep=sleep)) as sandbox:
        _, whole, _ = await raw(sandbox, usage_path(sandbox))
        sandbox.faults.add(Fault(trickle=100, trickle_delay=0.25))
        _, body, _ = await raw(sandbox, usage_path(sandbox))
        if records > 100:
            body, whole = dechunked(body), dechunked(whole)
        assert body == whole
        assert set(slept) == {0.25}
        assert len(slept) >= len(whole) // 100


@pytest.mark.parametrize("headers", ["", GZIP])
async def test_a_trickle_can_wait_for_the_test(headers: str) -> None:
    """With a clock of the test, each byte of a body leaves when the test lets go."""
    steps: asyncio.Queue[float] = asyncio.Queue()
    released = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        steps.put_nowait(seconds)
        await released.acquire()

    async with Sandbox(records_per_day=1, clock=Clock(sleep=sleep)) as sandbox:
        sandbox.faults.add(Fault(trickle=1, trickle_delay=60))
        reader, writer = await opened(sandbox, usage_path(sandbox), headers)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        body = b""
        while len(body) < length:
            body += await reader.readexactly(1)
            assert await steps.get() == 60
            assert not reader._buffer  # type: ignore[attr-defined]
            released.release()
        inflated = zlib.decompress(body, 16 + zlib.MAX_WBITS) if headers else body
        assert len(json.loads(inflated)["result"]) == 1
        writer.close()


async def test_an_answer_can_be_delayed_and_held(fetch: Fetch) -> None:
    """A delay goes through the clock; an event holds the answer until the test lets go."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    gate = Gate()
    async with Sandbox(clock=Clock(sleep=sleep)) as sandbox:
        sandbox.faults.add(Fault(delay=3600, until=gate))
        path = usage_path(sandbox)
        held = asyncio.create_task(fetch(sandbox, path))
        await gate.reached.wait()
        assert (await fetch(sandbox, path))[0] == 200
        assert not held.done()
        assert slept == [3600]
        gate.set()
        assert (await held)[0] == 200


@pytest.mark.parametrize("place", [0, 300, None])
async def test_a_body_can_be_held_in_the_middle(place: int | None) -> None:
    """Bytes before the holding place arrive at once, the rest when the event is set."""
    gate = asyncio.Event()
    async with (
        Sandbox(records_per_day=2, compression="off") as sandbox,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {sandbox.api_token}"}) as session,
    ):
        async with session.get(sandbox.base_url + usage_path(sandbox)) as response:
            whole = await response.read()
        place = len(whole) if place is None else place
        sandbox.faults.add(Fault(until=gate, hold_at=place, trickle=64))
        async with session.get(sandbox.base_url + usage_path(sandbox)) as response:
            assert await response.content.readexactly(place) == whole[:place]
            for _ in range(20):
                await asyncio.sleep(0)
            assert not response.content._buffer
            gate.set()
            assert await response.content.read() == whole[place:]


async def test_a_straggler_is_counted_when_it_arrives(fetch: Fetch) -> None:
    """Nothing, or the head alone, is sent until the event is set; the quota knows at once."""
    gates = Gate(), Gate()
    async with Sandbox(quota=4) as sandbox:
        sandbox.faults.add(Fault(until=gates[0]), Fault(until=gates[1], hold_at=0))
        silent, first = await opened(sandbox, usage_path(sandbox))
        await gates[0].reached.wait()
        headed, second = await opened(sandbox, usage_path(sandbox))
        head = await headed.readuntil(b"\r\n\r\n")
        await gates[1].reached.wait()
        assert b'Ratelimit: "default";r=2;' in head
        assert not silent._buffer  # type: ignore[attr-defined]
        assert not headed._buffer  # type: ignore[attr-defined]
        _, headers, _ = await fetch(sandbox, usage_path(sandbox))
        assert headers["Ratelimit"].startswith('"default";r=1;')
        for gate, reader in zip(gates, (silent, headed), strict=True):
            gate.set()
            assert (await reader.readuntil(b'"success":true}')).count(b"ConsumedUnit") == 12
        first.close()
        second.close()
