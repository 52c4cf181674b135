"""The cost query: what it filters, splits and prices is the truth, in windows of 31 days."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfbilling import (
    ApiToken,
    BillingClient,
    ConfigurationError,
    DateChunk,
    GroupBy,
    InvalidRequest,
    UsageFilter,
    WorkUnit,
)
from cfbilling.jobs import UnitEndpoint
from cfbilling.sandbox import Fault, Sandbox
from cfbilling.sandbox.data.product_families import family_id
from tests.conftest import ClientMaker
from tests.integration.truth import received, truth

GROUPS = st.lists(
    st.sampled_from(
        [
            ("TAG", "team"),
            ("TAG", "env"),
            ("TAG", "critical"),
            ("DIMENSION", "account_id"),
            ("DIMENSION", "zone_id"),
            ("DIMENSION", "region"),
        ]
    ),
    max_size=2,
    unique=True,
)
START, END = date(2025, 1, 1), date(2025, 2, 1)


@given(
    first=st.dates(date(2024, 1, 1), date(2025, 6, 1)),
    days=st.integers(1, 100),
    cost=st.booleans(),
    groups=GROUPS,
    by_metric=st.booleans(),
    by_tag=st.booleans(),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
async def test_the_query_is_the_truth(  # noqa: PLR0917 - one for each thing that varies
    first: date,
    days: int,
    cost: bool,  # noqa: FBT001 - hypothesis passes by name
    groups: list[tuple[Literal["TAG", "DIMENSION"], str]],
    by_metric: bool,  # noqa: FBT001 - hypothesis passes by name
    by_tag: bool,  # noqa: FBT001 - hypothesis passes by name
) -> None:
    """For any range, filter and grouping, with and without costs; unnamed accounts are kept."""
    end = first + timedelta(days)
    async with (
        Sandbox(accounts=1, quota=None, records_per_day=14) as sandbox,
        BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client,
    ):
        (account,) = sandbox.account_ids
        chosen: dict[str, Any] = {}
        if by_metric:
            metrics = await client.billable_metrics(account, START, END)
            chosen["metric_ids"] = tuple(str(metric.id) for metric in metrics[:3])
        if by_tag:
            chosen["tags"] = {"team": ("", "core")}
        stream = client.usage(
            account,
            first,
            end,
            cost=cost,
            filter_by=UsageFilter(**chosen),
            group_by=[GroupBy(kind, key) for kind, key in groups],
        )
        expected = sandbox.usage_query(account, first, end, cost=cost, group_by=groups, **chosen)
        assert truth(expected) == received(await stream.collect())
        assert {"POST"} == {r.method for r in sandbox.requests if r.endpoint == "usage"}


async def test_a_family_is_a_filter() -> None:
    """Records of other product families do not come, and those of the family all do."""
    async with (
        Sandbox(accounts=1, records_per_day=40) as sandbox,
        BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client,
    ):
        (account,) = sandbox.account_ids
        families = (family_id("R2"),)
        filters = UsageFilter(product_family_ids=families)
        records = await client.usage(account, START, END, filter_by=filters).collect()
        expected = sandbox.usage_query(account, START, END, product_family_ids=families)
        assert truth(expected) == received(records)
        assert records
        assert {"R2"} == {record.x_product_family_name for record in records}


async def test_windows_are_from_inclusive_to_exclusive(client_for: ClientMaker) -> None:
    """A long range goes out in windows of at most 31 days, the ends as the vendor documents."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox, concurrency=1) as client:
        (account,) = sandbox.account_ids
        await client.usage(account, START, date(2025, 3, 1), cost=True).collect()
        bodies = [json.loads(request.body) for request in sandbox.requests]
        assert [
            {
                "TimePeriod": {"From": "2025-01-01T00:00:00Z", "To": "2025-02-01T00:00:00Z"},
                "Metric": "cost",
            },
            {
                "TimePeriod": {"From": "2025-02-01T00:00:00Z", "To": "2025-03-01T00:00:00Z"},
                "Metric": "cost",
            },
        ] == bodies


async def test_without_anything_of_it_the_get_is_asked(client_for: ClientMaker) -> None:
    """What the GET can answer is asked by it, as before."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        (account,) = sandbox.account_ids
        await client.usage(account, START, END, cost=False, group_by=()).collect()
        await client.usage(account, cost=True).collect()
        assert ["GET", "POST"] == [request.method for request in sandbox.requests]
        assert b'{"Metric":"cost"}' == sandbox.requests[1].body


@pytest.mark.parametrize("status", [503, 429])
async def test_it_is_retried_like_the_get(client_for: ClientMaker, status: int) -> None:
    """It only reads, so an attempt that failed is repeated."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        (account,) = sandbox.account_ids
        sandbox.faults.add(Fault(status=status, retry_after=1))
        records = await client.usage(account, START, END, cost=True).collect()
        assert truth(sandbox.usage_query(account, START, END, cost=True)) == received(records)
        assert client.stats.retries == 1


async def test_what_the_service_does_not_know_is_its_refusal(client_for: ClientMaker) -> None:
    """A tag that the data does not have is the service's 400, and not asked twice as narrow."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        (account,) = sandbox.account_ids
        stream = client.usage(account, START, date(2025, 1, 5), group_by=[GroupBy.tag("nonesuch")])
        with pytest.raises(InvalidRequest, match="nonesuch") as caught:
            await stream.collect()
        assert DateChunk(START, date(2025, 1, 5)) == caught.value.chunk
        assert len(sandbox.requests) == 1


@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_a_fan_out_forwards_it(client_for: ClientMaker, on_error: str) -> None:
    """Cost, filter and grouping reach each account."""
    async with Sandbox(accounts=3) as sandbox, client_for(sandbox) as client:
        groups = [GroupBy.dimension("region")]
        stream: Any = client.fan_out(
            sandbox.account_ids,
            START,
            END,
            cost=True,
            group_by=groups,
            on_error=on_error,  # type: ignore[call-overload]  # one of two
        )
        found: dict[str, list[Any]] = {account: [] for account in sandbox.account_ids}
        async for account, record in stream:
            found[account].append(record)
        for account, records in found.items():
            expected = sandbox.usage_query(
                account, START, END, cost=True, group_by=[("DIMENSION", "region")]
            )
            assert truth(expected) == received(records)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"metric": "x", "cost": True}, "metric"),
    ({"cost": "yes"}, "cost"),
    ({"filter_by": {"metric_ids": ["x"]}}, "filter_by"),
    ({"group_by": GroupBy.tag("x")}, "group_by"),
    ({"group_by": "team"}, "group_by"),
    ({"group_by": [("TAG", "team")]}, "group_by"),
    ({"group_by": [GroupBy.tag(key) for key in "abc"]}, "group_by"),
    ({"group_by": [GroupBy.tag("a"), GroupBy.tag("a")]}, "group_by"),
]


@pytest.mark.parametrize(("arguments", "name"), WRONG)
async def test_what_cannot_be_right_names_its_argument(
    client_for: ClientMaker, arguments: dict[str, Any], name: str
) -> None:
    """A wrong argument is refused at once, before any request."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        with pytest.raises(ConfigurationError, match=name):
            client.usage(sandbox.account_ids[0], START, END, **arguments)
        with pytest.raises(ConfigurationError, match=name):
            client.fan_out(sandbox.account_ids, START, END, **arguments)
        assert not sandbox.requests


async def test_a_fan_out_takes_what_a_unit_takes(client_for: ClientMaker) -> None:
    """What an endpoint does not take is refused by name, by either of them."""
    given: dict[str, Any] = {
        "metric": "r2",
        "cost": True,
        "filter_by": UsageFilter(metric_ids=["r2"]),
        "group_by": [GroupBy.tag("team")],
        "source": "v1",
    }
    taken = {
        "usage": set(given) - {"source"},
        "organization_usage": {"metric"},
        "costs": {"source"},
    }
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        fan_out: Any = client.fan_out
        for endpoint in get_args(UnitEndpoint):
            for name, value in given.items():
                facts = {"endpoint": endpoint, "start": START, "end": END, name: value}
                for make in (
                    partial(fan_out, sandbox.account_ids, **facts),
                    partial(WorkUnit, scope_id=sandbox.account_ids[0], **facts),
                ):
                    if name in taken.get(endpoint, ()):
                        make()
                    else:
                        with pytest.raises(ConfigurationError, match=f"{endpoint} takes no {name}"):
                            make()
            with pytest.raises(ConfigurationError, match="source must be"):
                fan_out(sandbox.account_ids, endpoint=endpoint, source="v3")
            with pytest.raises(ConfigurationError, match="cost must be"):
                fan_out(sandbox.account_ids, endpoint=endpoint, cost="yes")
        assert not sandbox.requests


async def test_others_take_none_of_it(client_for: ClientMaker) -> None:
    """An endpoint that has no such query says so."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        for endpoint in ("organization_usage", "billable_usage", "paygo_usage"):
            with pytest.raises(ConfigurationError, match=f"{endpoint} takes no cost"):
                client.fan_out([], endpoint=endpoint, cost=True)  # type: ignore[call-overload]  # wrong on purpose
        assert not sandbox.requests
