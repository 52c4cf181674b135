"""What fits beside each other: bars yield first, then units; names and whole amounts stay."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["Widths", "fitted"]

# A column's border, and a space on either side.
_AROUND = 3
_LEAST_USED = 12
_LEAST_NAME = 10


@attrs.frozen
class Widths:
    """The characters that columns take.

    Attributes:
        name: The names.
        amounts: Each column of amounts.
        bar: The bars, or 0 without them.
        used: What was used, or 0 without it.
        records: The number of records, or 0 without it.
    """

    name: int
    amounts: Sequence[int]
    bar: int
    used: int
    records: int

    @property
    def all(self) -> int:
        """The width of the table."""
        columns = [self.name, *self.amounts, self.bar, self.used, self.records]
        return 1 + sum(column + _AROUND for column in columns if column)


def fitted(wanted: Widths, least_bar: int, available: int | None) -> Widths:
    """Return the widths that fit.

    Args:
        wanted: The widths at which nothing is lost or broken.
        least_bar: The fewest characters that a bar makes sense with.
        available: The characters of a line; None if there is no end to it.

    Returns:
        Widths that fit if any do: a long name goes on in its next line, an amount never does.
    """
    if available is None or wanted.all <= available:
        return wanted
    # One very long name is no reason to take everything else away.
    fit = attrs.evolve(wanted, name=min(wanted.name, max(available // 2, _LEAST_NAME)))
    fit = attrs.evolve(fit, bar=_yielded(fit.bar, least_bar, fit.all - available))
    fit = attrs.evolve(fit, used=_yielded(fit.used, _LEAST_USED, fit.all - available))
    fit = attrs.evolve(fit, records=_yielded(fit.records, fit.records, fit.all - available))
    room = fit.name + available - fit.all
    return attrs.evolve(fit, name=max(min(wanted.name, room), min(wanted.name, _LEAST_NAME)))


def _yielded(width: int, least: int, over: int) -> int:
    """Return what is left of a column where so many characters are too many."""
    left = width - max(over, 0)
    return left if left >= least else 0
