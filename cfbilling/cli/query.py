"""What to ask the service, and the records that come back in lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import attrs

from cfbilling import (
    AccountFailure,
    BillableUsageRecord,
    BillingClient,
    BillingError,
    FocusRecord,
    PaygoRecord,
    Record,
    UsageRecord,
)
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.selection import Selection
from cfbilling.events import Observer

__all__ = [
    "Asked",
    "Batch",
    "ColumnBatch",
    "ColumnQuestion",
    "CostQuestion",
    "Endpoint",
    "Query",
    "Question",
    "Source",
]

Endpoint = Literal[
    "usage", "organization_usage", "billable_usage", "costs", "paygo_usage", "paygo_usage_beta"
]
Source = Literal["auto", "v2", "v1"]
"""Which version of the API costs are taken from."""

Batch = tuple[str, Sequence[Record]] | AccountFailure
"""Some records of the account with this id, or why there are no more of them."""

_RECORD_TYPES: Mapping[Endpoint, type[Record]] = MappingProxyType(
    {
        "usage": UsageRecord,
        "organization_usage": UsageRecord,
        "billable_usage": BillableUsageRecord,
        "costs": FocusRecord,
        "paygo_usage": PaygoRecord,
        "paygo_usage_beta": PaygoRecord,
    }
)

Batch_co = TypeVar("Batch_co", covariant=True)


class Asked(Protocol):
    """The accounts that a question is about."""

    @property
    def ids(self) -> Sequence[str]:
        """Each id once, in order; none while only the service knows them."""
        ...

    @property
    def are_many(self) -> bool:
        """Whether there may be more than one."""
        ...

    @property
    def count(self) -> int | None:
        """How many they are, if that is known before they are asked about."""
        ...

    def asked(self, ended: int) -> int:
        """Return how many were asked about, of which so many came to their end.

        Raises:
            CommandError: If there was none.
        """
        ...


class Question(Protocol):
    """Something to ask about accounts, with records for an answer."""

    @property
    def accounts(self) -> Asked:
        """The accounts."""
        ...

    @property
    def record_type(self) -> type[Record]:
        """The class of the records in the answer."""
        ...

    @property
    def has_chunks(self) -> bool:
        """Whether each answer comes in chunks of a range, so that it is known how many."""
        ...

    def batches(self, connection: Connection, observer: Observer) -> AsyncGenerator[Batch, None]:
        """Yield the records of the answer in lists, and each account that failed.

        Raises:
            BillingError: What the client raises at once.
        """
        ...


@attrs.frozen
class ColumnBatch:
    """Some records as columns.

    Attributes:
        batch: The `pyarrow.RecordBatch`.
        rows: How many of them there are of each account.
    """

    batch: Any
    rows: Mapping[str, int]


@runtime_checkable
class ColumnQuestion(Question, Protocol):
    """A question whose answer may be had as columns, which is faster than to make them."""

    def columns(
        self, connection: Connection, observer: Observer, *, scope: str, scale: int | None
    ) -> AsyncGenerator[ColumnBatch | AccountFailure, None]:
        """Yield the records of the answer as columns, and each account that failed.

        Args:
            connection: The way to the service.
            observer: Told what happens.
            scope: The name of a first column that says whose each record is, of many accounts.
            scale: The digits after the point of every number; None for the usual.

        Raises:
            BillingError: What the client raises at once.
        """
        ...


class CostQuestion(Question, Protocol):
    """A question about what was used on some days, and what that cost."""

    @property
    def days(self) -> DateRange:
        """The range of days."""
        ...


class _Stream(Protocol[Batch_co]):
    """What each stream of the client is to this file, whatever its records are."""

    def batches(self) -> AsyncIterator[Batch_co]: ...

    def arrow(
        self, *, decimal_scale: int | None = None, scope: str | None = None
    ) -> AsyncIterator[Any]: ...

    async def aclose(self) -> None: ...


@attrs.frozen
class Query:
    """What was used or what it cost on some days: a `CostQuestion`.

    Attributes:
        endpoint: The endpoint.
        accounts: The accounts, or the organization.
        days: The range of days.
        metric: The only billable metric wanted, if any.
        selection: What is asked of usage beside that.
        source: The version of the API that costs are taken from.
    """

    endpoint: Endpoint
    accounts: Accounts
    days: DateRange
    metric: str | None = None
    selection: Selection = Selection()
    source: Source = "auto"
    has_chunks: bool = attrs.field(default=True, init=False)

    @property
    def record_type(self) -> type[Record]:
        """The class of the records in the answer."""
        return _RECORD_TYPES[self.endpoint]

    async def batches(
        self, connection: Connection, observer: Observer
    ) -> AsyncGenerator[Batch, None]:
        """Yield the records of the answer in lists, and each account that failed."""
        async with connection.client(self.accounts.credentials, observer) as client:
            source = _many_accounts if self.accounts.are_many else _one_account
            async with aclosing(source(client, self)) as batches:
                async for batch in batches:
                    yield batch

    async def columns(
        self, connection: Connection, observer: Observer, *, scope: str, scale: int | None
    ) -> AsyncGenerator[ColumnBatch | AccountFailure, None]:
        """Yield the records of the answer as columns, and each account that failed."""
        async with connection.client(self.accounts.credentials, observer) as client:
            if self.accounts.are_many:
                batches = _columns_of_many(client, self, scope, scale)
            else:
                batches = _columns_of_one(client, self, scale)
            async with aclosing(batches):
                async for batch in batches:
                    yield batch


async def _columns_of_one(
    client: BillingClient, query: Query, scale: int | None
) -> AsyncGenerator[ColumnBatch | AccountFailure, None]:
    (account_id,) = query.accounts.ids
    try:
        async with aclosing(_stream(client, query, account_id)) as stream:
            async for batch in stream.arrow(decimal_scale=scale):
                yield ColumnBatch(batch, {account_id: batch.num_rows})
    except BillingError as error:
        yield AccountFailure(account_id, error)


async def _columns_of_many(
    client: BillingClient, query: Query, scope: str, scale: int | None
) -> AsyncGenerator[ColumnBatch | AccountFailure, None]:
    async with aclosing(_fan_out(client, query)) as stream:
        async for item in stream.arrow(decimal_scale=scale, scope=scope):
            if isinstance(item, AccountFailure):
                yield item
            else:
                found = item.column(0).value_counts().to_pylist()
                yield ColumnBatch(item, {each["values"]: each["counts"] for each in found})


async def _one_account(client: BillingClient, query: Query) -> AsyncGenerator[Batch, None]:
    # A fan-out of one would do the same, at a higher cost for each batch.
    (account_id,) = query.accounts.ids
    try:
        async with aclosing(_stream(client, query, account_id)) as stream:
            async for records in stream.batches():
                yield account_id, records
    except BillingError as error:
        yield AccountFailure(account_id, error)


def _stream(client: BillingClient, query: Query, account_id: str) -> _Stream[Sequence[Record]]:
    start, end, selection = query.days.start, query.days.end, query.selection
    match query.endpoint:
        case "usage":
            return client.usage(
                account_id,
                start,
                end,
                metric=query.metric,
                cost=selection.cost,
                filter_by=selection.filter_by,
                group_by=selection.group_by,
            )
        case "organization_usage":
            return client.organization_usage(account_id, start, end, metric=query.metric)
        case "billable_usage":
            return client.billable_usage(account_id, start, end)
        case "costs":
            return client.costs(account_id, start, end, source=query.source)
        case "paygo_usage":
            return client.paygo_usage(account_id, start, end)
        case "paygo_usage_beta":
            return client.paygo_usage_beta(account_id, start, end)


async def _many_accounts(client: BillingClient, query: Query) -> AsyncGenerator[Batch, None]:
    async with aclosing(_fan_out(client, query)) as stream:
        async for batch in stream.batches():
            yield batch


def _fan_out(client: BillingClient, query: Query) -> _Stream[Batch]:
    accounts, selection = query.accounts.for_fan_out(client), query.selection
    start, end = query.days.start, query.days.end
    match query.endpoint:
        case "usage" | "organization_usage" as endpoint:
            return client.fan_out(
                accounts,
                start,
                end,
                metric=query.metric,
                cost=selection.cost,
                filter_by=selection.filter_by,
                group_by=selection.group_by,
                endpoint=endpoint,
                on_error="yield",
            )
        case "billable_usage":
            return client.fan_out(accounts, start, end, endpoint="billable_usage", on_error="yield")
        case "costs":
            return client.fan_out(
                accounts, start, end, endpoint="costs", source=query.source, on_error="yield"
            )
        case "paygo_usage" | "paygo_usage_beta" as endpoint:
            return client.fan_out(accounts, start, end, endpoint=endpoint, on_error="yield")
