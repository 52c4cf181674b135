import asyncio
import json

import pytest

from cfbilling.sandbox import Fault, Sandbox
from tests.sandbox.conftest import Fetch, Gate, Raw, ask, opened, usage_path


async def names(reader: asyncio.StreamReader) -> set[str]:
    """Read one response, and return the accounts in its records."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    result = json.loads(await reader.readexactly(length))["result"]
    return {record["BillingAccountId"] for record in result}


async def test_interim_responses_come_first(fetch: Fetch, raw: Raw) -> None:
    """Any number of interim heads can stand before the real one, and a client skips them."""
    async with Sandbox() as sandbox:
        fault = Fault(interim=(100, 102, 103, 102))
        sandbox.faults.add(fault, fault)
        first, rest, _ = await raw(sandbox, usage_path(sandbox))
        assert first == b"HTTP/1.1 100 Continue"
        second, third, fourth, real, body = rest.split(b"\r\n\r\n")
        assert second == fourth == b"HTTP/1.1 102 Processing"
        assert third.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: ")
        assert real.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await fetch(sandbox, usage_path(sandbox)))[::2] == (200, body)
        assert sandbox.statuses == {200: 2}


@pytest.mark.parametrize("status", [100, 102, 103])
async def test_silence_can_follow_an_interim_response(status: int) -> None:
    """After an interim head nothing comes until the event is set."""
    gate = Gate()
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(interim=(status,), until=gate))
        reader, writer = await opened(sandbox, usage_path(sandbox))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 %d " % status)
        await gate.reached.wait()
        assert not reader._buffer  # type: ignore[attr-defined]
        gate.set()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


@pytest.mark.parametrize("status", [101, 200])
def test_an_interim_status_is_one_that_ends_nothing(status: int) -> None:
    """A final status, or one that leaves HTTP, is no interim status."""
    with pytest.raises(ValueError, match="interim"):
        Fault(interim=(status,))


async def test_a_response_can_follow_that_nobody_asked_for() -> None:
    """The usage of another account follows a complete response, and takes the next one's place."""
    gate = Gate()
    async with Sandbox(compression="off") as sandbox:
        asked, other = sandbox.account_ids[:2]
        sandbox.faults.add(Fault(unsolicited=other, unsolicited_until=gate))
        reader, writer = await opened(sandbox, usage_path(sandbox))
        assert await names(reader) == {asked}
        await gate.reached.wait()
        assert not reader._buffer  # type: ignore[attr-defined]
        ask(writer, sandbox, usage_path(sandbox))
        gate.set()
        assert await names(reader) == {other}
        assert await names(reader) == {asked}
        assert sandbox.statuses == {200: 2}
        assert len(sandbox.requests) == 2
        writer.close()


async def test_nothing_follows_on_a_connection_that_ends(raw: Raw) -> None:
    """Only a connection that stays open brings what nobody asked for."""
    async with Sandbox() as sandbox:
        _, honest, _ = await raw(sandbox, usage_path(sandbox))
        sandbox.faults.add(Fault(unsolicited=sandbox.account_ids[1]))
        _, body, reset = await raw(sandbox, usage_path(sandbox))
        assert (body, reset) == (honest, False)
