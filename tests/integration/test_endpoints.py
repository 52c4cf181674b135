"""Each of the five endpoints, end to end on the sandbox."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cfbilling import (
    ApiKey,
    ApiToken,
    BillingClient,
    BillingProfile,
    ConfigurationError,
    PaygoRecord,
    UsageRecord,
)
from cfbilling.events import Event, FieldMissing
from cfbilling.sandbox import Sandbox
from tests.conftest import NOW, ClientMaker
from tests.integration.truth import received, truth

START, END = date(2025, 1, 10), date(2025, 3, 20)


@pytest.mark.parametrize("revision", ["seed", "later"])
async def test_usage_is_the_truth(client_for: ClientMaker, revision: str) -> None:
    """An account's usage of a long range is exactly what the service knows, in its order."""
    async with Sandbox(revision=revision) as sandbox, client_for(sandbox) as client:  # type: ignore[arg-type]  # parametrised
        account = sandbox.account_ids[1]
        records = await client.usage(account, START, END).collect()
        assert truth(sandbox.expected_usage(account, START, END)) == received(records)
        assert {UsageRecord} == set(map(type, records))


async def test_organization_usage_is_the_truth(client_for: ClientMaker) -> None:
    """An organization's usage holds every account's records of each day."""
    async with Sandbox(accounts=4, organizations=2) as sandbox, client_for(sandbox) as client:
        organization = sandbox.organization_ids[1]
        records = await client.organization_usage(organization, START, END).collect()
        assert truth(sandbox.expected_usage(organization, START, END)) == received(records)


async def test_an_unknown_organization_has_no_records(client_for: ClientMaker) -> None:
    """An organization that does not exist gives no records and no error."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        assert [] == await client.organization_usage("f" * 32, START, END).collect()


async def test_paygo_usage_is_the_truth_in_one_request(client_for: ClientMaker) -> None:
    """A paygo range of any length goes out as it was given."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        records = await client.paygo_usage(account, START, END).collect()
        assert truth(sandbox.expected_paygo(account, START, END)) == received(records)
        assert {PaygoRecord} == set(map(type, records))
        assert [{"from": "2025-01-10", "to": "2025-03-20"}] == [r.query for r in sandbox.requests]


async def test_paygo_usage_beta_has_the_eleven_fields(client_for: ClientMaker) -> None:
    """The beta endpoint's records are the truth, with what it does not send as None."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        records = await client.paygo_usage_beta(account, START, END).collect()
        assert truth(sandbox.expected_paygo_beta(account, START, END)) == received(records)
        assert all(record.zone_id is None for record in records)


async def test_the_profile_is_the_truth(client_for: ClientMaker) -> None:
    """A billing profile holds every field that the service sent."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[2]
        profile = await client.billing_profile(account)
        expected = truth([sandbox.expected_profile(account)])[0]
        got = received([profile])[0]
        # Fractions of a second beyond the sixth digit do not fit into a datetime.
        for wire in (expected, got):
            wire.pop("created_on")
        assert expected == got
        assert isinstance(profile, BillingProfile)
        assert profile.created_on is not None


async def test_no_range_is_left_to_the_service(client_for: ClientMaker) -> None:
    """Without dates no parameters are sent, and the current month comes back."""
    async with Sandbox(today=NOW.date()) as sandbox, client_for(sandbox) as client:
        records = await client.usage(sandbox.account_ids[0]).collect()
        assert [{}] == [request.query for request in sandbox.requests]
        days = {r.charge_period_start.date() for r in records if r.charge_period_start}
        assert {date(2026, 3, 1) + timedelta(n) for n in range(10)} == days


async def test_start_alone_means_through_today(client_for: ClientMaker) -> None:
    """With a start only, the range ends with the end of today in UTC."""
    async with Sandbox(today=NOW.date()) as sandbox, client_for(sandbox) as client:
        await client.usage(sandbox.account_ids[0], "2026-03-02").collect()
        assert [{"from": "2026-03-02", "to": "2026-03-11"}] == [r.query for r in sandbox.requests]


async def test_a_short_range_goes_out_as_given(client_for: ClientMaker) -> None:
    """A range that fits into one chunk is on the wire exactly as from=start and to=end."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        await client.usage(sandbox.account_ids[0], "2025-01-01", "2025-02-01").collect()
        assert [{"from": "2025-01-01", "to": "2025-02-01"}] == [r.query for r in sandbox.requests]


async def test_metric_filters(client_for: ClientMaker) -> None:
    """The metric asked for is sent with every chunk, and only its records come."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        every = await client.usage(account, START, END).collect()
        metric = next(r.x_billable_metric_name for r in every if r.x_billable_metric_name)
        records = await client.usage(account, START, END, metric=metric).collect()
        expected = sandbox.expected_usage(account, START, END, metric=metric)
        assert truth(expected) == received(records)
        assert len(records) > 0


async def test_aware_datetimes_keep_their_instants(client_for: ClientMaker) -> None:
    """A datetime range keeps the records whose period starts inside it, whatever its zone."""
    zone = timezone(timedelta(hours=-7))
    start = datetime(2025, 1, 9, 17, 0, 1, tzinfo=zone)  # one second into 10 January, UTC
    end = datetime(2025, 2, 20, 12, 0, tzinfo=UTC)
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        records = await client.usage(account, start, end).collect()
        expected = sandbox.expected_usage(account, date(2025, 1, 11), date(2025, 2, 21))
        assert truth(expected) == received(records)


async def test_the_legacy_scheme_works(client_for: ClientMaker) -> None:
    """An e-mail address with its global key gets the same records as a token."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        legacy = ApiKey(sandbox.email, sandbox.api_key)
        async with client_for(sandbox, credentials=legacy) as client:
            records = await client.usage(account, START, END).collect()
        assert truth(sandbox.expected_usage(account, START, END)) == received(records)


async def test_missing_required_fields_are_told_once(client_for: ClientMaker) -> None:
    """A required field that the service drops is None, and an event says so once per stream."""
    events: list[Event] = []
    async with (
        Sandbox(revision="later", records_per_day=30) as sandbox,
        client_for(sandbox, observer=events.append) as client,
    ):
        await client.usage(sandbox.account_ids[0], START, END).collect()
    fields = [event.field for event in events if isinstance(event, FieldMissing)]
    assert fields
    assert sorted(set(fields)) == sorted(fields)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("../../../user", None, None), "account_id"),
        (("A" * 32, None, None), "account_id"),
        (("a" * 32, None, "2025-01-01"), "start"),
        (("a" * 32, "2025-01-01", "2025-01-01"), "start"),
        (("a" * 32, "yesterday", None), "start"),
        (("a" * 32, "2025-01-01", datetime(2025, 2, 1)), "end"),  # noqa: DTZ001 - naive on purpose
        (("a" * 32, 20250101, "2025-02-01"), "start"),
    ],
)
async def test_bad_arguments_are_refused_before_any_request(
    client_for: ClientMaker, arguments: tuple[object, ...], named: str
) -> None:
    """A bad argument is a ConfigurationError that names it, raised by the call itself."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        with pytest.raises(ConfigurationError, match=named):
            client.usage(*arguments)  # type: ignore[arg-type]  # wrong on purpose
        assert [] == sandbox.requests


async def test_a_bad_metric_is_refused_before_any_request(client_for: ClientMaker) -> None:
    """A metric beyond 128 characters is a ConfigurationError that names it."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        with pytest.raises(ConfigurationError, match="metric"):
            client.usage("a" * 32, metric="m" * 129)


async def test_a_closed_client_says_so() -> None:
    """A client outside of its context is a clear error, not a hang."""
    client = BillingClient(ApiToken("t"))
    with pytest.raises(ConfigurationError, match="async with"):
        client.usage("a" * 32)
