"""What did it cost: the same columns from either version, adding up to the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cfbilling import (
    ApiError,
    ApiToken,
    AuthenticationError,
    BillingClient,
    Clock,
    ConfigurationError,
    FocusRecord,
    NotCovered,
    NotFound,
    PermissionDenied,
    RetryPolicy,
    UsageFilter,
    plan,
)
from cfbilling.events import Event, FieldMissing, SourceChanged, StreamStarted
from cfbilling.sandbox import Fault, Sandbox

TODAY = date(2026, 3, 10)
START, END = date(2025, 11, 5), date(2026, 2, 3)
COSTS = ["BilledCost", "ContractedCost", "EffectiveCost", "ListCost"]
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
}


def client_of(sandbox: Sandbox, events: list[Event] | None = None, **more: Any) -> BillingClient:
    """Return a client on the sandbox's day."""
    return BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=Clock(now=lambda: datetime(2026, 3, 10, 12, tzinfo=UTC)),
        retry=RetryPolicy(attempts=1),
        observer=None if events is None else events.append,
        **more,
    )


def sums(rows: Iterable[Mapping[str, object]]) -> dict[str, Decimal]:
    """Return the sum of each cost, exact."""
    found = dict.fromkeys(COSTS, Decimal())
    for row in rows:
        for name in COSTS:
            value = row.get(name)
            found[name] += value if isinstance(value, Decimal) else 0
    return found


def wires(records: Iterable[FocusRecord]) -> list[dict[str, object]]:
    """Return records by FOCUS's names."""
    return [record.to_wire() for record in records]


async def test_both_kinds_of_account_give_the_same_columns() -> None:
    """A self-serve account and a contract account: all mandatory columns, and the true sums."""
    async with (
        Sandbox(accounts=2, today=TODAY, quota=None) as sandbox,
        client_of(sandbox) as client,
    ):
        self_serve, contract = sandbox.account_ids
        sandbox.set_kind(self_serve, "self_serve")
        sandbox.set_kind(contract, "contract")
        v1 = await client.costs(self_serve, START, END).collect()
        v2 = await client.costs(contract, START, END).collect()
        assert ({"v1"}, {"v2"}) == ({r.x_source for r in v1}, {r.x_source for r in v2})
        assert sums(sandbox.billable_usage(self_serve, START, END)) == sums(wires(v1))
        assert sums(sandbox.usage_query(contract, START, END, cost=True)) == sums(wires(v2))
        assert MANDATORY <= set(FocusRecord.wire_names.values())
        # Between them, the two sources know every mandatory column.
        told = [{name for row in wires(rows) for name in row} for rows in (v1, v2)]
        assert MANDATORY <= told[0] | told[1]
        assert MANDATORY - told[0] == set()


async def test_costs_of_a_contract_miss_nothing() -> None:
    """What the cost query no longer promises is not told as missing, run after run."""
    events: list[Event] = []
    async with (
        Sandbox(accounts=1, today=TODAY, kind="contract", revision="later") as sandbox,
        client_of(sandbox, events) as client,
    ):
        rows = await client.costs(sandbox.account_ids[0], START, END).collect()
        assert any(row.billing_account_id is None for row in rows)
        assert [] == [event for event in events if isinstance(event, FieldMissing)]


async def test_a_billing_period_ends_with_its_cycle() -> None:
    """What version 1 does not send is known from the cycles, and period ends are exclusive."""
    async with (
        Sandbox(
            accounts=1, today=TODAY, kind="self_serve", charge_period_end="inclusive"
        ) as sandbox,
        client_of(sandbox) as client,
    ):
        (account,) = sandbox.account_ids
        cycles = await client.billing_cycles(account)
        found = {
            (row.billing_period_start, row.billing_period_end)
            for row in await client.costs(account, START, END).collect()
        }
        expected = {(chunk.lower, chunk.upper) for chunk in cycles.between(START, END)}
        assert expected == found
        for row in await client.costs(account, START, END).collect():
            assert row.charge_period_start is not None
            assert row.charge_period_end is not None
            assert 86_400 == (row.charge_period_end - row.charge_period_start).total_seconds()


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("code", [10000, 1234, None])
async def test_whoever_is_refused_by_one_asks_the_other(status: int, code: int | None) -> None:
    """A 403 or 404 of version 2, whatever its code: told once, and remembered for the account."""
    events: list[Event] = []
    async with (
        Sandbox(
            accounts=1,
            today=TODAY,
            kind="self_serve",
            restricted_status=status,
            restricted_code=code,
        ) as sandbox,
        client_of(sandbox, events) as client,
    ):
        (account,) = sandbox.account_ids
        first = await client.costs(account, START, END).collect()
        refused = [r for r in sandbox.requests if r.endpoint == "usage"]
        assert len(refused) == 1
        assert first == await client.costs(account, START, END).collect()
        assert refused == [r for r in sandbox.requests if r.endpoint == "usage"]
        (changed,) = (event for event in events if isinstance(event, SourceChanged))
        assert ("billable_usage", account) == (changed.source, changed.scope_id)
        # A source that refuses was no stream: progress would wait for it for ever.
        started = [event.endpoint for event in events if isinstance(event, StreamStarted)]
        assert ["billable_usage"] * 2 == started


async def test_when_both_refuse_the_error_tells_both() -> None:
    """Of two refusals none is hidden."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        sandbox.refuse(account, "usage", 404)
        sandbox.cover(account, covered=False)
        with pytest.raises(NotCovered, match=r"usage_query: .*; billing_cycles: ") as caught:
            await client.costs(account, START, END).collect()
        assert isinstance(caught.value.__cause__, NotCovered)
        sandbox.refuse(account, "billing_cycles", 403)
        with pytest.raises(PermissionDenied, match=r"usage_query: .*; billing_cycles: "):
            await client.costs(account, START, END).collect()


async def test_a_wrong_token_is_no_reason_to_ask_elsewhere() -> None:
    """A 401 is about the credential; and its error says nothing of restricted endpoints."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        sandbox.faults.add(Fault(status=401, error_codes=(10000,)))
        with pytest.raises(AuthenticationError) as caught:
            await client.costs(account, START, END).collect()
        assert len(sandbox.requests) == 1
        assert "not open" not in str(caught.value)
        assert "Billing Read" not in str(caught.value)


async def test_a_missing_permission_is_named() -> None:
    """A 403 with code 10000 may be a good token without the permission, and stays its error."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        sandbox.forbid_billing(sandbox.api_token)
        for method in (client.usage, client.billable_usage, client.costs):
            with pytest.raises(AuthenticationError, match="Billing Read") as caught:
                await method(account).collect()
            assert "not open" not in str(caught.value)
        assert [a["id"] for a in sandbox.accounts()] == [
            account.id for account in await client.accounts().collect()
        ]


@pytest.mark.parametrize(("source", "error"), [("v2", ApiError), ("v1", NotFound)])
async def test_a_source_that_is_named_is_the_only_one(source: Any, error: type[ApiError]) -> None:
    """Then its refusal is the error."""
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        one, other = sandbox.account_ids
        refused = "usage" if source == "v2" else "billing_cycles"
        sandbox.refuse(one, refused, 404)  # type: ignore[arg-type]  # one of two
        with pytest.raises(error):
            await client.costs(one, START, END, source=source).collect()
        (found,) = {
            r.x_source for r in await client.costs(other, START, END, source=source).collect()
        }
        assert source == found


async def test_without_dates_it_is_the_month_so_far() -> None:
    """From the first of the month (UTC) through today."""
    async with (
        Sandbox(accounts=1, today=TODAY, kind="self_serve") as sandbox,
        client_of(sandbox) as client,
    ):
        (account,) = sandbox.account_ids
        rows = wires(await client.costs(account).collect())
        first, after = date(2026, 3, 1), date(2026, 3, 11)
        assert sums(sandbox.billable_usage(account, first, after)) == sums(rows)


async def test_a_fan_out_takes_the_accounts_as_they_come() -> None:
    """What lists the accounts is what is fanned out, and each comes from its own source."""
    async with Sandbox(accounts=60, today=TODAY, quota=None, records_per_day=1) as sandbox:
        for account in sandbox.account_ids[::2]:
            sandbox.set_kind(account, "self_serve")
        async with client_of(sandbox) as client:
            found: dict[str, set[str | None]] = {}
            stream = client.fan_out(client.accounts(), "2026-02-10", "2026-02-20", endpoint="costs")
            async for account, row in stream:
                found.setdefault(account, set()).add(row.x_source)
            expected = {
                account: {"v2" if index % 2 else "v1"}
                for index, account in enumerate(sandbox.account_ids)
            }
            assert expected == found


async def test_leaving_a_fan_out_over_accounts_leaves_nothing() -> None:
    """The list of accounts ends with the fan-out that was made of it."""
    async with (
        Sandbox(accounts=300, today=TODAY, quota=None, records_per_day=1) as sandbox,
        client_of(sandbox, concurrency=2) as client,
    ):
        listed = client.accounts()
        async with client.fan_out(listed, endpoint="costs") as stream:
            await anext(stream)
        assert [] == [account async for account in listed]


async def test_categories_may_be_one_s_own() -> None:
    """A service's category is by the longest beginning of its name that the table has."""
    async with Sandbox(accounts=1, today=TODAY, kind="self_serve") as sandbox:
        (account,) = sandbox.account_ids
        async with client_of(sandbox, service_categories={}) as client:
            rows = await client.costs(account, START, END).collect()
            assert {"Other"} == {row.service_category for row in rows}
        with pytest.raises(ConfigurationError, match="service_categories"):
            client_of(sandbox, service_categories=["Compute"])
        with pytest.raises(ConfigurationError, match="'Serverless', which FOCUS does not have"):
            client_of(sandbox, service_categories={"workers": "Serverless"})


async def test_many_streams_of_costs_make_no_classes() -> None:
    """What makes rows is made once for a client, however many accounts it asks about."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        streams = [client.costs(account, START, END)]
        classes = set(FocusRecord.__subclasses__())
        streams += [client.costs(account, START, END) for _ in range(10)]
        assert classes == set(FocusRecord.__subclasses__())
        for stream in streams:
            await stream.aclose()


@pytest.mark.parametrize("source", ["V1", None, "", 1])
async def test_a_source_that_is_none_is_refused(source: Any) -> None:
    """It is refused at once, by name."""
    async with Sandbox(accounts=1) as sandbox, client_of(sandbox) as client:
        with pytest.raises(ConfigurationError, match="source"):
            client.costs(sandbox.account_ids[0], source=source)
        with pytest.raises(ConfigurationError, match="source"):
            client.fan_out([], endpoint="costs", source=source)


@pytest.mark.parametrize(
    "endpoint", ["usage", "organization_usage", "paygo_usage", "paygo_usage_beta"]
)
async def test_what_tells_no_costs_is_no_source(endpoint: Any) -> None:
    """FOCUS from an endpoint without costs is refused before any request, and told why."""
    why = f"{endpoint} does not tell the costs that FOCUS is about"
    async with Sandbox(accounts=1) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        with pytest.raises(ConfigurationError, match=f"'v1': {why}"):
            client.costs(account, source=endpoint)
        with pytest.raises(ConfigurationError, match=f"takes no source: {why}"):
            client.fan_out([account], endpoint=endpoint, source="v2")
        with pytest.raises(ConfigurationError, match=f"takes no source: {why}"):
            plan([account], START, END, endpoint=endpoint, source="v1")
        assert [] == sandbox.requests


@pytest.mark.parametrize("asked", [{"metric": "m"}, {"cost": True}, {"filter_by": UsageFilter()}])
async def test_a_fan_out_of_costs_takes_nothing_in_silence(asked: Any) -> None:
    """What costs cannot be asked for is refused, and not left out of the question."""
    async with Sandbox(accounts=1) as sandbox, client_of(sandbox) as client:
        with pytest.raises(ConfigurationError, match="the endpoint costs takes no"):
            client.fan_out(sandbox.account_ids, endpoint="costs", **asked)
