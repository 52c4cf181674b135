"""Removing accounts that are gone, and only when it is sure which those are."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cfbilling.cli.errors import print_error
from cfbilling.cli.sync.job import Job
from cfbilling.cli.sync.months import months_told
from cfbilling.cli.sync.units import AccountUnits

__all__ = ["gone", "may_prune", "pruned"]

_PLACE = re.compile(r"/scope_id=([^/]+)/month=([^/]+)/")


def may_prune(units: AccountUnits) -> bool:
    """Return whether all accounts of the list are known; say it if not."""
    if units.ids and not units.has_strangers:
        return True
    print_error("nothing is removed: the list of accounts could not be read whole")
    return False


async def gone(job: Job, ids: Iterable[str]) -> set[str]:
    """Return the accounts of the store that are not among these.

    Raises:
        StoreError: If the store cannot be listed.
    """
    found = await job.store.partitions(job.table.example)
    return {place.scope_id for place in found}.difference(ids)


async def pruned(job: Job, units: AccountUnits) -> list[str]:
    """Remove the accounts of the store that are gone, and return a line about each.

    Raises:
        StoreError: If the store cannot be listed or written.
    """
    months: dict[str, list[str]] = {}
    for key in await job.store.prune(units.kept()):
        if (found := _PLACE.search(key)) is not None:
            months.setdefault(found[1], []).append(found[2])
    return [f"removed {account_id}: {months_told(of)}" for account_id, of in months.items()]
