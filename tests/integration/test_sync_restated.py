"""Whatever is restated and synced, in any order: true inside the horizon, as last fetched outside.

The vendor restates any day of any account, accounts are refused and let in again, and days go by
between the syncs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling import AccountFailure, BillingClient, WorkUnit, plan
from cfbilling.sandbox import Sandbox
from cfbilling.sync import RESTATE, Store, StoreFormat, SyncReport, SyncResult, due, sync
from tests.integration.stores import Days, client_of, read_rows, rows

FIRST, LAST = date(2025, 11, 1), date(2026, 5, 1)
ACCOUNTS = 2
DAYS = (LAST - FIRST).days

FRACTIONS = st.sampled_from([0, 0.5, 1])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("restate"),
            st.integers(0, ACCOUNTS - 1),
            st.integers(0, DAYS - 1),
            st.integers(1, 45),
            st.tuples(FRACTIONS, FRACTIONS, FRACTIONS),
        ),
        st.tuples(st.just("sync"), st.sets(st.integers(0, ACCOUNTS - 1), min_size=1)),
        st.tuples(st.just("pass"), st.integers(1, 40)),
        st.tuples(st.just("refuse"), st.integers(0, ACCOUNTS - 1), st.booleans()),
    ),
    min_size=4,
    max_size=24,
)


@attrs.define
class World:
    """A store, what it should hold, and how that comes about.

    Attributes:
        kept: The rows that were last fetched of each unit, and when.
    """

    sandbox: Sandbox
    client: BillingClient
    store: Store
    days: Days
    margin: timedelta
    refused: set[int] = attrs.field(factory=set)
    kept: dict[str, tuple[datetime, list[dict[str, object]]]] = attrs.field(factory=dict)

    async def take(self, step: tuple[Any, ...]) -> None:
        """Let something happen."""
        does: dict[str, Callable[..., Any]] = {
            "restate": self.restate,
            "sync": self.sync,
            "pass": self.pass_days,
            "refuse": self.refuse,
        }
        await does[step[0]](*step[1:])

    async def restate(
        self, account: int, first: int, count: int, fractions: tuple[float, float, float]
    ) -> None:
        """Restate some days of an account."""
        changed, removed, added = fractions
        days = [FIRST + timedelta(first + n) for n in range(count)]
        self.sandbox.restate(
            self.sandbox.account_ids[account], days, changed=changed, removed=removed, added=added
        )

    async def pass_days(self, count: int) -> None:
        """Let days go by, up to the sandbox's own."""
        latest = datetime.combine(LAST, time(12), UTC) + timedelta(120)
        self.days.now = min(self.days.now + timedelta(count), latest)

    async def refuse(self, account: int, refused: bool) -> None:  # noqa: FBT001 - drawn
        """Let an account in or not."""
        scope_id = self.sandbox.account_ids[account]
        (self.sandbox.refuse if refused else self.sandbox.allow)(scope_id)
        (self.refused.add if refused else self.refused.discard)(account)

    def truth(self, unit: WorkUnit) -> list[dict[str, object]]:
        """Return what the service says of a unit today."""
        end = min(unit.end, self.days.now.date() + timedelta(1))
        return rows(self.sandbox.expected_usage(unit.scope_id, unit.start, end))

    def is_wanted(self, unit: WorkUnit) -> bool:
        """Whether a sync has to fetch a unit."""
        settled = datetime.combine(unit.end, time(), UTC) + self.margin
        fetched = self.kept[unit.id][0] if unit.id in self.kept else None
        is_settled = self.days.now >= settled and fetched is not None and fetched >= settled
        return unit.start <= self.days.now.date() and not is_settled

    async def sync(self, accounts: set[int]) -> None:
        """Sync some accounts, and compare all that is told and kept with what should be."""
        ids = [self.sandbox.account_ids[account] for account in sorted(accounts)]
        refused = {self.sandbox.account_ids[account] for account in self.refused}
        units = list(plan(ids, FIRST, LAST, endpoint="usage"))
        wanted = [unit for unit in units if self.is_wanted(unit)]
        found = due(self.client, units, self.store, restate=self.margin)
        assert wanted == [unit async for unit in found]
        told: list[SyncResult | AccountFailure | None] = []
        report = await sync(
            self.client,
            units,
            self.store,
            restate=self.margin,
            on_result=told.append,
            on_error="report",
        )
        failed = {unit.id for unit in wanted if unit.scope_id in refused}
        changed: dict[str, bool] = {}
        for unit in wanted:
            if unit.id not in failed:
                truth = self.truth(unit)
                before = self.kept.get(unit.id)
                changed[unit.id] = before is None or _sorted(before[1]) != _sorted(truth)
                self.kept[unit.id] = self.days.now, truth
        assert changed == {r.unit.id: r.changed for r in told if isinstance(r, SyncResult)}
        assert failed == {failure.account_id for failure in report.failures}
        assert len(units) - len(wanted) == report.skipped == told.count(None)
        self.check_sums(report, told)
        await self.check(units, failed)

    def check_sums(
        self, report: SyncReport, told: list[SyncResult | AccountFailure | None]
    ) -> None:
        """Compare a report with what was told one by one."""
        results = [result for result in told if isinstance(result, SyncResult)]
        assert (len(results), sum(r.records for r in results)) == (report.fetched, report.records)
        assert (sum(r.bytes for r in results), sum(r.changed for r in results)) == (
            report.bytes,
            report.changed,
        )

    async def check(self, units: list[WorkUnit], failed: set[str]) -> None:
        """Compare the store with the truth, or with what was last fetched."""
        for unit in units:
            if unit.id not in self.kept:
                assert await self.store.fetched(unit) is None
                continue
            fetched, kept = self.kept[unit.id]
            assert (fetched, kept) == (
                await self.store.fetched(unit),
                await read_rows(self.store, unit),
            )
            is_inside = self.days.now < datetime.combine(unit.end, time(), UTC) + self.margin
            if is_inside and unit.id not in failed:
                assert self.truth(unit) == kept


def _sorted(some: list[dict[str, object]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in some)


@given(
    steps=STEPS,
    form=st.sampled_from(["parquet", "ndjson"]),
    margin=st.sampled_from([timedelta(0), timedelta(days=3, hours=7), RESTATE]),
    start=st.integers(0, DAYS),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25)
async def test_a_store_is_true_inside_its_horizon(
    steps: list[tuple[Any, ...]], form: StoreFormat, margin: timedelta, start: int, seed: int
) -> None:
    """After any sequence of restatements and syncs, each unit is what it should be."""
    asyncio.get_running_loop().set_debug(False)
    days = Days(FIRST + timedelta(start))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Sandbox(
                accounts=ACCOUNTS,
                records_per_day=2,
                seed=seed,
                quota=None,
                today=LAST + timedelta(365),
            ) as sandbox,
            client_of(sandbox, days) as client,
        ):
            world = World(sandbox, client, Store(folder, format=form), days, margin)
            for step in (*steps, ("sync", {*range(ACCOUNTS)})):
                await world.take(step)
