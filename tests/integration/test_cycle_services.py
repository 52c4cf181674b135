"""Version 1 of services that restate between two requests, or tell odd things of themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cfbilling import ApiToken, BillingClient, Clock, DecodeError, RetryPolicy
from cfbilling.events import ChargesAmbiguous, EndDateLearned, Event
from cfbilling.sandbox import Sandbox
from tests.integration.json_server import Answer, Asked, json_server, result
from tests.integration.test_billing_cycles import TODAY, multiset, subscription
from tests.integration.truth import received, truth

A, B = "a" * 32, "b" * 32
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
Rows = Callable[[str, date, date], list[dict[str, object]]]


def a_row(account: str, day: date | str, **changes: object) -> dict[str, object]:
    """Return a charge of a day."""
    start = day if isinstance(day, str) else f"{day}T00:00:00Z"
    return {
        "BillingAccountId": account,
        "BilledCost": 1,
        "ServiceName": "R2",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start,
        **changes,
    }


def a_subscription(anchor: str = "2020-01-01T00:00:00Z", **changes: object) -> dict[str, object]:
    """Return a subscription as the service tells it."""
    return {
        "id": "s",
        "billing_cycle_anchor_timestamp": anchor,
        "start_timestamp": "2020-01-01T00:00:00Z",
        **changes,
    }


def days_of(first: date, last: date) -> list[date]:
    """Return the days from the first through the last."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


@asynccontextmanager
async def serving(
    rows: Rows, events: list[Event], *several: dict[str, object], **info: Any
) -> AsyncGenerator[BillingClient, None]:
    """Serve version 1; ``info`` has subscriptions for accounts that differ from the others."""

    def answer(asked: Asked) -> Answer:
        account = asked.path.split("/")[2]
        if asked.path.endswith("/info"):
            told: Any = {"covered": True, "subscriptions": info.get(account, list(several))}
        else:
            first, last = (date.fromisoformat(asked.query[name]) for name in ("from", "to"))
            told = rows(account, first, last)
        return result(told)

    async with (
        json_server(answer) as served,
        BillingClient(
            ApiToken("token"),
            base_url=served.url,
            clock=Clock(now=lambda: NOON),
            retry=RetryPolicy(attempts=1),
            observer=events.append,
        ) as client,
    ):
        yield client


async def test_a_charge_taken_back_between_two_requests_teaches_nothing_wrong() -> None:
    """That an answer became empty does not say how its end is read: others lose no day by it."""
    asked: list[date] = []

    def rows(account: str, first: date, to: date) -> list[dict[str, object]]:
        days = days_of(first, to - timedelta(1))
        if sum(day.day == 1 for day in days) != 1:
            return []
        if account == A:
            asked.append(to)
            return [a_row(A, "2026-01-05T00:00:00Z")] if len(asked) == 1 else []
        return [a_row(account, day) for day in days]

    events: list[Event] = []
    async with serving(rows, events, a_subscription()) as client:
        await client.billable_usage(A, "2026-01-01", "2026-02-01").collect()
        year = await client.billable_usage(B, "2025-01-01", "2026-01-01").collect()
        assert 365 == len(year)
        assert [False] == [e.is_inclusive for e in events if isinstance(e, EndDateLearned)]


@pytest.mark.parametrize("anchor", ["2020-01-20T00:00:00Z", "2020-01-01T00:00:00Z"])
@pytest.mark.parametrize("late", [date(2026, 3, 10), date(2026, 2, 28)])
async def test_a_day_that_comes_between_two_requests_teaches_nothing_wrong(
    anchor: str, late: date
) -> None:
    """That a day's charges are processed meanwhile does not say how an end is read either."""
    asked: list[date] = []

    def rows(account: str, first: date, to: date) -> list[dict[str, object]]:
        days = days_of(first, to)
        if account == A:
            asked.append(to)
            kept = [day for day in days if day < late or (len(asked) > 1 and day == late)]
            return [a_row(A, day, SubscriptionId="s") for day in kept]
        if sum(day.day == 1 for day in days) != 1:
            return []
        return [a_row(account, day) for day in days]

    events: list[Event] = []
    two = [a_subscription(), a_subscription(anchor, id="t")]
    async with serving(rows, events, a_subscription(), **{A: two}) as client:
        await client.billable_usage(A, late.replace(day=1), late + timedelta(1)).collect()
        year = await client.billable_usage(B, "2025-01-01", "2026-01-01").collect()
        assert 365 == len(year)
        assert all(e.is_inclusive for e in events if isinstance(e, EndDateLearned))


async def test_an_answer_beyond_its_end_is_no_end_that_is_exclusive() -> None:
    """Where a service reads its end in two ways, that is an error, and then asked anew."""
    is_inclusive = False

    def rows(account: str, first: date, to: date) -> list[dict[str, object]]:
        return [
            a_row(account, d) for d in days_of(first, to if is_inclusive else to - timedelta(1))
        ]

    events: list[Event] = []
    async with serving(rows, events, a_subscription()) as client:
        await client.billable_usage(A, "2025-01-01", "2025-02-01").collect()
        is_inclusive = True
        with pytest.raises(DecodeError, match="beyond its end"):
            await client.billable_usage(A, "2025-02-01", "2025-03-01").collect()
        february = await client.billable_usage(A, "2025-02-01", "2025-03-01").collect()
        assert 28 == len(february)
        assert [False, True] == [e.is_inclusive for e in events if isinstance(e, EndDateLearned)]


@pytest.mark.parametrize("leading_days", [True, False])
@pytest.mark.parametrize("first_cycle", ["anchor", "start"])
@pytest.mark.parametrize("to_inclusive", [True, False])
async def test_the_cycle_of_a_cancelled_subscription_hides_nothing(
    leading_days: bool,  # noqa: FBT001 - parametrized
    first_cycle: Any,
    to_inclusive: bool,  # noqa: FBT001 - parametrized
) -> None:
    """Whether an anchor counts that comes after the cancellation or not, every charge comes."""
    several = [
        [
            subscription("gone", 25, date(2025, 1, 1), date(2025, 10, 30)),
            subscription("one", 21),
            subscription("two", 28),
        ],
        [subscription("one", 1), subscription("gone", 30, date(2026, 1, 8), date(2026, 1, 26))],
    ]
    for subscriptions, first, end in zip(
        several,
        (date(2025, 11, 21), date(2026, 1, 1)),
        (date(2025, 12, 1), date(2026, 2, 1)),
        strict=True,
    ):
        async with (
            Sandbox(
                accounts=1,
                quota=None,
                today=TODAY,
                records_per_day=2,
                subscription_ids="all",
                anchors_of="account",
                two_anchors="empty",
                first_cycle=first_cycle,
                leading_days=leading_days,
                v1_to_inclusive=to_inclusive,
            ) as sandbox,
            BillingClient(
                ApiToken(sandbox.api_token),
                base_url=sandbox.base_url,
                clock=Clock(now=lambda: NOON),
                retry=RetryPolicy(attempts=1),
            ) as client,
        ):
            (account,) = sandbox.account_ids
            sandbox.subscribe(account, *subscriptions)
            found = multiset(received(await client.billable_usage(account, first, end).collect()))
            assert multiset(truth(sandbox.billable_usage(account, first, end))) == found


@pytest.mark.parametrize(
    ("several", "names", "is_told"),
    [
        ([subscription("a", 1), subscription("b", 15)], "all", False),
        ([subscription("a", 1), subscription("b", 15)], "none", True),
        ([subscription("a", 1, date(2026, 1, 8))], "none", False),
    ],
)
async def test_what_is_restated_between_two_requests_comes_once(
    several: Any,
    names: Any,
    is_told: bool,  # noqa: FBT001 - parametrized
) -> None:
    """Of what two answers hold, each charge comes in one version; else that is told."""
    first, end = date(2026, 1, 8), date(2026, 2, 1)
    events: list[Event] = []
    answers = 0

    async with Sandbox(
        accounts=1,
        quota=None,
        today=TODAY,
        records_per_day=2,
        subscription_ids=names,
        v1_to_inclusive=False,
    ) as sandbox:
        (account,) = sandbox.account_ids
        sandbox.subscribe(account, *several)
        before = truth(sandbox.billable_usage(account, first, end))

        def restate(event: Event) -> None:
            nonlocal answers
            events.append(event)
            if getattr(event, "endpoint", "") == "billable_usage" and (
                type(event).__name__ == "ChunkReceived"
            ):
                answers += 1
                if answers == 1:
                    days = days_of(first, end)
                    sandbox.restate(account, days, changed=1.0, removed=0, added=0)

        async with BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=Clock(now=lambda: NOON),
            retry=RetryPolicy(attempts=1),
            observer=restate,
            concurrency=1,
        ) as client:
            found = await client.billable_usage(account, first, end).collect()
    assert answers > 1
    told = any(isinstance(event, ChargesAmbiguous) for event in events)
    assert is_told is told
    if not told:
        assert len(before) == len(found)


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
async def test_the_edge_of_the_calendar_fails_no_other_account(edge: str) -> None:
    """A moment that has no UTC day is clamped; every account comes whole."""

    def rows(account: str, first: date, last: date) -> list[dict[str, object]]:
        odd = [a_row(account, edge), a_row(account, first, BillingPeriodStart=edge)]
        return [a_row(account, day) for day in days_of(first, last)] + odd * (account == A)

    odd = [a_subscription(start_timestamp="0001-01-01T00:00:00+05:00", end_timestamp=edge)]
    accounts = [A, B, "c" * 32]
    events: list[Event] = []
    for endpoint in ("billable_usage", "costs"):
        async with serving(rows, events, a_subscription(), **{accounts[2]: odd}) as client:
            found: dict[str, int] = {}
            fan_out: Any = client.fan_out
            source = {"source": "v1"} if endpoint == "costs" else {}
            async for account, _ in fan_out(
                accounts, "2026-01-01", "2026-02-01", endpoint=endpoint, **source
            ):
                found[account] = found.get(account, 0) + 1
            assert (32, 31) == (found[A], found[B])


@pytest.mark.parametrize(
    "several", [[], [a_subscription(end_timestamp="2026-03-05T00:00:00Z")]], ids=["none", "gone"]
)
async def test_without_dates_and_without_a_cycle_it_is_this_month(several: Any) -> None:
    """Where no subscription is active, what this cycle or month had before still comes."""

    def rows(account: str, first: date, _last: date) -> list[dict[str, object]]:
        return [a_row(account, date(2026, 3, day)) for day in range(1, 5) if first.month == 3]

    async with serving(rows, [], *several) as client:
        assert 4 == len(await client.billable_usage(A).collect())


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_answer_about_another_range_is_refused(is_known: bool) -> None:  # noqa: FBT001 - parametrized
    """Charges of days that nobody asked about, and none of those: somebody else's answer."""

    def rows(account: str, first: date, last: date) -> list[dict[str, object]]:
        if first.year == 2025:
            first, last = date(2026, 3, 1), date(2026, 3, 8)
        return [a_row(account, day) for day in days_of(first, last)]

    async with serving(rows, [], a_subscription()) as client:
        if is_known:
            await client.billable_usage(A, "2026-01-01", "2026-02-01").collect()
        with pytest.raises(DecodeError, match="about another range"):
            await client.billable_usage(A, "2025-05-01", "2025-07-01").collect()


async def test_a_charge_without_a_start_belongs_where_it_ends() -> None:
    """Whatever the client has learned before."""

    def rows(account: str, first: date, last: date) -> list[dict[str, object]]:
        dayless = a_row(account, first, ChargePeriodStart=None)
        dayless["ChargePeriodEnd"] = "2026-01-10T00:00:00Z"
        found = [a_row(account, day) for day in days_of(first, last)]
        return found + [dayless] * (first == date(2026, 1, 1))

    async with serving(rows, [], a_subscription()) as client:
        for _ in range(2):
            assert 32 == len(await client.billable_usage(A, "2026-01-01", "2026-02-01").collect())
            await client.billable_usage(A, "2025-12-01", "2026-01-01").collect()


async def test_equal_rows_with_unknown_fields_are_told_apart() -> None:
    """What a new field tells apart is two charges, and both answers' equal ones are one."""

    def rows(account: str, first: date, last: date) -> list[dict[str, object]]:
        held = [day for day in days_of(first, last) if day == date(2026, 1, 16)]
        return [a_row(account, day, RowId=n) for day in held for n in range(300)]

    two = [a_subscription(), a_subscription("2020-01-15T00:00:00Z", id="t")]
    async with serving(rows, [], *two) as client:
        records = await client.billable_usage(A, "2026-01-01", "2026-02-01").collect()
        assert list(range(300)) == sorted(int(str(record.extra["RowId"])) for record in records)
