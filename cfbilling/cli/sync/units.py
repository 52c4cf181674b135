"""The units of a run, made account by account as they are needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import attrs

from cfbilling import BillingClient, ConfigurationError, WorkUnit, plan
from cfbilling.cli.accounts import AccountIds
from cfbilling.cli.query import Endpoint, Source
from cfbilling.cli.selection import Selection
from cfbilling.cli.sync.failures import Failures
from cfbilling.cli.sync.months import MonthRange

__all__ = ["AccountUnits", "Table"]

_ANY_ID = "0" * 32


@attrs.frozen
class Table:
    """What is kept of each account.

    Attributes:
        endpoint: The endpoint.
        months: The months.
        metric: The only billable metric wanted, if any.
        selection: What is asked of usage beside that.
        source: The version of the API that costs are taken from.
    """

    endpoint: Endpoint
    months: MonthRange
    metric: str | None = None
    selection: Selection = Selection()
    source: Source = "auto"

    def units(self, account_id: str, credential: str | None = None) -> Iterator[WorkUnit]:
        """Yield an account's units, month by month.

        Raises:
            ConfigurationError: For an id or parameters that cannot be right.
        """
        return plan(
            {account_id: credential},
            self.months.start,
            self.months.end,
            endpoint=self.endpoint,
            metric=self.metric,
            cost=self.selection.cost,
            filter_by=self.selection.filter_by,
            group_by=self.selection.group_by,
            source=self.source,
        )

    @property
    def example(self) -> WorkUnit:
        """A unit of some account.

        Raises:
            ConfigurationError: For parameters that cannot be right.
        """
        return next(self.units(_ANY_ID))


class AccountUnits:
    """The units of all accounts of a run; what cannot be an account fails for itself.

    Args:
        accounts: The accounts.
        table: What is kept of each.
        failures: What is told of those that cannot be one.
        remembers: Whether to remember the ids.

    Attributes:
        asked: How many accounts there were so far.
        ids: Their ids, if they are remembered; without those that cannot be one.
        has_strangers: Whether some could not be one.
    """

    def __init__(
        self, accounts: AccountIds, table: Table, failures: Failures, *, remembers: bool
    ) -> None:
        self._accounts = accounts
        self._table = table
        self._failures = failures
        self._remembers = remembers
        self.asked = 0
        self.ids: set[str] = set()
        self.has_strangers = False

    @property
    def total(self) -> int | None:
        """How many units there are, if that is known before the accounts are asked about."""
        count = self._accounts.count
        return None if count is None else count * len(self._table.months)

    async def each(self, client: BillingClient | None) -> AsyncGenerator[WorkUnit, None]:
        """Yield the units; the client is asked for the list of accounts, if that is wanted."""
        async with aclosing(self.by_account(client)) as accounts:
            async for units in accounts:
                for unit in units:
                    yield unit

    async def by_account(
        self, client: BillingClient | None
    ) -> AsyncGenerator[list[WorkUnit], None]:
        """Yield the units of each account together."""
        async with aclosing(self._accounts.each(client)) as ids:
            async for account_id in ids:
                self.asked += 1
                credential = self._accounts.names.get(account_id)
                try:
                    units = list(self._table.units(account_id, credential))
                except ConfigurationError as error:
                    self.has_strangers = True
                    self._failures.add_account(account_id, error)
                    continue
                if self._remembers:
                    self.ids.add(account_id)
                # Whoever takes them may wait for nothing, and they may be a million.
                await asyncio.sleep(0)
                yield units

    def kept(self) -> Iterator[WorkUnit]:
        """Yield a unit of each account that is remembered."""
        for account_id in self.ids:
            yield next(self._table.units(account_id))
