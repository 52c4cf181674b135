"""Version 1, whatever of its rules nobody documents: each charge of the range, exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cfbilling import (
    ApiToken,
    BillableUsageRecord,
    BillingClient,
    Clock,
    NotCovered,
    RetryPolicy,
)
from cfbilling.events import ChargesAmbiguous, EndDateLearned, Event
from cfbilling.sandbox import Sandbox, Subscription
from tests.integration.truth import received, truth

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SERVICES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "records_per_day": st.integers(1, 4),
        "idle_days": st.sampled_from([0.0, 0.0, 0.3, 0.9, 1.0]),
        "subscription_ids": st.sampled_from(["some", "all", "none"]),
        "charge_period_end": st.sampled_from(["exclusive", "inclusive"]),
        "v1_to_inclusive": st.booleans(),
        "two_anchors": st.sampled_from(["empty", "first", "last", "whole"]),
        "anchors_of": st.sampled_from(["subscriptions", "account"]),
        "leading_days": st.booleans(),
        "first_cycle": st.sampled_from(["anchor", "start"]),
    }
)
DAYS = st.dates(date(2024, 2, 1), date(2026, 3, 12))


def subscription(
    name: str, anchor_day: int, start: date = date(2020, 1, 1), end: date | None = None
) -> Subscription:
    """Return a subscription; only a month with 31 days can hold any anchor."""
    hour = timedelta(hours=5)
    return Subscription(
        name,
        datetime(2020, 1, anchor_day, 17, 3, tzinfo=UTC),
        datetime(start.year, start.month, start.day, tzinfo=UTC) + hour,
        None if end is None else datetime(end.year, end.month, end.day, tzinfo=UTC) + hour,
    )


@st.composite
def subscriptions(draw: st.DrawFn) -> list[Subscription]:
    """Return one to three subscriptions, some of them begun or cancelled on the way."""
    found: list[Subscription] = []
    for number in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        start = draw(st.just(date(2020, 1, 1)) | DAYS)
        end = draw(st.none() | DAYS)
        found.append(
            subscription(
                f"subscription-{number}",
                draw(st.sampled_from([1, 15, 28, 29, 30, 31]) | st.integers(1, 31)),
                start,
                None if end is None else max(start, end),
            )
        )
    return found


def multiset(rows: Sequence[Mapping[str, object]]) -> Counter[tuple[tuple[str, str], ...]]:
    """Return rows in comparable form, each with how often it occurs."""
    return Counter(tuple(sorted((name, str(v)) for name, v in row.items())) for row in rows)


def client_of(sandbox: Sandbox, events: list[Event], **options: Any) -> BillingClient:
    """Return a client on the sandbox's day that never really waits."""
    return BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=Clock(now=lambda: NOON),
        retry=RetryPolicy(attempts=1),
        observer=events.append,
        **options,
    )


@given(
    service=SERVICES,
    several=subscriptions(),
    first=DAYS,
    days=st.integers(1, 60) | st.integers(1, 731),
    concurrency=st.integers(1, 5),
)
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
    # To explain a failure would take minutes: each example is hundreds of requests.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_every_charge_comes_once(
    service: dict[str, Any],
    several: list[Subscription],
    first: date,
    days: int,
    concurrency: int,
) -> None:
    """For any anchors, range and reading of the documents; where it cannot be told, that is."""
    asyncio.get_running_loop().set_debug(False)
    end, events = first + timedelta(days), list[Event]()
    async with (
        Sandbox(accounts=1, quota=None, today=TODAY, **service) as sandbox,
        client_of(sandbox, events, concurrency=concurrency) as client,
    ):
        (account,) = sandbox.account_ids
        sandbox.subscribe(account, *several)
        found = multiset(received(await client.billable_usage(account, first, end).collect()))
        expected = multiset(truth(sandbox.billable_usage(account, first, end)))
        assert not found - expected
        if not any(isinstance(event, ChargesAmbiguous) for event in events):
            assert expected == found
        assert set(expected) == set(found)
        assert 400 not in sandbox.statuses


@pytest.mark.parametrize("anchor_day", range(1, 32))
async def test_a_year_takes_fifteen_requests(anchor_day: int) -> None:
    """Whatever the anchor, the reading of `to` and what two anchors give, in order as well."""
    asyncio.get_running_loop().set_debug(False)
    start, end = date(2025, 2, 20), date(2026, 2, 20)
    for to_inclusive, two_anchors in product([True, False], ["empty", "first", "last", "whole"]):
        events: list[Event] = []
        async with (
            Sandbox(
                accounts=1,
                quota=None,
                today=TODAY,
                records_per_day=1,
                v1_to_inclusive=to_inclusive,
                two_anchors=two_anchors,  # type: ignore[arg-type]  # one of them
                leading_days=anchor_day % 2 == 0,
            ) as sandbox,
            client_of(sandbox, events) as client,
        ):
            (account,) = sandbox.account_ids
            sandbox.subscribe(account, subscription("only", anchor_day))
            records = await client.billable_usage(account, start, end).collect()
            assert truth(sandbox.billable_usage(account, start, end)) == received(records)
            assert len(sandbox.requests) <= 15
            (learned,) = (event for event in events if isinstance(event, EndDateLearned))
            assert learned.is_inclusive is to_inclusive
            # What is known of the service needs not be asked again.
            again = await client.billable_usage(account, start, end).collect()
            assert records == again
            assert len(sandbox.requests) <= 15 + 14


async def test_without_dates_it_is_the_current_cycle() -> None:
    """From the last anchor through today."""
    async with (
        Sandbox(accounts=1, today=TODAY) as sandbox,
        client_of(sandbox, []) as client,
    ):
        (account,) = sandbox.account_ids
        sandbox.subscribe(account, subscription("only", 17))
        records = await client.billable_usage(account).collect()
        first, after = date(2026, 2, 17), date(2026, 3, 11)
        assert truth(sandbox.billable_usage(account, first, after)) == received(records)
        assert records


@pytest.mark.parametrize("ranged", [True, False])
async def test_an_account_that_is_not_covered_is_an_error(ranged: bool) -> None:  # noqa: FBT001 - parametrized
    """No usage and not covered are two things."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox, []) as client:
        (account,) = sandbox.account_ids
        sandbox.cover(account, covered=False)
        days = ("2025-01-01", "2025-03-01") if ranged else (None, None)
        with pytest.raises(NotCovered) as caught:
            await client.billable_usage(account, *days).collect()
        assert (account, 200) == (caught.value.scope_id, caught.value.status)


async def test_days_to_come_are_never_asked_for() -> None:
    """A range in the future is empty, and one that ends there ends today."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox, []) as client:
        (account,) = sandbox.account_ids
        assert [] == await client.billable_usage(account, "2026-04-01", "2026-05-01").collect()
        assert ["billing_cycles"] == [request.endpoint for request in sandbox.requests]
        records = await client.billable_usage(account, "2026-03-08", "2030-01-01").collect()
        expected = sandbox.billable_usage(account, date(2026, 3, 8), date(2026, 3, 11))
        assert truth(expected) == received(records)


async def test_moments_cut_days() -> None:
    """A range of moments keeps what starts inside, though whole cycles are asked for."""
    start, end = datetime(2026, 1, 3, 1, tzinfo=UTC), datetime(2026, 2, 3, 1, tzinfo=UTC)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox, []) as client:
        (account,) = sandbox.account_ids
        records = await client.billable_usage(account, start, end).collect()
        expected = sandbox.billable_usage(account, date(2026, 1, 4), date(2026, 2, 4))
        assert truth(expected) == received(records)


def test_a_row_is_found_twice_only_if_it_is_there_twice() -> None:
    """Rows are compared as a whole: there is no key."""
    one = BillableUsageRecord(service_name="R2")
    assert {one: 2} == Counter([one, attrs.evolve(one)])
