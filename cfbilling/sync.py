"""A store kept true: one object for each unit of work, replaced whole while the vendor restates.

Objects are under hive-style partitions, ``endpoint=costs/scope_id=.../month=2025-01/data.parquet``,
and say of themselves whose they are, when they were fetched and of which version they are. There
is no other state: whatever dies, is repeated or runs twice, the next sync goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any, Literal

from cfbilling.client import BillingClient
from cfbilling.errors import (
    AccountFailure,
    BillingError,
    ConfigurationError,
    FanOutError,
    StoreError,
)
from cfbilling.jobs import WorkUnit, checked_units
from cfbilling.records import ChargeRecord
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.horizon import RESTATE, checked_restate
from cfbilling.store.results import SyncReport, SyncResult, Tally
from cfbilling.store.store import Store, StoreFormat
from cfbilling.streams.record_stream import RecordStream

__all__ = [
    "RESTATE",
    "Store",
    "StoreFormat",
    "SyncReport",
    "SyncResult",
    "due",
    "sync",
    "sync_unit",
]

_CLOCKS_APART = timedelta(days=1)
"""How far the clocks of two machines may be from each other."""

_LOOKED_AT = 32
_MOST_LOST = 5
"""How many units in a row a store may refuse for good, before no more are fetched for it."""


async def sync_unit(client: BillingClient, unit: WorkUnit, store: Store) -> SyncResult:
    """Fetch a unit, and replace its object when all of it is there: what a job calls and returns.

    A unit without records becomes an empty object with the schema. Delivered twice or repeated
    after a crash, it does no harm.

    Args:
        client: An open client; one for each process.
        unit: The unit.
        store: The store.

    Raises:
        ConfigurationError: For what is no unit of one whole month, or names a credential that the
            client does not have.
        StoreError: If the store cannot be read or written; the object that was there stays.
        BillingError: What the client raises. `RateLimited` says by ``retry_after`` when to come
            again.
    """
    began = client.clock.now().astimezone(UTC)
    async with client.fetch(unit) as stream:
        return await _synced(unit, stream, store, began)


async def _synced(
    unit: WorkUnit, stream: RecordStream[ChargeRecord], store: Store, began: datetime
) -> SyncResult:
    """Replace a unit's object.

    *began* is when the client decided on which days to ask for: were it later, an object without
    its last days could be taken for settled.
    """
    objects = store.objects
    before = await objects.facts(unit)
    facts = ObjectFacts(unit_id=unit.id, fetched=began, is_complete=unit.end <= began.date())
    written = await objects.write(unit, objects.batches_of(stream), facts)
    now = written.facts
    return SyncResult(
        unit=unit,
        records=now.records,
        bytes=written.length,
        changed=before is None or before.digest != now.digest,
    )


async def due(
    client: BillingClient,
    units: Iterable[WorkUnit],
    store: Store,
    *,
    restate: timedelta = RESTATE,
) -> AsyncIterator[WorkUnit]:
    """Yield those of the units that `sync` would fetch; nothing is asked of the service.

    Args:
        client: A client; its clock says what day it is.
        units: The units, taken as they are needed.
        store: The store.
        restate: As in `sync`.

    Raises:
        ConfigurationError: For an argument that cannot be right.
        StoreError: If the store cannot be read.
    """
    margin = checked_restate(restate)
    now, left = client.clock.now().astimezone(UTC), iter(checked_units(units))
    while some := list(islice(left, _LOOKED_AT)):
        checks = [_is_due(unit, store, now, margin) for unit in some]
        for unit, is_due in zip(some, await _all(checks), strict=True):
            if is_due:
                yield unit


async def _all(checks: Sequence[Coroutine[Any, Any, bool]]) -> list[bool]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(check) for check in checks]
    except ExceptionGroup as several:
        # The first has cancelled the others, and is what a caller can catch.
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]


async def _is_due(unit: WorkUnit, store: Store, now: datetime, restate: timedelta) -> bool:
    """Say whether a unit is to be fetched: not there as it is to be, or fetched too early."""
    store.key(unit)
    if unit.start > now.date():
        return False
    settled = datetime.combine(unit.end, time(), UTC) + restate
    if now < settled:
        return True
    facts = await store.objects.facts(unit)
    if facts is None or facts.decimal_scale != store.objects.decimal_scale:
        return True
    # A clock that was far ahead says nothing of when that was.
    return facts.fetched < settled or facts.fetched - now > _CLOCKS_APART


async def sync(
    client: BillingClient,
    units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
    store: Store,
    *,
    restate: timedelta = RESTATE,
    on_result: Callable[[SyncResult | AccountFailure | None], None] | None = None,
    on_error: Literal["defer", "report"] = "defer",
) -> SyncReport:
    """Fetch the units that are missing or may have been restated, ``concurrency`` at once.

    A unit is settled, and skipped, when it was fetched after all its days and *restate* were over.
    A failing unit stops no other, and the object that was there stays. Only a store that takes
    nothing any more ends the sync: a full disk is no reason to use the quota up.

    Args:
        client: An open client.
        units: The units, taken one by one as they are needed.
        store: The store.
        restate: How long after its last day a unit may be restated.
        on_result: Called with each result or failure, as it comes; with ``None`` for a unit that
            is skipped.
        on_error: ``"defer"``: when all others are done, a `FanOutError` names each unit that
            failed, with its error. ``"report"``: they are in the report only.

    Raises:
        ConfigurationError: For an argument that cannot be right.
        StoreError: If the store cannot be written, as far as that can be known before; or if it
            fails for good (``transient`` is false) for five units, and none is written in between.
        FanOutError: At the end, if units failed and were deferred.
    """
    if on_error not in ("defer", "report"):
        raise ConfigurationError("on_error must be 'defer' or 'report'")
    margin = checked_restate(restate)
    await store.check()

    async def work(unit: WorkUnit, stream: RecordStream[ChargeRecord]) -> SyncResult | None:
        # For each unit anew, since they may come for weeks; nothing was awaited since the client
        # decided on its days.
        now = client.clock.now().astimezone(UTC)
        is_due = await _is_due(unit, store, now, margin)
        return await _synced(unit, stream, store, now) if is_due else None

    tally, lost = Tally(), 0
    async with client.process(units, work, on_error="yield") as outcomes:
        async for outcome in outcomes:
            told = outcome if isinstance(outcome, AccountFailure) else outcome[1]
            tally.add(told)
            if on_result is not None:
                on_result(told)
            if isinstance(told, SyncResult):
                lost = 0
            elif told is not None and _is_for_good(told.error):
                lost += 1
                if lost >= _MOST_LOST:
                    raise told.error
    report = tally.report()
    if report.failures and on_error == "defer":
        raise FanOutError(report.failures)
    return report


def _is_for_good(error: BillingError) -> bool:
    return isinstance(error, StoreError) and not error.transient
