"""The ways to get the records of one request over HTTP: ours, the official SDK's, and none."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from cloudflare import AsyncCloudflare
from cloudflare.types.billing import UsageGetAccountUsageV2Response

from benchmarks.harness.servers import Work
from cfbilling import ApiToken, BillingClient, UsageRecord

__all__ = ["OfficialSdk", "Ours", "RawHttp"]


@dataclass(frozen=True)
class Ours:
    """`cfbilling`, in each of the ways to take its records."""

    client: BillingClient
    work: Work

    @classmethod
    def client_for(cls, work: Work, concurrency: int = 8) -> BillingClient:
        """Make a client; all but the concurrency is by default."""
        return BillingClient(
            ApiToken(work.api_token), base_url=work.base_url, concurrency=concurrency
        )

    async def collect(self) -> list[UsageRecord]:
        """Take all at once."""
        work = self.work
        return await self.client.usage(work.account_id, work.start, work.end).collect()

    async def batches(self) -> None:
        """Take them in lists."""
        work, count = self.work, 0
        async for batch in self.client.usage(work.account_id, work.start, work.end).batches():
            count += len(batch)
        assert count == work.records

    async def one_by_one(self) -> None:
        """Take each by itself."""
        work, count = self.work, 0
        async for _ in self.client.usage(work.account_id, work.start, work.end):
            count += 1
        assert count == work.records


@dataclass(frozen=True)
class OfficialSdk:
    """The vendor's ``cloudflare`` package with its own defaults."""

    client: AsyncCloudflare
    work: Work

    @classmethod
    def client_for(cls, work: Work) -> AsyncCloudflare:
        """Make a client."""
        return AsyncCloudflare(api_token=work.api_token, base_url=work.base_url)

    async def collect(self) -> UsageGetAccountUsageV2Response:
        """Take all at once: there is no other way."""
        work = self.work
        records = await self.client.billing.usage.get_account_usage_v2(
            account_id=work.account_id, from_=work.start, to=work.end
        )
        assert len(records) == work.records
        return records

    async def wire_bytes(self) -> int:
        """Return how long the body is that the SDK receives."""
        work = self.work
        response = await self.client.billing.usage.with_raw_response.get_account_usage_v2(
            account_id=work.account_id, from_=work.start, to=work.end
        )
        assert response.headers["Content-Encoding"] == "gzip"
        return int(response.headers["Content-Length"])


@dataclass(frozen=True)
class RawHttp:
    """aiohttp alone: the bytes, inflated, and nothing made of them."""

    session: aiohttp.ClientSession
    work: Work

    async def read(self) -> bytes:
        """Receive the body."""
        async with self.session.get(self.work.url, headers=self.work.headers) as response:
            return await response.read()
