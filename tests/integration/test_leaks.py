"""However a stream is left, nothing of it stays: no task, connection, file or warning."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date

import pytest

from cfbilling import ApiToken, BillingClient, ConfigurationError
from cfbilling.sandbox import Fault, Sandbox

START, END = date(2024, 1, 1), date(2024, 7, 1)


def _open_files() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - an open directory would count
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")  # noqa: PTH115 - a link to no path
        except FileNotFoundError:
            continue
    return found


@pytest.fixture(autouse=True, scope="module")
def _frozen_past() -> Iterator[None]:
    """Spare the collections below what a whole run of tests has made before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Check that what runs inside leaves no task and no open file."""
    tasks, files = asyncio.all_tasks(), _open_files()
    yield
    gc.collect()
    # A transport that was closed lets go of its socket in the loop's next turns.
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert tasks == asyncio.all_tasks()
    assert files == _open_files()


async def _settled(condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the loop did not settle")


def _client(sandbox: Sandbox, chunk_days: int = 31) -> BillingClient:
    return BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        concurrency=4,
        chunk_days=chunk_days,
        slice_bytes=2_000,
        spool_bytes=10_000,
    )


async def test_a_break_inside_a_context_ends_the_stream() -> None:
    """After break and the end of its context, a stream's tasks are over; the client goes on."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        before = asyncio.all_tasks()
        async with client.usage(sandbox.account_ids[0], START, END) as stream:
            async for _ in stream:
                break
        assert before == {t for t in asyncio.all_tasks() if "Connections" not in repr(t)}
        assert (await client.billing_profile(sandbox.account_ids[0])).id


async def test_a_break_without_a_context_ends_the_stream() -> None:
    """A stream that is let go of ends what it fetches ahead, without being asked."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        async for _ in client.usage(sandbox.account_ids[0], START, END):
            break
        gc.collect()
        await _settled(lambda: not client._opened().tasks._running)


async def test_closing_the_client_ends_an_open_stream() -> None:
    """A stream that is still open when the client closes says so, and is no cancellation."""
    async with Sandbox() as sandbox, nothing_left():
        async with _client(sandbox) as client:
            stream = client.usage(sandbox.account_ids[0], START, END)
            await anext(stream)
        with pytest.raises(ConfigurationError, match="closed"):
            _ = [record async for record in stream]
        del stream


async def test_a_stream_that_is_never_iterated_leaves_nothing() -> None:
    """A stream sends nothing until it is asked for a record."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        client.usage(sandbox.account_ids[0], START, END)
        await asyncio.sleep(0)
        assert [] == sandbox.requests


async def test_an_exception_in_the_consumer_ends_the_stream() -> None:
    """A consumer that raises takes its stream with it."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        with pytest.raises(ZeroDivisionError):
            async with client.usage(sandbox.account_ids[0], START, END) as stream:
                async for _ in stream:
                    _ = 1 / 0


@pytest.mark.parametrize("turns", [*range(1, 60), *range(60, 300, 17)])
async def test_cancellation_at_any_await_leaves_nothing(turns: int) -> None:
    """A consumer cancelled after any number of turns of the loop leaves nothing running."""

    async def consume(client: BillingClient, account: str) -> None:
        async for _ in client.usage(account, START, END):
            pass

    async with (
        Sandbox(records_per_day=3, quota=None) as sandbox,
        nothing_left(),
        _client(sandbox, chunk_days=1) as client,
    ):
        task = asyncio.ensure_future(consume(client, sandbox.account_ids[0]))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _settled(lambda: not client._opened().tasks._running)


async def test_a_cancelled_client_leaves_nothing() -> None:
    """Cancelling the task that owns the client closes everything that is under way."""
    held = asyncio.Event()

    async def work(sandbox: Sandbox) -> None:
        async with _client(sandbox) as client:
            await client.usage(sandbox.account_ids[0], START, END).collect()

    async with Sandbox() as sandbox, nothing_left():
        sandbox.faults.add(Fault(until=held, hold_at=100, times=None))
        task = asyncio.ensure_future(work(sandbox))
        await _settled(lambda: len(sandbox.requests) == 4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.set()


@pytest.mark.parametrize("again", [0, 1, 2])
@pytest.mark.parametrize("turns", range(1, 12))
async def test_a_closing_that_is_cancelled_closes(turns: int, again: int) -> None:
    """Wherever closing is cancelled, and again, nothing is left, and the client can go on."""

    async def consume(client: BillingClient, account: str) -> None:
        with pytest.raises(ConfigurationError, match="closed"):
            await client.usage(account, START, END).collect()

    held = asyncio.Event()
    async with Sandbox() as sandbox, nothing_left():
        account = sandbox.account_ids[0]
        sandbox.faults.add(Fault(until=held, hold_at=100, times=3))
        client = _client(sandbox)
        await client.__aenter__()
        consumer = asyncio.ensure_future(consume(client, account))
        await _settled(lambda: len(sandbox.requests) == 4)
        closing = asyncio.ensure_future(client.aclose())
        for pause in (turns, again):
            for _ in range(pause):
                await asyncio.sleep(0)
            closing.cancel()
        await asyncio.wait((closing,))
        session = client._session._session
        assert session is None or session.closed
        await consumer
        held.set()
        async with client:
            assert (await client.billing_profile(account)).id


async def test_an_error_ends_what_was_fetched_ahead() -> None:
    """When the first chunk fails, the chunks that were fetched ahead are cancelled and freed."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        sandbox.faults.add(Fault(status=403, query={"from": "2024-01-01"}, error_codes=(1,)))
        with pytest.raises(Exception, match="403"):
            await client.usage(sandbox.account_ids[0], START, END).collect()
        await _settled(lambda: not client._opened().tasks._running)


async def test_a_slow_consumer_bounds_what_is_fetched() -> None:
    """No more chunks are asked for than are delivered plus those that may be ahead."""
    async with Sandbox() as sandbox, _client(sandbox) as client:
        stream = client.usage(sandbox.account_ids[0], START, END)
        await anext(stream)
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert len(sandbox.requests) <= 1 + 4
        await stream.aclose()


async def test_two_streams_share_a_client() -> None:
    """Streams of one client run at the same time and do not mix."""
    async with Sandbox() as sandbox, nothing_left(), _client(sandbox) as client:
        one, two = await asyncio.gather(
            client.usage(sandbox.account_ids[0], START, END).collect(),
            client.usage(sandbox.account_ids[1], START, END).collect(),
        )
        assert {sandbox.account_ids[0]} == {record.billing_account_id for record in one}
        assert {sandbox.account_ids[1]} == {record.billing_account_id for record in two}
