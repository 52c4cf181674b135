"""A sync from beginning to end: what is due is fetched, what failed is named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from typing import TypeAlias

from cfbilling import AccountFailure
from cfbilling.cli.exit_codes import exit_code_of_all
from cfbilling.cli.progress_bar import ProgressBar, progress_shown
from cfbilling.cli.sync.cluster import Cluster
from cfbilling.cli.sync.failures import Failures
from cfbilling.cli.sync.job import Job
from cfbilling.cli.sync.pruning import may_prune, pruned
from cfbilling.cli.sync.units import AccountUnits
from cfbilling.events import AccountDone, AccountFailed
from cfbilling.sync import SyncReport, SyncResult, sync

__all__ = ["run_sync", "size_told"]

Note: TypeAlias = Callable[[SyncResult | AccountFailure | None], None]

_UNIT = 1000
_SIZES = ("kB", "MB", "GB", "TB")


async def run_sync(job: Job) -> int:
    """Run a sync and return the exit code.

    Raises:
        BillingError: If the list of accounts cannot be read, or the store cannot be written.
        CommandError: If there is no account.
    """
    failures = Failures()
    units = AccountUnits(job.accounts, job.table, failures, remembers=job.prunes)
    async with progress_shown(job.verbosity, units.total, counted="units") as bar:
        report = await _synced(job, units, failures, bar)
    failures.tell_rest()
    asked = job.accounts.asked(units.asked)
    # A list that could not be read whole has ended all before this.
    removed = await pruned(job, units) if job.prunes and may_prune(units) else []
    if not job.verbosity.quiet:
        print(*removed, _told(report, len(removed)), sep="\n", flush=True)
    return exit_code_of_all(asked, failures.errors)


async def _synced(
    job: Job, units: AccountUnits, failures: Failures, bar: ProgressBar
) -> SyncReport:
    def note(outcome: SyncResult | AccountFailure | None) -> None:
        if isinstance(outcome, AccountFailure):
            failures.add_unit(outcome)
        elif outcome is not None and job.verbosity.verbose:
            bar.say(_unit_told(outcome))

    if job.cluster is not None:
        return await _synced_there(job, job.cluster, units, bar, note)
    async with (
        job.client(bar) as client,
        aclosing(units.each(client)) as each,
    ):
        return await sync(
            client, each, job.store, restate=job.restate, on_result=note, on_error="report"
        )


async def _synced_there(
    job: Job, cluster: Cluster, units: AccountUnits, bar: ProgressBar, note: Note
) -> SyncReport:
    """Sync on a cluster: what its clients observe is not known here, only what came of it."""

    def note_there(outcome: SyncResult | AccountFailure | None) -> None:
        if isinstance(outcome, AccountFailure):
            bar(AccountFailed(account_id=outcome.account_id, error=outcome.error))
        else:
            bar.progress.records += 0 if outcome is None else outcome.records
            bar(AccountDone(account_id="" if outcome is None else outcome.unit.id))
        note(outcome)

    async with AsyncExitStack() as stack:
        client = None
        if job.credentials is not None:
            client = await stack.enter_async_context(job.client())
        each = await stack.enter_async_context(aclosing(units.each(client)))
        found = [unit async for unit in each]
    return await cluster.synced(
        found, job.store, job.connection, restate=job.restate, on_result=note_there
    )


def _unit_told(result: SyncResult) -> str:
    unit = result.unit
    what = "changed" if result.changed else "as before"
    size = f"{result.records:,} records, {size_told(result.bytes)}"
    return f"{unit.scope_id} {unit.start:%Y-%m}: {size}, {what}"


def _told(report: SyncReport, removed: int) -> str:
    parts = [
        f"{report.fetched:,} units fetched ({report.changed:,} new or restated)",
        f"{report.skipped:,} skipped",
    ]
    if report.failures:
        parts.append(f"{len(report.failures):,} failed")
    if removed:
        parts.append(f"{removed:,} accounts removed")
    return ", ".join([*parts, f"{report.records:,} records", f"{size_told(report.bytes)} written"])


def size_told(count: int) -> str:
    """Return a number of bytes for people, such as ``1.2 MB``."""
    if count < _UNIT:
        return f"{count} bytes"
    size = float(count)
    for name in _SIZES:
        size /= _UNIT
        if size < _UNIT:
            return f"{size:.1f} {name}"
    return f"{size:,.1f} {_SIZES[-1]}"
