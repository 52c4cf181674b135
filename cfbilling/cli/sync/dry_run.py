"""What a sync would do: nothing is fetched, written or removed."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing

from cfbilling import QuotaPolicy
from cfbilling.cli.exit_codes import exit_code_of_all
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.sync.failures import Failures
from cfbilling.cli.sync.job import Job
from cfbilling.cli.sync.months import months_told
from cfbilling.cli.sync.pruning import gone, may_prune
from cfbilling.cli.sync.requests import minutes_of_waiting, requests_of
from cfbilling.cli.sync.units import AccountUnits
from cfbilling.sync import due

__all__ = ["show_plan"]


class _Plan:
    """Counts what is due."""

    def __init__(self) -> None:
        self.units = self.planned = self.accounts = 0
        self.months: set[str] = set()
        self.by_credential: Counter[str | None] = Counter()

    def lines(self, job: Job, asked: int) -> list[str]:
        """Return what is told, but for what would be removed."""
        each, quota = requests_of(job.table.endpoint, job.table.source), QuotaPolicy()
        busiest = max(self.by_credential.values(), default=0)
        waiting = minutes_of_waiting(each * busiest, quota)
        limit = f"{quota.requests:,} requests in {quota.seconds / 60:g} minutes"
        skipped = f"{self.planned - self.units:,} more are settled, or to come"
        more = f", {each} for each unit" if each.most > 1 else ""
        waits = f"{waiting} minutes of waiting" if waiting.most else "no waiting"
        return [
            f"Accounts  {self.accounts:,} of {asked:,}",
            f"Months    {months_told(self.months) or 'none'}",
            f"Units     {self.units:,}, each a month of an account; {skipped}",
            f"Requests  {each * self.units}{more}; retries come on top",
            f"Quota     {waits}: {limit} for each credential",
        ]


async def show_plan(job: Job) -> int:
    """Say what a job would fetch, how many requests that takes and how long; return the exit code.

    The service is asked for the list of accounts, if that is wanted, and for nothing else.

    Raises:
        BillingError: If the list of accounts or the store cannot be read.
        CommandError: If there is no account.
    """
    failures, plan = Failures(), _Plan()
    units = AccountUnits(job.accounts, job.table, failures, remembers=job.prunes)
    async with (
        job.client() as client,
        aclosing(units.by_account(client)) as accounts,
    ):
        async for of_account in accounts:
            plan.planned += len(of_account)
            before = plan.units
            async for unit in due(client, of_account, job.store, restate=job.restate):
                plan.units += 1
                plan.months.add(f"{unit.start:%Y-%m}")
                plan.by_credential[unit.credential] += 1
            plan.accounts += plan.units > before
    asked = job.accounts.asked(units.asked)
    console = plain_console(soft_wrap=True)
    for line in plan.lines(job, asked):
        console.print(line)
    if job.prunes and may_prune(units):
        ids = sorted(await gone(job, units.ids))
        console.print(f"Removed   {len(ids):,} accounts that are gone", *ids, sep="\n          ")
    return exit_code_of_all(asked, failures.errors)
