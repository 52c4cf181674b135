"""Units for a queue and a quota for its workers, and what one process makes of the same units."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from cfbilling import ApiToken, BillingClient, Clock, WorkUnit, plan
from cfbilling.sandbox import Sandbox
from cfbilling.sandbox.rules.rate_limits import Lockout, QuotaKind
from cfbilling.sync import Store, sync

__all__ = [
    "CLOCK",
    "TODAY",
    "QueueJob",
    "account_settings",
    "count_stored",
    "stored",
    "stored_alone",
    "units_of",
]

_NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = _NOW.date()
"""The day on which everything is fetched."""
CLOCK = Clock(now=lambda: _NOW)
"""Its date stands still, so that whoever fetches a unit writes the same bytes."""
_MONTHS = 12


@dataclass(frozen=True)
class QueueJob:
    """Units for a queue, and a quota for those who work for it.

    Attributes:
        kind: How the sandbox counts and tells its quota.
        lockout: How long it refuses.
        requests: The quota of a window.
        seconds: The length of a window.
        units: How many units, of one request each.
        reserve: Requests of each window that each worker leaves to others; ``None`` for the
            recipe's number.
        unused: Requests of each window that are left by all of them.
        kills: Whether one worker is killed in the midst of a write, and one during a pause.
    """

    kind: QuotaKind
    lockout: Lockout
    requests: int
    seconds: int
    units: int
    reserve: int | None = None
    unused: int = 0
    kills: bool = True

    @property
    def least(self) -> float:
        """The seconds that it takes at least: those that the quota takes, and no others."""
        usable = self.requests - self.unused
        if self.kind == "bucket":
            return max(0.0, (self.units - usable) * self.seconds / self.requests)
        return (ceil(self.units / usable) - 1) * float(self.seconds)


def account_settings(units: int) -> dict[str, Any]:
    """Return the settings of a sandbox with so many units."""
    return {"accounts": ceil(units / _MONTHS), "records_per_day": 2}


def units_of(accounts: Sequence[str], count: int) -> list[WorkUnit]:
    """Return so many units of these accounts."""
    return list(plan(accounts, "2024-01-01", "2025-01-01", endpoint="usage"))[:count]


def stored(folder: Path) -> dict[str, bytes]:
    """Return the objects of a store, by key; what somebody did not finish is none."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _objects(folder)}


def count_stored(folder: Path) -> int:
    """Return how many objects a store has."""
    return sum(1 for _ in _objects(folder))


def _objects(folder: Path) -> Iterator[Path]:
    return iter(folder.rglob("data.*"))


async def stored_alone(units: int) -> dict[str, bytes]:
    """Return the objects that one process makes of so many units, without a quota or a queue."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Sandbox(**account_settings(units), quota=None, today=TODAY) as sandbox,
            BillingClient(
                ApiToken(sandbox.api_token), base_url=sandbox.base_url, clock=CLOCK
            ) as client,
        ):
            await sync(client, units_of(sandbox.account_ids, units), Store(folder))
        return stored(Path(folder))
