"""Costs that come from a store instead of the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta

import attrs

from cfbilling import (
    AccountFailure,
    BillingError,
    DateChunk,
    FocusRecord,
    Record,
    StoreError,
    WorkUnit,
    plan,
)
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.errors import CommandError, print_error
from cfbilling.cli.open_store import open_store
from cfbilling.cli.query import Batch, Source
from cfbilling.cli.span import span_of
from cfbilling.cli.sync.months import months_told
from cfbilling.events import AccountDone, AccountFailed, ChunkDone, Observer, StreamStarted
from cfbilling.sync import Store, StoreFormat

__all__ = ["StoredAccounts", "StoredCosts", "Unfinished", "stored_costs_of"]

_DAY = timedelta(days=1)
_MOST_NAMED = 3
_ANY_ID = "0" * 32


class Unfinished:
    """The months that were not over when they were fetched; all accounts together."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, list[str], datetime]] = {}

    def add(self, unit: WorkUnit, fetched: datetime) -> None:
        """Take note of one."""
        count, named, first = self._found.get(_month(unit), (0, [], fetched))
        if count < _MOST_NAMED:
            named.append(unit.scope_id)
        self._found[_month(unit)] = count + 1, named, min(first, fetched)

    def lines(self) -> list[str]:
        """Return what there is to tell of each."""
        lines: list[str] = []
        for month, (count, named, first) in sorted(self._found.items()):
            more = f" and {count - len(named):,} more" if count > len(named) else ""
            when = f"{first:%Y-%m-%d %H:%M} UTC"
            lines.append(
                f"{month} is incomplete: it was not over when it was fetched ({when}) for "
                f"{', '.join(named)}{more}"
            )
        return lines


@attrs.frozen
class StoredAccounts:
    """Accounts whose costs are read from a store: no credential is needed.

    Attributes:
        ids: Each id once, in order.
    """

    ids: Sequence[str]

    @property
    def are_many(self) -> bool:
        """Whether there is more than one."""
        return len(self.ids) > 1

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.ids)

    def asked(self, ended: int) -> int:  # noqa: ARG002 - it is known before
        """Return how many they are."""
        return len(self.ids)


@attrs.frozen
class StoredCosts:
    """The costs of some days, from a store: a `CostQuestion`.

    Attributes:
        store: The store.
        form: The format of its objects.
        accounts: The accounts.
        days: The days, as they were asked for.
        span: The same as a range.
        today: The present UTC day.
        source: The version of the API that the costs were taken from.
        unfinished: What was found not to be whole, so far.
    """

    store: Store
    form: StoreFormat
    accounts: StoredAccounts
    days: DateRange
    span: DateChunk
    today: date
    source: Source = "auto"
    has_chunks: bool = attrs.field(default=True, init=False)
    unfinished: Unfinished = attrs.field(factory=Unfinished, init=False, eq=False, repr=False)

    @property
    def record_type(self) -> type[Record]:
        """The class of the records."""
        return FocusRecord

    async def batches(
        self,
        connection: Connection,  # noqa: ARG002 - nothing is asked of the service
        observer: Observer,
    ) -> AsyncGenerator[Batch, None]:
        """Yield the records of each account in lists, or that some of them are missing."""
        unfinished = self.unfinished
        for account_id in self.accounts.ids:
            try:
                units = [unit for unit in self._units(account_id) if unit.start <= self.today]
                async with aclosing(self._of(account_id, units, unfinished, observer)) as batches:
                    async for records in batches:
                        yield account_id, records
                observer(AccountDone(account_id=account_id))
            except BillingError as error:
                observer(AccountFailed(account_id=account_id, error=error))
                yield AccountFailure(account_id, error)
        for line in unfinished.lines():
            print_error(line)

    def _units(self, account_id: str) -> Iterator[WorkUnit]:
        return plan([account_id], self.span.start, self.span.end, source=self.source)

    async def _of(
        self,
        account_id: str,
        units: Sequence[WorkUnit],
        unfinished: Unfinished,
        observer: Observer,
    ) -> AsyncGenerator[Sequence[Record], None]:
        observer(_started(account_id, self.span, len(units)))
        missing: list[str] = []
        for unit in units:
            fetched = await self.store.fetched(unit)
            if fetched is None:
                missing.append(_month(unit))
                continue
            if fetched.date() < unit.end:
                unfinished.add(unit, fetched)
            count = 0
            async with self.store.read(unit) as stream:
                async for records in stream.batches():
                    if kept := [record for record in records if self._holds(record)]:
                        count += len(kept)
                        yield kept
            observer(_read(unit, count))
        if missing:
            raise StoreError(f"not in the store, as {self.form}: {months_told(missing)}")

    def _holds(self, record: Record) -> bool:
        """Return whether a charge starts on the days; one that does not say, where it ends."""
        start: datetime | None = getattr(record, "charge_period_start", None)
        if start is not None:
            return self.span.lower <= start < self.span.upper
        end: datetime | None = getattr(record, "charge_period_end", None)
        return end is None or self.span.lower < end <= self.span.upper


def _month(unit: WorkUnit) -> str:
    return f"{unit.start:%Y-%m}"


def _started(account_id: str, span: DateChunk, chunks: int) -> StreamStarted:
    return StreamStarted(endpoint="costs", scope_id=account_id, chunk=span, chunks=chunks)


def _read(unit: WorkUnit, records: int) -> ChunkDone:
    return ChunkDone(
        endpoint=unit.endpoint,
        scope_id=unit.scope_id,
        chunk=DateChunk(unit.start, unit.end),
        records=records,
        outside=0,
        longest_slice=0.0,
    )


async def stored_costs_of(
    destination: str,
    form: StoreFormat,
    ids: Iterable[str],
    days: DateRange,
    source: Source = "auto",
) -> StoredCosts:
    """Return the question about the costs in a store.

    Args:
        destination: Where the store is, ``--from-sync``.
        form: The format of its objects.
        ids: The accounts; all of the store, if there are none.
        days: The range of days; by default the current month through today.
        source: The version of the API that the costs were taken from.

    Raises:
        BillingError: If the days are no range, or the store cannot be listed.
        CommandError: If the store cannot be opened, or has no costs at all.
    """
    store = open_store("--from-sync", destination, form)
    today = datetime.now(UTC).date()
    span = span_of(days, today)
    (example,) = plan([_ANY_ID], today, today + _DAY, source=source)
    known = await store.scopes(example)
    if not known:
        of = "" if source == "auto" else f" of --source {source}"
        # A URL may hold a password.
        where = "" if "://" in destination else f" {destination}"
        raise CommandError(f"--from-sync{where}: no costs{of} are stored there")
    accounts = StoredAccounts(list(dict.fromkeys(ids)) or known)
    return StoredCosts(store, form, accounts, days, span, today, source)
