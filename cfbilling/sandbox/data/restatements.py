"""Restatements: days whose rows were changed, removed or added after they had been read."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from math import ceil
from operator import attrgetter

from attrs import field, frozen, validators

from cfbilling.sandbox.data.catalogue import METRICS
from cfbilling.sandbox.data.identities import Identities

__all__ = ["Draw", "Restatement", "Restatements"]

_FRACTION = validators.and_(validators.ge(0), validators.le(1))
# Sums of binary floats are not exact, and 3.0000000000000004 rows are no four.
_ROUNDING = 1e-9


@frozen
class Draw:
    """What one row is derived from.

    Attributes:
        position: Place of the row in its day.
        version: Number of the restatement that its numbers come from; 0 for the first ones.
    """

    position: int
    version: int = 0

    def parts(self) -> tuple[int, ...]:
        """Return what the numbers of the row depend on."""
        return (self.position, self.version) if self.version else (self.position,)


@frozen(kw_only=True)
class Restatement:
    """How much of a day is restated; any part of a row counts as a whole one.

    Attributes:
        version: Number of the restatement.
        changed: Fraction of the rows that get other numbers.
        removed: Fraction of the rows that vanish; those that changed stay.
        added: Fraction of the usual number of rows that come in addition.
    """

    version: int
    changed: float = field(validator=_FRACTION)
    removed: float = field(validator=_FRACTION)
    added: float = field(validator=_FRACTION)


class Restatements:
    """Which days of which accounts were restated, and what that made of their rows.

    Attributes:
        version: Number of restatements so far; what was derived before the last one is stale.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._of_days: dict[tuple[int, date], tuple[Restatement, ...]] = {}
        self.version = 0

    def restate(
        self,
        accounts: Iterable[int],
        days: Iterable[date],
        *,
        changed: float,
        removed: float,
        added: float,
    ) -> None:
        """Restate *days* of *accounts*, once more if they were restated before."""
        restatement = Restatement(
            version=self.version + 1, changed=changed, removed=removed, added=added
        )
        self.version += 1
        restated = list(days)
        for account in accounts:
            for day in restated:
                earlier = self._of_days.get((account, day), ())
                self._of_days[account, day] = (*earlier, restatement)

    def draws(
        self, stream: str, account: int, day: date, usual: Sequence[Draw], count: int
    ) -> Sequence[Draw]:
        """Return what the rows of a day are derived from.

        Args:
            stream: What distinguishes these rows from others of the same account.
            account: Number of the account.
            day: The day.
            usual: What they are derived from without any restatement.
            count: Number of rows that a day usually has.
        """
        draws = usual
        for restatement in self._of_days.get((account, day), ()):
            parts = stream, account, day.toordinal(), restatement.version
            draws = _restated(draws, restatement, count, self._order(parts))
        return draws

    def _order(self, parts: tuple[str | int, ...]) -> Callable[[Draw], int]:
        return lambda draw: self._identities.number("restated", *parts, draw.position)


def _restated(
    draws: Sequence[Draw], restatement: Restatement, count: int, order: Callable[[Draw], int]
) -> Sequence[Draw]:
    shuffled = sorted(draws, key=order)
    changes = _part(restatement.changed, len(draws))
    changed = [Draw(draw.position, restatement.version) for draw in shuffled[:changes]]
    removals = _part(restatement.removed, len(draws))
    kept = shuffled[changes + removals :]
    # Whole catalogues further, a row has the same metric but a zone of its own.
    further = len(METRICS) * ceil(count / len(METRICS)) * restatement.version
    additions = sorted(map(Draw, range(count)), key=order)[: _part(restatement.added, count)]
    added = [Draw(draw.position + further, restatement.version) for draw in additions]
    return sorted((*kept, *changed, *added), key=attrgetter("position"))


def _part(fraction: float, count: int) -> int:
    return ceil(fraction * count - _ROUNDING)
