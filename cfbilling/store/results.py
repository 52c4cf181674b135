"""What comes of a sync: of each unit, and of all together."""

from __future__ import annotations

from collections import Counter

import attrs

from cfbilling.errors import AccountFailure
from cfbilling.jobs import WorkUnit

__all__ = ["SyncReport", "SyncResult", "Tally"]


@attrs.frozen
class SyncResult:
    """What became of a unit; small, and it pickles.

    Attributes:
        unit: The unit.
        records: How many records it has.
        bytes: The length of its object.
        changed: Whether its content is another than before, or it was not there: the vendor has
            restated it, or it has grown.
    """

    unit: WorkUnit
    records: int
    bytes: int
    changed: bool


@attrs.frozen
class SyncReport:
    """What a sync did.

    Attributes:
        fetched: How many units were fetched and written.
        skipped: How many were settled, or are to come.
        records: The records of what was fetched.
        bytes: The length of what was written.
        changed: How many of the fetched units have another content than before.
        failures: What failed, by unit id, with its error; the objects that were there stay.
    """

    fetched: int = 0
    skipped: int = 0
    records: int = 0
    bytes: int = 0
    changed: int = 0
    failures: tuple[AccountFailure, ...] = ()


class Tally:
    """Adds up what comes of the units; of those that are whole, nothing is kept."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._failures: list[AccountFailure] = []

    def add(self, outcome: SyncResult | AccountFailure | None) -> None:
        """Add what became of a unit; ``None`` if it was skipped."""
        if outcome is None:
            self._numbers["skipped"] += 1
        elif isinstance(outcome, AccountFailure):
            self._failures.append(outcome)
        else:
            self._numbers += Counter(
                fetched=1,
                records=outcome.records,
                bytes=outcome.bytes,
                changed=int(outcome.changed),
            )

    def report(self) -> SyncReport:
        """Return the sum."""
        return SyncReport(failures=tuple(self._failures), **self._numbers)
