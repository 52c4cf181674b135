"""The answer to a query, added up as it arrives."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing

from cfbilling import AccountFailure, FocusRecord
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.query import Question
from cfbilling.cli.report.totals import Totals, metric_of
from cfbilling.events import Observer

__all__ = ["add_up"]


async def add_up(
    question: Question,
    connection: Connection,
    observer: Observer,
    every: Collection[Totals],
    metric: str | None = None,
) -> list[AccountFailure]:
    """Add each record of the answer to *every* totals, and return the accounts that failed.

    Args:
        question: The question, for costs.
        connection: The way to the service.
        observer: What is told of each event.
        every: The totals.
        metric: The id or name of the only billable metric to add up, or of a service of version 1.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If amounts cannot be added exactly.
    """
    failures: list[AccountFailure] = []
    async with aclosing(question.batches(connection, observer)) as batches:
        async for batch in batches:
            if isinstance(batch, AccountFailure):
                failures.append(batch)
                print_error(f"{batch.account_id} failed: {batch.error}")
                continue
            account_id, records = batch
            charges = [
                record
                for record in records
                if isinstance(record, FocusRecord) and _is_of(record, metric)
            ]
            for totals in every:
                for charge in charges:
                    totals.add(account_id, charge)
    return failures


def _is_of(record: FocusRecord, metric: str | None) -> bool:
    return metric is None or metric in (record.x_billable_metric_id, metric_of(record))
