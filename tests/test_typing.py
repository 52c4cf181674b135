"""What users' type checkers see: read by mypy and pyright, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import assert_type

from cfbilling import (
    ApiKey,
    ApiToken,
    BillingClient,
    BillingProfile,
    DateChunk,
    PaygoRecord,
    RecordStream,
    UsageRecord,
    credentials_from_env,
    split_range,
)


async def _uses(client: BillingClient, account_id: str) -> None:
    assert_type(credentials_from_env(), ApiToken | ApiKey)
    assert_type(split_range("2025-01-01", date(2025, 2, 1)), list[DateChunk])
    assert_type(await client.billing_profile(account_id), BillingProfile)
    assert_type(client.usage(account_id), RecordStream[UsageRecord])
    assert_type(client.organization_usage(account_id), RecordStream[UsageRecord])
    assert_type(client.paygo_usage(account_id), RecordStream[PaygoRecord])
    assert_type(client.paygo_usage_beta(account_id), RecordStream[PaygoRecord])
    assert_type(await client.usage(account_id).collect(), list[UsageRecord])
    async with client.usage(account_id, "2025-01-01", "2025-02-01") as stream:
        assert_type(stream, RecordStream[UsageRecord])
        assert_type(stream.batches(), AsyncIterator[list[UsageRecord]])
        async for record in stream:
            assert_type(record.billed_cost, Decimal | None)
            assert_type(record.charge_period_start, datetime | None)
            assert_type(record.extra["x"], object)


def test_the_checked_function_exists() -> None:
    """The uses above are defined, so that the type checkers have something to read."""
    assert callable(_uses)
