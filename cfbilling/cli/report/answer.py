"""The answer to a query, added up as it arrives."""

from __future__ import annotations

from collections.abc import Collection

from cfbilling import AccountFailure, UsageRecord
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.query import Query, batches_of
from cfbilling.cli.report.totals import Totals
from cfbilling.events import Observer

__all__ = ["add_up"]


async def add_up(
    query: Query, connection: Connection, observer: Observer, every: Collection[Totals]
) -> list[AccountFailure]:
    """Add each record of the answer to *every* totals, and return the accounts that failed.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If amounts cannot be added exactly.
    """
    failures: list[AccountFailure] = []
    async with connection.client(query.accounts.credentials, observer) as client:
        async for batch in batches_of(client, query):
            if isinstance(batch, AccountFailure):
                failures.append(batch)
                print_error(f"{batch.account_id} failed: {batch.error}")
                continue
            account_id, records = batch
            usage = [record for record in records if isinstance(record, UsageRecord)]
            for totals in every:
                for record in usage:
                    totals.add(account_id, record)
    return failures
