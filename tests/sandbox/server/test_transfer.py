import asyncio
import json
import tracemalloc
from contextlib import AsyncExitStack

import aiohttp
import pytest

from cfbilling.sandbox import Fault, RequestFacts, Sandbox
from cfbilling.sandbox.server.request_reader import MalformedRequestError, parse_head
from tests.sandbox.conftest import Fetch

MONTH = {"from": "2025-05-01", "to": "2025-06-01"}


def usage_path(sandbox: Sandbox) -> str:
    """Return the path of the first account's usage."""
    return f"/accounts/{sandbox.account_ids[0]}/billable/usage"


async def test_a_huge_body_is_made_as_it_is_sent() -> None:
    """Of a body of more than a gigabyte, what is not read is never generated."""
    async with Sandbox(records_per_day=50_000, compression="off") as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            tracemalloc.start()
            try:
                response = await session.get(sandbox.base_url + usage_path(sandbox), params=MONTH)
                assert response.headers["Transfer-Encoding"] == "chunked"
                received = 0
                while received < 2**21:
                    received += len(await response.content.readany())
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 8 * 2**20
            response.close()


async def test_the_loop_turns_while_nothing_is_found(fetch: Fetch) -> None:
    """A long search without a hit leaves room for other requests."""
    arrived = asyncio.Event()

    def notice(_: RequestFacts) -> None:
        arrived.set()

    async with Sandbox(accounts=2_000, organizations=1, chaos=notice) as sandbox:
        path = f"/organizations/{sandbox.organization_ids[0]}/billable/usage"
        search = asyncio.create_task(fetch(sandbox, path, {**MONTH, "metric": "nothing"}))
        await arrived.wait()
        small = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        assert (await fetch(sandbox, small))[0] == 200
        assert not search.done()
        search.cancel()


async def test_closing_ends_what_is_under_way() -> None:
    """A sandbox closes at once, though answers are held, generated, or not asked for yet."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(records_per_day=50_000))
        arrived = asyncio.Event()

        def first(_: RequestFacts) -> bool:
            arrived.set()
            return True

        sandbox.faults.add(Fault(until=asyncio.Event(), when=first))
        headers = {"Authorization": f"Bearer {sandbox.api_token}"}
        url = sandbox.base_url + usage_path(sandbox)
        held = asyncio.create_task(session.get(url, headers=headers))
        await arrived.wait()
        response = await session.get(url, params=MONTH, headers=headers)
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        before = asyncio.all_tasks()
        async with asyncio.timeout(2):
            await stack.aclose()
        assert len(asyncio.all_tasks()) < len(before)
        with pytest.raises(aiohttp.ClientError):
            await held
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            await session.get(url)
        writer.close()


async def test_bodies_can_be_replayed(fetch: Fetch) -> None:
    """With a cache the second answer is the first one's bytes, and its length is known."""
    async with Sandbox(cache_bodies=True, records_per_day=100) as sandbox:
        path = usage_path(sandbox)
        first = await fetch(sandbox, path, MONTH)
        second = await fetch(sandbox, path, MONTH)
        other = await fetch(sandbox, path, {"from": "2025-05-02", "to": "2025-06-01"})
        assert int(first[1]["Content-Length"]) == int(second[1]["Content-Length"]) > 100_000
        assert first[2] == second[2] != other[2]
        assert len(json.loads(first[2])["result"]) == 3100


async def test_a_connection_serves_many_requests() -> None:
    """Requests that are sent one behind the other are answered in order on one connection."""
    async with Sandbox(compression="off") as sandbox:
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for account in sandbox.account_ids:
            writer.write(
                f"GET /client/v4/accounts/{account}/billing/profile HTTP/1.1\r\n"
                f"authorization: Bearer {sandbox.api_token}\r\n"
                "Content-Length: 2\r\n\r\n{}".encode()
            )
        for account in sandbox.account_ids:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            profile = json.loads(await reader.readexactly(length))["result"]
            assert profile["id"] == sandbox.expected_profile(account)["id"]
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_nonsense_is_a_bad_request(head: bytes) -> None:
    """What is no HTTP is answered 400, and the connection is closed."""
    async with Sandbox() as sandbox:
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert sandbox.requests == []


def test_a_head_is_understood() -> None:
    """Path and query are decoded, and old clients keep no connection unless they ask."""
    request = parse_head(b"GET /a%20b?from=1&metric=%C3%9C&x= HTTP/1.0\r\nA:  b \r\n\r\n")
    assert (request.path, request.query) == ("/a b", {"from": "1", "metric": "Ü", "x": ""})
    assert (request.headers["a"], request.keep_alive) == ("b", False)
    assert parse_head(b"GET / HTTP/1.1\r\n\r\n").keep_alive is True
    assert parse_head(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive is True
    with pytest.raises(MalformedRequestError):
        parse_head(b"GET\r\n\r\n")
