"""Whatever the range, the data and the service's habits: what comes out is the truth, once."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfbilling import ApiToken, BillingClient, InvalidRequest
from cfbilling.events import ChunkNarrowed, Event
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import ClientMaker
from tests.integration.truth import received, truth

KEY_ORDERS = list(permutations(["errors", "messages", "result", "success"]))

SANDBOXES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        # Enough for a chunk of several slices.
        "records_per_day": st.integers(1, 8),
        "revision": st.sampled_from(["seed", "later"]),
        "to_inclusive": st.booleans(),
        "range_counts_inclusively": st.booleans(),
        "key_order": st.sampled_from(KEY_ORDERS),
        "null_arrays": st.booleans(),
        "whitespace": st.sampled_from(["compact", "pretty"]),
        "compression": st.sampled_from(["auto", "off"]),
    }
)


@given(
    settings_=SANDBOXES,
    first=st.dates(date(2024, 1, 1), date(2025, 6, 1)),
    days=st.integers(1, 130),
    chunk_days=st.integers(1, 31),
    concurrency=st.integers(1, 9),
    organization=st.booleans(),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_comes_out_is_the_truth(  # noqa: PLR0917 - one for each thing that varies
    settings_: dict[str, Any],
    first: date,
    days: int,
    chunk_days: int,
    concurrency: int,
    organization: bool,  # noqa: FBT001 - hypothesis passes by name
) -> None:
    """For any range, data, reading of `to`, counting, revision, key order and compression."""
    end = first + timedelta(days)
    async with (
        Sandbox(accounts=2, quota=1_000_000, **settings_) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            concurrency=concurrency,
            chunk_days=chunk_days,
            observer=lambda _: None,
        ) as client,
    ):
        if organization:
            scope_id = sandbox.organization_ids[0]
            stream = client.organization_usage(scope_id, first, end)
        else:
            scope_id = sandbox.account_ids[0]
            stream = client.usage(scope_id, first, end)
        expected = truth(sandbox.expected_usage(scope_id, first, end))
        assert expected == received([record async for record in stream])


@pytest.mark.parametrize("slice_bytes", [1, 700, 5_000, 1_000_000])
@pytest.mark.parametrize("spool_bytes", [0, 20_000, 10_000_000])
async def test_slices_and_spools_change_nothing(
    client_for: ClientMaker,
    slice_bytes: int,
    spool_bytes: int,
) -> None:
    """Wherever a body is cut, and wherever it waits, the same records come out."""
    limits = {"slice_bytes": slice_bytes, "spool_bytes": spool_bytes, "concurrency": 3}
    start, end = date(2025, 1, 1), date(2025, 3, 15)
    async with Sandbox() as sandbox, client_for(sandbox, **limits) as client:
        account = sandbox.account_ids[0]
        records = await client.usage(account, start, end).collect()
        assert truth(sandbox.expected_usage(account, start, end)) == received(records)


async def test_a_width_that_is_refused_is_remembered(client_for: ClientMaker) -> None:
    """A service that counts both ends gets narrower chunks, and is asked too widely only once."""
    events: list[Event] = []
    start, end = date(2024, 1, 1), date(2025, 1, 1)
    async with (
        Sandbox(range_counts_inclusively=True) as sandbox,
        client_for(sandbox, concurrency=1, observer=events.append) as client,
    ):
        account = sandbox.account_ids[0]
        for _ in range(2):
            records = await client.usage(account, start, end).collect()
            assert truth(sandbox.expected_usage(account, start, end)) == received(records)
        assert sandbox.statuses[400] == 1
        (narrowed,) = (event for event in events if isinstance(event, ChunkNarrowed))
        assert narrowed.max_days == 30


async def test_an_observer_that_raises_leaves_no_chunk_open(client_for: ClientMaker) -> None:
    """When nobody wants to hear of a narrower chunk, what was received of it is let go of."""

    class Stop(BaseException):
        pass

    def stop(event: Event) -> None:
        if isinstance(event, ChunkNarrowed):
            raise Stop

    async with (
        Sandbox(range_counts_inclusively=True) as sandbox,
        client_for(sandbox, observer=stop) as client,
    ):
        with pytest.raises(Stop):
            await client.usage(sandbox.account_ids[0], "2025-01-01", "2025-02-01").collect()
        assert not client._opened().fetcher._receiver._room._open


async def test_a_refusal_that_is_not_about_length_stays(client_for: ClientMaker) -> None:
    """A full-width chunk refused for another reason is that error, and no width is remembered."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        sandbox.faults.add(Fault(status=400, error_codes=(4242,), times=2))
        with pytest.raises(InvalidRequest) as caught:
            await client.usage(account, "2025-01-01", "2025-02-01").collect()
        assert str(caught.value.chunk) == "[2025-01-01, 2025-02-01)"
        await client.usage(account, "2025-01-01", "2025-02-01").collect()
        assert sandbox.requests[-1].query == {"from": "2025-01-01", "to": "2025-02-01"}
