"""Units of work, fetched: whole or an error, under whichever credential they name."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillingClient,
    BillingError,
    Clock,
    ConfigurationError,
    FanOutError,
    RetryPolicy,
    WorkUnit,
    plan,
)
from cfbilling.sandbox import Sandbox
from tests.integration.truth import received, truth

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def client_of(sandbox: Sandbox, credentials: Any = None) -> BillingClient:
    """Return a client on the sandbox's day."""
    return BillingClient(
        credentials or ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=Clock(now=lambda: NOON),
        retry=RetryPolicy(attempts=1),
    )


async def test_a_unit_is_its_month() -> None:
    """Each unit gives what its endpoint gives for the month; today's ends today."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        for unit in plan([account], "2026-02-01", "2026-05-01", endpoint="billable_usage"):
            expected = sandbox.billable_usage(account, unit.start, unit.end)
            assert truth(expected) == received(await client.fetch(unit).collect())
        asked = len(sandbox.requests)
        (later,) = plan([account], "2026-05-01", "2026-05-02")
        assert [] == await client.fetch(later).collect()
        assert asked == len(sandbox.requests)
        (query,) = plan([account], "2026-02-01", "2026-02-02", endpoint="usage", cost=True)
        expected = sandbox.usage_query(account, query.start, query.end, cost=True)
        assert truth(expected) == received(await client.fetch(query).collect())


@pytest.mark.parametrize("is_async", [True, False])
async def test_many_units_are_a_fan_out(is_async: bool) -> None:  # noqa: FBT001 - parametrized
    """Each unit's records come with the unit; one that fails stops no other."""
    async with (
        Sandbox(accounts=5, today=TODAY, quota=None) as sandbox,
        client_of(sandbox) as client,
    ):
        sandbox.refuse(sandbox.account_ids[2])
        units = list(plan(sandbox.account_ids, "2025-11-01", "2026-01-01", endpoint="usage"))

        async def one_by_one() -> Any:
            for unit in units:
                yield unit

        found: dict[WorkUnit, list[Any]] = {}
        failed: list[AccountFailure] = []
        source: Any = one_by_one() if is_async else iter(units)
        async for item in client.fetch_many(source, on_error="yield"):
            if isinstance(item, AccountFailure):
                failed.append(item)
            else:
                found.setdefault(item[0], []).append(item[1])
        refused = [unit.id for unit in units if unit.scope_id == sandbox.account_ids[2]]
        assert sorted(refused) == sorted(failure.account_id for failure in failed)
        for unit, records in found.items():
            expected = sandbox.expected_usage(unit.scope_id, unit.start, unit.end)
            assert truth(expected) == received(records)
        assert len(found) + len(failed) == len(units)
        with pytest.raises(FanOutError) as caught:
            async for _ in client.fetch_many(units):
                pass
        copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
        assert {f.account_id for f in copied.failures} == set(refused)


async def test_units_that_come_later_are_of_a_later_day() -> None:
    """A queue that lasts for weeks is asked for the days until each unit is taken."""
    now = [NOON]
    async with Sandbox(accounts=1, today=date(2026, 4, 20)) as sandbox:
        client = BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=Clock(now=lambda: now[0]),
            concurrency=1,
        )
        (account,) = sandbox.account_ids
        units = list(plan([account], "2026-03-01", "2026-05-01", endpoint="usage"))

        async def queue() -> AsyncIterator[WorkUnit]:
            yield units[0]
            now[0] += timedelta(days=31)
            for unit in units:
                yield unit

        async def count(_: WorkUnit, stream: Any) -> int:
            return len(await stream.collect())

        async with client:
            found = [number async for _, number in client.process(queue(), count)]
        ends = [date(2026, 3, 11), date(2026, 4, 1), date(2026, 4, 11)]
        starts = [units[0].start, units[0].start, units[1].start]
        expected = [
            len(list(sandbox.expected_usage(account, start, end)))
            for start, end in zip(starts, ends, strict=True)
        ]
        assert expected == found


async def test_work_that_is_cancelled_by_itself_ends_all() -> None:
    """A unit whose work waits for something that was cancelled is not left out in silence."""
    async with Sandbox(accounts=3, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2026-02-01", "2026-02-02", endpoint="usage"))

        async def work(unit: WorkUnit, stream: Any) -> int:
            if unit is units[1]:
                other = asyncio.ensure_future(asyncio.Event().wait())
                other.cancel()
                await other
            return len(await stream.collect())

        with pytest.raises(RuntimeError, match="cancelled"):
            _ = [item async for item in client.process(units, work)]


async def test_a_unit_names_its_credential() -> None:
    """Each is asked for under its own; a name that the client does not know fails its unit."""
    async with Sandbox(accounts=3, today=TODAY, tokens=2) as sandbox:
        one, other = sandbox.api_tokens
        named = {None: ApiToken(one), "emea": ApiToken(other)}
        ids = sandbox.account_ids
        units = list(
            plan({ids[0]: None, ids[1]: "emea", ids[2]: "apac"}, "2026-02-01", "2026-02-02")
        )
        async with client_of(sandbox, named) as client:
            failed = [
                item.account_id
                async for item in client.fetch_many(units, on_error="yield")
                if isinstance(item, AccountFailure)
            ]
            assert [units[2].id] == failed
            used = {r.scope_id: r.credential for r in sandbox.requests}
            assert {ids[0]: "token-0", ids[1]: "token-1"} == used
            assert await client.fetch(units[1]).collect()
            with pytest.raises(ConfigurationError, match="'apac'"):
                client.fetch(units[2])


async def test_a_client_may_have_no_default_credential() -> None:
    """Then units have to name theirs, and everything else says what is missing."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox:
        (account,) = sandbox.account_ids
        named = {"emea": ApiToken(sandbox.api_token)}
        async with client_of(sandbox, named) as client:
            (unit,) = plan({account: "emea"}, "2026-02-01", "2026-02-02")
            assert await client.fetch(unit).collect()
            (nameless,) = plan([account], "2026-02-01", "2026-02-02")
            with pytest.raises(ConfigurationError, match="default"):
                client.fetch(nameless)
            with pytest.raises(ConfigurationError, match="default"):
                client.usage(account)
            with pytest.raises(ConfigurationError, match="default"):
                client.quota()


@pytest.mark.parametrize(
    "wrong", [{}, {"": ApiToken("x")}, {7: ApiToken("x")}, {"a": "token"}, "x"]
)
def test_wrong_credentials_are_refused(wrong: Any) -> None:
    """Names are texts, and credentials are credentials."""
    with pytest.raises(ConfigurationError, match="credentials"):
        BillingClient(wrong)


@pytest.mark.parametrize("wrong", [None, "unit", 7, {"endpoint": "usage"}])
async def test_what_is_no_unit_fails_as_one(wrong: Any) -> None:
    """Alone at once; among many like any unit that fails."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        with pytest.raises(ConfigurationError, match="unit"):
            client.fetch(wrong)
        found = [item async for item in client.fetch_many([wrong], on_error="yield")]
        (failure,) = found
        assert isinstance(failure, AccountFailure)
        assert isinstance(failure.error, BillingError)
        with pytest.raises(ConfigurationError, match="units"):
            client.fetch_many("units")  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(ConfigurationError, match="on_error"):
            client.fetch_many([], on_error="skip")  # type: ignore[call-overload]  # wrong on purpose
