"""What to ask the service, and the records that come back in lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Literal

import attrs

from cfbilling import (
    AccountFailure,
    BillingClient,
    BillingError,
    PaygoRecord,
    RecordStream,
    UsageRecord,
)
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.date_range import DateRange

__all__ = ["Batch", "Endpoint", "Query", "batches_of"]

Endpoint = Literal["usage", "organization_usage", "paygo_usage", "paygo_usage_beta"]

Batch = tuple[str, Sequence[UsageRecord | PaygoRecord]] | AccountFailure
"""Some records of the account with this id, or why there are no more of them."""


@attrs.frozen
class Query:
    """What to ask the service.

    Attributes:
        endpoint: The endpoint.
        accounts: The accounts, or the organization.
        days: The range of days.
        metric: The only billable metric wanted, if any.
    """

    endpoint: Endpoint
    accounts: Accounts
    days: DateRange
    metric: str | None = None

    @property
    def record_type(self) -> type[PaygoRecord | UsageRecord]:
        """The class of the records in the answer."""
        return PaygoRecord if self.endpoint.startswith("paygo") else UsageRecord


async def batches_of(client: BillingClient, query: Query) -> AsyncIterator[Batch]:
    """Yield the records of the answer in lists, and each account that failed."""
    source = _many_accounts if query.accounts.are_many else _one_account
    async with aclosing(source(client, query)) as batches:
        async for batch in batches:
            yield batch


async def _one_account(client: BillingClient, query: Query) -> AsyncGenerator[Batch, None]:
    # A fan-out of one would do the same, at a higher cost for each batch.
    (account_id,) = query.accounts.ids
    start, end, metric = query.days.start, query.days.end, query.metric
    try:
        stream: RecordStream[UsageRecord] | RecordStream[PaygoRecord]
        match query.endpoint:
            case "usage":
                stream = client.usage(account_id, start, end, metric=metric)
            case "organization_usage":
                stream = client.organization_usage(account_id, start, end, metric=metric)
            case "paygo_usage":
                stream = client.paygo_usage(account_id, start, end)
            case "paygo_usage_beta":
                stream = client.paygo_usage_beta(account_id, start, end)
        async with stream:
            async for records in stream.batches():
                yield account_id, records
    except BillingError as error:
        yield AccountFailure(account_id, error)


async def _many_accounts(client: BillingClient, query: Query) -> AsyncGenerator[Batch, None]:
    accounts, start, end = query.accounts.for_client, query.days.start, query.days.end
    match query.endpoint:
        case "paygo_usage" | "paygo_usage_beta" as endpoint:
            paygo = client.fan_out(accounts, start, end, endpoint=endpoint, on_error="yield")
            async with paygo:
                async for paygo_batch in paygo.batches():
                    yield paygo_batch
        case "usage" | "organization_usage" as endpoint:
            usage = client.fan_out(
                accounts, start, end, metric=query.metric, endpoint=endpoint, on_error="yield"
            )
            async with usage:
                async for usage_batch in usage.batches():
                    yield usage_batch
