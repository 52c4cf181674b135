"""What is asked of each account by itself, such as its invoices; the answers are short lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext

import attrs

from cfbilling import AccountFailure, BillingClient, BillingError, Record
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.connection import Connection
from cfbilling.cli.in_order import in_order
from cfbilling.cli.own_clients import OwnClients
from cfbilling.cli.query import Batch
from cfbilling.events import AccountDone, AccountFailed, Observer

__all__ = ["AccountList"]

Ask = Callable[[BillingClient, str], Awaitable[Sequence[Record]]]
"""What asks a client about the account with an id."""


@attrs.frozen
class AccountList:
    """The list of something that each account has: a `Question`.

    Attributes:
        accounts: The accounts.
        record_type: The class of the records in the answer.
        ask: What asks about one account.
    """

    accounts: Accounts
    record_type: type[Record]
    ask: Ask
    has_chunks: bool = attrs.field(default=False, init=False)

    async def batches(
        self, connection: Connection, observer: Observer
    ) -> AsyncGenerator[Batch, None]:
        """Yield the list of each account in order, or that it failed."""
        own = self.accounts.own or {}
        clients = OwnClients(connection, observer, own.values())
        async with (
            aclosing(clients),
            connection.client(self.accounts.credentials, observer) as usual,
        ):

            async def asked(account_id: str) -> Batch:
                credentials = own.get(account_id)
                lent = nullcontext(usual) if credentials is None else clients.lent(credentials)
                async with lent as client:
                    batch = await self._asked(client, account_id)
                observer(_ended(account_id, batch))
                return batch

            ids = self.accounts.each(usual)
            async with (
                aclosing(ids),
                aclosing(in_order(ids, asked, connection.concurrency)) as all_,
            ):
                async for batch in all_:
                    # A format takes no empty batch.
                    if isinstance(batch, AccountFailure) or batch[1]:
                        yield batch

    async def _asked(self, client: BillingClient, account_id: str) -> Batch:
        try:
            return account_id, await self.ask(client, account_id)
        except BillingError as error:
            return AccountFailure(account_id, error)


def _ended(account_id: str, batch: Batch) -> AccountDone | AccountFailed:
    if isinstance(batch, AccountFailure):
        return AccountFailed(account_id=account_id, error=batch.error)
    return AccountDone(account_id=account_id)
