import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cfbilling.sandbox import Sandbox, WireRecord

cloudflare = pytest.importorskip("cloudflare", reason="needs cloudflare, which the extra dev has")
httpx = pytest.importorskip("httpx", reason="needs httpx, which the extra dev has")
# Some of its methods are the old names of others.
pytestmark = pytest.mark.filterwarnings("ignore:Use :DeprecationWarning")

TODAY = date(2025, 6, 15)
ONE_DAY = timedelta(days=1)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT")


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A sandbox in an environment without credentials of its own."""
    for name in ("API_TOKEN", "API_KEY", "EMAIL", "API_USER_SERVICE_KEY", "ACCOUNT_ID", "BASE_URL"):
        monkeypatch.delenv(f"CLOUDFLARE_{name}", raising=False)
    async with Sandbox(revision="later", accounts=12, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Any]:
    """The official client, as it comes, on the sandbox."""
    async with cloudflare.AsyncCloudflare(
        api_token=sandbox.api_token, base_url=sandbox.base_url, max_retries=0
    ) as client:
        yield client


async def test_the_official_client_reads_everything(sandbox: Sandbox) -> None:
    """The vendor's own SDK gets usage and profiles out of the sandbox unchanged."""
    account, organization = sandbox.account_ids[0], sandbox.organization_ids[0]
    start, end = date(2025, 5, 1), date(2025, 5, 3)
    async with cloudflare.AsyncCloudflare(
        api_token=sandbox.api_token, base_url=sandbox.base_url, max_retries=0
    ) as client:
        usage = await client.billing.usage.get_account_usage_v2(
            account_id=account, from_=start, to=end
        )
        expected = list(sandbox.expected_usage(account, start, end))
        assert [record.consumed_quantity for record in usage] == [
            float(Decimal(str(record["ConsumedQuantity"]))) for record in expected
        ]
        of_all = await client.organizations.billing.usage.get(
            organization_id=organization, from_=start, to=end
        )
        assert len(of_all) == len(list(sandbox.expected_usage(organization, start, end)))
        profile = await client.billing.profiles.get(account_id=account)
        assert profile.id == sandbox.expected_profile(account)["id"]
    assert {facts.endpoint for facts in sandbox.requests} == {
        "usage",
        "organization_usage",
        "billing_profile",
    }


async def test_the_official_client_takes_the_legacy_scheme(sandbox: Sandbox) -> None:
    """E-mail and key work, and a refusal becomes the SDK's own error."""
    account = sandbox.account_ids[0]
    async with cloudflare.AsyncCloudflare(
        api_email=sandbox.email, api_key=sandbox.api_key, base_url=sandbox.base_url, max_retries=0
    ) as client:
        profile = await client.billing.profiles.get(account_id=account)
        assert profile.country == sandbox.expected_profile(account)["country"]
        sandbox.refuse(account)
        with pytest.raises(cloudflare.PermissionDeniedError):
            await client.billing.profiles.get(account_id=account)


def told(record: Mapping[str, object], alias: str) -> object:
    """Return a field as the SDK's types have it: floats, moments and nested values."""
    value = record.get(alias)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and MOMENT.match(value):
        return datetime.fromisoformat(value)
    if isinstance(value, dict):
        return {name: told(value, name) for name in value}
    return value


def agree(models: Sequence[Any], records: Sequence[WireRecord]) -> None:
    """Check that the SDK's models and the sandbox's truth have the same fields and values."""
    assert len(models) == len(records)
    for model, record in zip(models, records, strict=True):
        # It takes numbers that should be whole and are not, and leaves some moments as text.
        sent = model.to_dict(use_api_names=True, mode="python", warnings=False)
        assert {name: told(record, name) for name in record} == {
            name: told(sent, name) for name in sent
        }


async def test_the_official_client_reads_version_1(client: Any, sandbox: Sandbox) -> None:
    """Under its old and its new names, cycle by cycle and without dates, each record agrees."""
    for account in sandbox.account_ids:
        (subscription,) = sandbox.billing_subscriptions(account)
        current = subscription.latest_anchor(TODAY)
        previous = subscription.latest_anchor(current - ONE_DAY)
        usage = client.billing.usage
        for read in (usage.get_account_usage_v1, usage.paygo):
            cycle = await read(account_id=account, from_=previous, to=current - ONE_DAY)
            agree(cycle, sandbox.billable_usage(account, previous, current))
            recent = await read(account_id=account)
            agree(recent, sandbox.billable_usage(account, previous, TODAY + ONE_DAY))
        for tell in (usage.get_account_usage_info_v1, usage.paygo_info):
            info = await tell(account_id=account)
            assert info.covered is True
            (found,) = info.subscriptions
            assert (found.id, found.billing_cycle_anchor_timestamp, found.start_timestamp) == (
                subscription.id,
                subscription.anchor,
                subscription.start,
            )
    assert {"billable_usage", "billing_cycles"} == {facts.endpoint for facts in sandbox.requests}


async def test_the_official_client_reads_version_2(client: Any, sandbox: Sandbox) -> None:
    """Usage of accounts and of organizations agrees record by record."""
    account, organization = sandbox.account_ids[0], sandbox.organization_ids[0]
    start, end = date(2025, 5, 1), date(2025, 6, 1)
    usage = client.billing.usage
    for read in (usage.get, usage.get_account_usage_v2):
        records = await read(account_id=account, from_=start, to=end)
        agree(records, list(sandbox.expected_usage(account, start, end)))
    records = await client.organizations.billing.usage.get(
        organization_id=organization, from_=start, to=end
    )
    agree(records, list(sandbox.expected_usage(organization, start, end)))
    profile = await client.billing.profiles.get(account_id=account)
    agree([profile], [sandbox.expected_profile(account)])


async def test_the_official_client_reads_the_lists(client: Any, sandbox: Sandbox) -> None:
    """History and accounts agree over all their pages, credits and fees as they are."""
    account = sandbox.account_ids[0]
    history = [item async for item in client.billing.history.list(account_id=account, per_page=50)]
    agree(history, sandbox.billing_history(account))
    paid = [item async for item in client.billing.history.list(account_id=account, status="paid")]
    agree(paid, sandbox.billing_history(account, "paid"))
    agree([each async for each in client.accounts.list(per_page=5)], sandbox.accounts())
    for each in sandbox.account_ids:
        credits_ = await client.billing.credits.get(account_id=each)
        agree([credits_], [sandbox.billing_credits(each)])
        fees = [fee async for fee in client.accounts.subscriptions.get(account_id=each)]
        agree(fees, sandbox.subscriptions(each))


async def test_the_official_client_can_query_usage(client: Any, sandbox: Sandbox) -> None:
    """The SDK has no method for a query of usage, but its way to post one gets the truth."""
    account = sandbox.account_ids[0]
    body = {
        "TimePeriod": {"From": "2025-05-01T00:00:00Z", "To": "2025-05-02T00:00:00Z"},
        "GroupBy": [{"Type": "TAG", "Key": "team"}],
        "Metric": "cost",
    }
    path = f"/accounts/{account}/billable/usage"
    response = await client.post(path, body=body, cast_to=httpx.Response)
    expected = sandbox.usage_query(
        account, date(2025, 5, 1), date(2025, 5, 2), cost=True, group_by=[("TAG", "team")]
    )
    assert expected == json.loads(response.text, parse_float=Decimal, parse_int=Decimal)["result"]


async def test_the_official_client_is_told_who_is_not_let_in(client: Any, sandbox: Sandbox) -> None:
    """A missing permission and an account of the wrong kind are the SDK's own errors."""
    account = sandbox.account_ids[0]
    sandbox.set_kind(account, "contract")
    with pytest.raises(cloudflare.PermissionDeniedError):
        await client.billing.usage.get_account_usage_v1(account_id=account)
    sandbox.forbid_billing(sandbox.api_token)
    with pytest.raises(cloudflare.PermissionDeniedError):
        await client.billing.credits.get(account_id=account)
    assert [each async for each in client.accounts.list()]
