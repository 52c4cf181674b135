from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from cfbilling.sandbox import Sandbox

cloudflare = pytest.importorskip("cloudflare")


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A sandbox in an environment without credentials of its own."""
    for name in ("API_TOKEN", "API_KEY", "EMAIL", "API_USER_SERVICE_KEY", "ACCOUNT_ID", "BASE_URL"):
        monkeypatch.delenv(f"CLOUDFLARE_{name}", raising=False)
    async with Sandbox(revision="later") as sandbox:
        yield sandbox


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
