"""The answer to a query, added up as it arrives; what is not whole is kept apart until the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import attrs

from cfbilling import AccountFailure, BillingError, FocusRecord, Record
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.errors import print_error
from cfbilling.cli.query import CostQuestion, Query, Question
from cfbilling.cli.report.charges import charge_of
from cfbilling.cli.report.dimensions import Dimension, metric_of, own_name
from cfbilling.cli.report.totals import Totals
from cfbilling.cli.stored_costs import StoredCosts
from cfbilling.events import AccountDone, Event, Observer

__all__ = ["Answer", "Incomplete", "add_up", "is_of_organization"]


@attrs.frozen
class Incomplete:
    """An account that failed.

    Attributes:
        account_id: The account.
        error: Why.
        counted: The number of its records that are in the totals all the same.
        what: What it is, if not an account.
    """

    account_id: str
    error: BillingError
    counted: int
    what: str = "account"

    def __str__(self) -> str:
        if not self.counted:
            return f"Incomplete: {self.what} {self.account_id} failed and is left out."
        counted = f"of it only {self.counted:,} records are counted"
        return f"Incomplete: {self.what} {self.account_id} failed; {counted}."


@attrs.frozen
class Answer:
    """What the records of all accounts add up to.

    Attributes:
        totals: The sums, for each dimension that was asked for.
        incomplete: The accounts that failed.
        names: What the accounts are called, by their ids, as far as records say.
        unfinished: What is told of months that a store has only the beginning of.
        days_before: The period before, if that is compared.
        incomplete_before: The accounts that failed in the period before.
        is_comparable: Whether the periods may be compared, or accounts that failed forbid it.
    """

    totals: Sequence[Totals]
    incomplete: Sequence[Incomplete]
    names: Mapping[str, str] = attrs.field(factory=dict[str, str])
    unfinished: Sequence[str] = ()
    days_before: DateRange | None = None
    incomplete_before: Sequence[Incomplete] = ()
    is_comparable: bool = True

    def days(self, question: CostQuestion) -> str:
        """Return the days of the question, for people, and what they are compared with."""
        if self.days_before is None:
            return str(question.days)
        return f"{question.days}, compared with {self.days_before}"

    @property
    def errors(self) -> list[BillingError]:
        """Why accounts failed."""
        return [account.error for account in self.incomplete]

    def compared(self, before: Answer, days: DateRange) -> Answer:
        """Return this answer with that of the period before, which is these days."""
        for totals, other in zip(self.totals, before.totals, strict=True):
            totals.compare(other)
        names = {**before.names, **self.names}
        return attrs.evolve(
            self, names=names, days_before=days, incomplete_before=before.incomplete
        )

    def is_empty(self, asked: int) -> bool:
        """Return whether there is nothing to show of so many accounts: all failed."""
        counted = any(account.counted for account in self.incomplete)
        return len(self.incomplete) >= asked and not counted


async def add_up(
    question: Question,
    connection: Connection,
    observer: Observer,
    dimensions: Sequence[Dimension],
    metric: str | None = None,
    *,
    counts_partial: bool = False,
) -> Answer:
    """Add each record of the answer up.

    Args:
        question: The question, for costs.
        connection: The way to the service.
        observer: What is told of each event.
        dimensions: What the lines are about; there is a sum for each.
        metric: The id or name of the only billable metric to add up, or of a service of version 1.
        counts_partial: Whether the records of an account that failed count, with a mark.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If amounts cannot be added exactly.
    """
    parts = _Parts(dimensions, names_owner=not is_of_organization(question))

    def observe(event: Event) -> None:
        if isinstance(event, AccountDone):
            parts.done.append(event.account_id)
        observer(event)

    failures: list[AccountFailure] = []
    names: dict[str, str] = {}
    async with aclosing(question.batches(connection, observe)) as batches:
        async for batch in batches:
            if isinstance(batch, AccountFailure):
                failures.append(batch)
                arrived = parts.arrived(batch.account_id)
                partly = f" ({arrived:,} records had arrived)" if arrived else ""
                print_error(f"{batch.account_id} failed: {batch.error}{partly}")
                continue
            account_id, records = batch
            if account_id not in names and (name := _name_in(records, account_id)):
                names[account_id] = name
            charges = [charge for record in records if (charge := charge_of(record))]
            parts.add(account_id, [charge for charge in charges if _is_of(charge, metric)])
    counted = {
        failure.account_id: parts.end(failure.account_id, is_counted=counts_partial)
        for failure in failures
    }
    what = "organization" if is_of_organization(question) else "account"
    incomplete = [Incomplete(f.account_id, f.error, counted[f.account_id], what) for f in failures]
    unfinished = question.unfinished.lines() if isinstance(question, StoredCosts) else ()
    return Answer(parts.whole(), incomplete, names, unfinished)


class _Parts:
    """The sums of each account by itself, until it is known to be whole.

    Attributes:
        done: Accounts that are whole, and not yet added to the others.
    """

    def __init__(self, dimensions: Sequence[Dimension], *, names_owner: bool) -> None:
        self.done: list[str] = []
        self._dimensions = dimensions
        self._names_owner = names_owner
        self._whole = self._new()
        self._open: dict[str, list[Totals]] = {}

    def _new(self) -> list[Totals]:
        return [Totals(by) for by in self._dimensions]

    def add(self, account_id: str, records: Sequence[FocusRecord]) -> None:
        # The sums of very many accounts would take memory for each of them.
        while self.done:
            self._merge(self.done.pop(), is_partial=False)
        # Of an account that is done, the last records may still be on their way; they are added
        # in the end.
        if account_id not in self._open:
            self._open[account_id] = self._new()
        owner = account_id if self._names_owner else None
        for totals in self._open[account_id]:
            for record in records:
                totals.add(owner, record)

    def arrived(self, account_id: str) -> int:
        return self._open[account_id][0].records if account_id in self._open else 0

    def end(self, account_id: str, *, is_counted: bool) -> int:
        """Count what there is of an account that failed, or drop it; return how much counts."""
        if not is_counted:
            self._open.pop(account_id, None)
            return 0
        arrived = self.arrived(account_id)
        self._merge(account_id, is_partial=True)
        return arrived

    def whole(self) -> list[Totals]:
        """Return the sums of all accounts that have not failed, and of what was counted."""
        for account_id in list(self._open):
            self._merge(account_id, is_partial=False)
        return self._whole

    def _merge(self, account_id: str, *, is_partial: bool) -> None:
        for whole, part in zip(self._whole, self._open.pop(account_id, ()), strict=False):
            whole.merge(part, is_partial=is_partial)


def _name_in(records: Sequence[Record], account_id: str) -> str | None:
    for record in records:
        if isinstance(record, FocusRecord) and (name := own_name(account_id, record)):
            return name
    return None


def is_of_organization(question: Question) -> bool:
    """Return whether a question is about an organization, and not about accounts."""
    return isinstance(question, Query) and question.endpoint == "organization_usage"


def _is_of(record: FocusRecord, metric: str | None) -> bool:
    return metric is None or metric in (record.x_billable_metric_id, metric_of(record))
