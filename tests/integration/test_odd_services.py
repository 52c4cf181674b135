"""Services that are odder than the sandbox: hand-written bytes, and what must come of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from cfbilling import (
    ApiToken,
    BillingClient,
    ConfigurationError,
    RateLimited,
    RetryPolicy,
    ServerError,
    TransportError,
)
from cfbilling.protocol.proof import JsonProof
from cfbilling.protocol.slices import Slicer
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import Waits
from tests.integration.test_session import ACCOUNT, Answer, byte_server

ONCE = RetryPolicy(attempts=1)


def _answering(*responses: bytes) -> Answer:
    left = list(responses)

    async def send(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return send


def _response(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _body(rows: list[Any]) -> bytes:
    return json.dumps({"errors": [], "result": rows, "success": True}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "row",
    [
        {"Items": [{"n": n, "of": {"m": n}} for n in range(60)], "ConsumedUnit": "x"},
        {"Tags": {"json": json.dumps([{"n": n} for n in range(30)])}, "ConsumedUnit": "x"},
        {"ChargeDescription": "}" * 50, "ConsumedUnit": "},{" * 20},
        {"ChargeDescription": '{"ChargeDescription"' * 9},
    ],
    ids=["nested", "json-in-tags", "braces", "own-beginning"],
)
def test_slices_stay_small_whatever_is_in_a_record(row: Any) -> None:
    """Records full of braces are cut into slices of about the size asked for."""
    rows = [row] * 2_000
    body, slicer = _body(rows), Slicer(16 * 1024, JsonProof())
    slices = [text for n in range(0, len(body), 4096) for text in slicer.feed(body[n : n + 4096])]
    slices.append(slicer.finish().last_slice)
    assert rows == [found for text in slices for found in json.loads(text)]
    assert max(map(len, slices)) <= 40 * 1024


async def test_a_corrupt_gzip_body_is_fetched_again_wherever_it_shows(waits: Waits) -> None:
    """Corruption that breaks a text before it breaks the checksum is corruption all the same."""
    rows = [{"ConsumedUnit": f"ü{n}" * 40} for n in range(3_000)]
    whole = gzip.compress(_body(rows), compresslevel=0)
    broken = bytearray(whole)
    broken[broken.index("ü7".encode())] = 0xFF
    async with (
        byte_server(
            _answering(
                _response(bytes(broken), Content_Encoding="gzip"),
                _response(whole, Content_Encoding="gzip"),
            )
        ) as url,
        BillingClient(ApiToken("t"), base_url=url, clock=waits.clock) as client,
    ):
        records = await client.usage(ACCOUNT).collect()
    assert [row["ConsumedUnit"] for row in rows] == [r.consumed_unit for r in records]
    assert len(waits.seconds) == 1


@pytest.mark.parametrize("coding", ["compress", "utf-8", "gzip, gzip", "none"])
async def test_a_refusal_in_an_unknown_coding_is_still_that_refusal(coding: str) -> None:
    """A proxy's error page is judged by its status, whatever coding it claims."""
    page = b"<html>no</html>"
    for status, kind in (("502 Bad Gateway", ServerError), ("429 Too Many", RateLimited)):
        answer = _response(page, status, Content_Encoding=coding, Retry_After="7")
        async with (
            byte_server(_answering(answer)) as url,
            BillingClient(
                ApiToken("t"), base_url=url, retry=RetryPolicy(attempts=1, budget=0)
            ) as client,
        ):
            with pytest.raises(kind) as caught:
                await client.billing_profile(ACCOUNT)
            assert caught.value.retry_after == 7


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


async def test_a_client_that_is_closed_does_nothing_more() -> None:
    """With a lent session, streams and calls of a closed client end; they do not go on."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        held = asyncio.Event()
        sandbox.faults.add(Fault(endpoint="billing_profile", until=held, times=None))
        client = BillingClient(
            ApiToken(sandbox.api_token), base_url=sandbox.base_url, session=session, retry=ONCE
        )
        async with client:
            stream = client.usage(sandbox.account_ids[0], "2025-01-01", "2025-02-01")
            call = asyncio.ensure_future(client.billing_profile(sandbox.account_ids[0]))
            await _until(lambda: len(sandbox.requests) == 1)
        with pytest.raises(ConfigurationError, match="closed"):
            await call
        with pytest.raises(ConfigurationError, match="closed"):
            await stream.collect()
        assert len(sandbox.requests) == 1
        held.set()


async def test_an_open_client_is_not_opened_again() -> None:
    """Entering a client twice is a clear error; after closing it may be entered again."""
    async with Sandbox() as sandbox:
        client = BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url)
        for _ in range(2):
            async with client:
                with pytest.raises(ConfigurationError, match="open already"):
                    await client.__aenter__()
                assert (await client.billing_profile(sandbox.account_ids[0])).id


async def test_a_client_is_not_opened_while_it_closes() -> None:
    """Entering a client that is still being closed is a clear error, and leaves nothing open."""
    async with Sandbox() as sandbox:
        client = BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url)
        async with client:
            stream = client.usage(sandbox.account_ids[0], "2025-01-01", "2025-12-01")
            await anext(stream)
            closings = [asyncio.ensure_future(client.aclose()) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(ConfigurationError, match="being closed"):
                await client.__aenter__()
            await asyncio.gather(*closings)
        async with client:
            assert (await client.billing_profile(sandbox.account_ids[0])).id


async def test_closing_a_stream_that_another_task_iterates_is_told() -> None:
    """Who closes a stream that somebody else waits for is told to cancel that instead."""
    held = asyncio.Event()
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(until=held, times=None))
        async with BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client:
            stream = client.usage(sandbox.account_ids[0], "2025-01-01", "2025-02-01")
            waiting = asyncio.ensure_future(anext(stream))
            await _until(lambda: len(sandbox.requests) == 1)
            with pytest.raises(ConfigurationError, match="another task"):
                await stream.aclose()
            waiting.cancel()
            await asyncio.wait((waiting,))
            held.set()


async def test_a_hanging_name_resolution_times_out() -> None:
    """The time to connect includes the time to find the address."""

    class Hanging(AbstractResolver):
        async def resolve(self, *_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        async def close(self) -> None:
            """Have nothing to close."""

    client = BillingClient(
        ApiToken("t"), base_url="https://api.example.test", retry=ONCE, timeout=0.05
    )
    async with client:
        connector = client._session._session.connector  # type: ignore[union-attr]  # it is open
        connector._resolver = Hanging()  # type: ignore[union-attr]  # as it is ours
        with pytest.raises(TransportError, match="timed out"):
            await client.billing_profile(ACCOUNT)


async def test_cleaning_up_survives_a_cancellation() -> None:
    """Closing a stream that is itself cancelled leaves nothing running and no room taken."""
    async with (
        Sandbox() as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            concurrency=4,
            slice_bytes=2_000,
            spool_bytes=10_000,
        ) as client,
    ):
        stream = client.usage(sandbox.account_ids[0], "2024-01-01", "2025-01-01")
        await anext(stream)
        closing = asyncio.ensure_future(stream.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait((closing,))
        await _until(lambda: not client._opened().tasks._running)
        room = client._opened().fetcher._receiver._room
        await _until(lambda: not room._open)
        assert room._free == 10_000
