"""Faults at every byte of a body: exactly the truth, or a clear error, never a part of a chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import attrs
import pytest

from cfbilling import (
    ApiToken,
    BillingClient,
    BillingError,
    Clock,
    RecordStream,
    RetryPolicy,
    Timeouts,
)
from cfbilling.sandbox import Fault, Sandbox, Subscription
from tests.conftest import Waits
from tests.integration.test_quota import SharedTime
from tests.integration.truth import received, truth

START, END = date(2025, 1, 1), date(2025, 1, 2)
FIRST = datetime(2020, 1, 1, 5, tzinfo=UTC)
COMPRESSIONS = ["auto", "off"]

pytestmark = pytest.mark.usefixtures("loop_without_debug")


@pytest.fixture(params=COMPRESSIONS)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A service whose bodies are short, compressed or not."""
    async with Sandbox(
        records_per_day=1, quota=1_000_000, compression=request.param, cache_bodies=True
    ) as sandbox:
        yield sandbox


def _fault(kind: str, offset: int) -> Fault:
    place: dict[str, Any] = {kind: offset}
    return Fault(**place)


async def _length_of_a_body(sandbox: Sandbox) -> int:
    sizes: list[int] = []

    def note(event: object) -> None:
        sizes.append(getattr(event, "wire_bytes", 0))

    async with BillingClient(
        ApiToken(sandbox.api_token), base_url=sandbox.base_url, observer=note
    ) as client:
        await client.usage(sandbox.account_ids[0], START, END).collect()
    return max(sizes)


async def _retried_at_every_byte(sandbox: Sandbox, waits: Waits, kind: str) -> None:
    account = sandbox.account_ids[0]
    expected = truth(sandbox.expected_usage(account, START, END))
    length = await _length_of_a_body(sandbox)
    async with BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=waits.clock,
        observer=lambda _: None,
    ) as client:
        for offset in range(length):
            sandbox.faults.add(_fault(kind, offset))
            assert expected == received(await client.usage(account, START, END).collect())
    assert len(waits.seconds) == length


@pytest.mark.parametrize("kind", ["reset_at", "close_at", "end_at"])
async def test_a_break_at_any_byte_is_mended(sandbox: Sandbox, waits: Waits, kind: str) -> None:
    """A body that is reset, closed or ended early at any byte is fetched again, whole."""
    await _retried_at_every_byte(sandbox, waits, kind)


@pytest.mark.parametrize("kind", ["reset_at", "close_at", "end_at", "corrupt_at"])
async def test_no_part_of_a_chunk_is_ever_delivered(sandbox: Sandbox, kind: str) -> None:
    """Without retries, a fault at any byte gives no record of the chunk, only a clear error.

    A byte corrupted on a connection without any checksum may still be well-formed JSON; then
    there is nothing to see, and as many records as were sent.
    """
    account = sandbox.account_ids[0]
    expected = truth(sandbox.expected_usage(account, START, END))
    length = await _length_of_a_body(sandbox)
    async with BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        retry=RetryPolicy(attempts=1),
        observer=lambda _: None,
    ) as client:
        for offset in range(length):
            sandbox.faults.add(_fault(kind, offset))
            records: list[object] = []
            try:
                async for record in client.usage(account, START, END):
                    records.append(record)  # noqa: PERF401 - what came before the error counts
            except BillingError as error:
                assert (account, "usage") == (error.scope_id, error.endpoint)
                assert [] == records
            else:
                assert kind == "corrupt_at"
                assert len(expected) == len(records)


@pytest.mark.parametrize("settings", [{"records_per_day": 300}, {"records_per_day": 2}])
async def test_success_false_at_the_end_of_a_full_body_delivers_nothing(
    settings: dict[str, int],
) -> None:
    """A body that turns out refused at its very end has given no record."""
    async with Sandbox(**settings) as sandbox:  # type: ignore[arg-type]  # parametrised
        sandbox.faults.add(Fault(fail_at_end=True, error_codes=(4242,)))
        records: list[object] = []
        async with BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client:
            with pytest.raises(BillingError, match="4242"):
                async for record in client.usage(sandbox.account_ids[0], START, END):
                    records.append(record)  # noqa: PERF401 - what came before the error counts
        assert [] == records


async def test_earlier_chunks_are_delivered_before_an_error(waits: Waits) -> None:
    """When a later chunk fails for good, every chunk before it has come whole and in order."""
    async with (
        Sandbox() as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            chunk_days=10,
            clock=waits.clock,
        ) as client,
    ):
        account = sandbox.account_ids[0]
        sandbox.faults.add(Fault(status=500, query={"from": "2025-01-21"}, times=None))
        records = []
        with pytest.raises(BillingError) as caught:
            async for record in client.usage(account, date(2025, 1, 1), date(2025, 3, 1)):
                records.append(record)  # noqa: PERF401 - what came before the error counts
        expected = sandbox.expected_usage(account, date(2025, 1, 1), date(2025, 1, 21))
        assert truth(expected) == received(records)
        assert str(caught.value.chunk) == "[2025-01-21, 2025-01-31)"


async def test_a_trickle_is_the_truth() -> None:
    """A body that arrives a few bytes at a time is the same body."""
    async with (
        Sandbox() as sandbox,
        BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client,
    ):
        account = sandbox.account_ids[0]
        sandbox.faults.add(Fault(trickle=7))
        records = await client.usage(account, START, END).collect()
        assert truth(sandbox.expected_usage(account, START, END)) == received(records)


@pytest.mark.parametrize("status", [100, 102, 103])
async def test_silence_after_an_interim_answer_times_out(status: int) -> None:
    """A server that says that the answer is coming, and then nothing, is given up."""
    silence = asyncio.Event()
    async with (
        Sandbox() as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            timeout=Timeouts(connect=0.02, read=0.03),
            retry=RetryPolicy(initial_wait=0),
        ) as client,
    ):
        sandbox.faults.add(Fault(interim=(status,), until=silence))
        assert (await client.billing_profile(sandbox.account_ids[0])).id
        assert len(sandbox.requests) == 2
        silence.set()


@pytest.mark.parametrize("rate", [0, 100])
async def test_a_body_that_trickles_is_given_up_in_time(rate: float) -> None:
    """A byte a second is fetched again after one span, unless no rate is asked for."""
    time = SharedTime()
    async with (
        Sandbox(
            compression="off", clock=attrs.evolve(time.sandbox, sleep=time.client.sleep)
        ) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            timeout=Timeouts(least_rate=rate, rate_span=60),
            clock=time.client,
        ) as client,
    ):
        sandbox.faults.add(Fault(trickle=1, trickle_delay=1))
        assert (await client.billing_profile(sandbox.account_ids[0])).id
        assert len(sandbox.requests) == (2 if rate else 1)
        assert 60 <= time.seconds <= (63 if rate else 2_000)


@pytest.mark.parametrize("kind", ["reset_at", "close_at", "end_at", "corrupt_at"])
@pytest.mark.parametrize("endpoint", ["usage_query", "billable_usage", "costs"])
async def test_the_same_holds_for_costs(waits: Waits, endpoint: str, kind: str) -> None:
    """The query and a billing cycle break at any byte: mended, or a clear error and no record."""
    start, end, today = date(2025, 1, 1), date(2025, 1, 2), date(2026, 3, 10)
    is_query = endpoint == "usage_query"
    async with Sandbox(
        accounts=1,
        records_per_day=1,
        quota=1_000_000,
        today=today,
        idle_days=0.97,
        cache_bodies=True,
        kind="both" if is_query else "self_serve",
    ) as sandbox:
        (account,) = sandbox.account_ids
        sandbox.subscribe(account, Subscription("only", FIRST, FIRST))

        def stream(client: BillingClient) -> RecordStream[Any]:
            if endpoint == "costs":
                return client.costs(account, start, date(2025, 2, 1), source="v1")
            if is_query:
                return client.usage(account, start, end, cost=True)
            return client.billable_usage(account, start, date(2025, 2, 1))

        def client_of(**more: Any) -> BillingClient:
            return BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url, **more)

        at = Clock(now=lambda: datetime(2026, 3, 10, 12, tzinfo=UTC), sleep=waits.clock.sleep)
        sizes: list[int] = []
        async with client_of(
            clock=at, observer=lambda event: sizes.append(getattr(event, "wire_bytes", 0))
        ) as client:
            expected = await stream(client).collect()
        path: Any = "usage" if is_query else "billable_usage"
        async with (
            client_of(clock=at) as mending,
            client_of(clock=at, retry=RetryPolicy(attempts=1)) as telling,
        ):
            for offset in range(max(sizes)):
                place: dict[str, Any] = {kind: offset}
                if kind != "corrupt_at":
                    sandbox.faults.add(Fault(**place, endpoint=path))
                    assert expected == await stream(mending).collect()
                sandbox.faults.add(Fault(**place, endpoint=path))
                found: list[object] = []
                try:
                    async for record in stream(telling):
                        found.append(record)  # noqa: PERF401 - what came before the error counts
                except BillingError as error:
                    assert account == error.scope_id
                    assert [] == found
                else:
                    assert kind == "corrupt_at"
                    assert len(expected) == len(found)
