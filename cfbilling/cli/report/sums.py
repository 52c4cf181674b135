"""Sums with every digit, or an error: never rounded."""

from __future__ import annotations

import decimal
from collections.abc import Hashable, Iterable
from decimal import Decimal
from typing import TypeVar

from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT

__all__ = ["add_to", "added", "exact_sum"]

K = TypeVar("K", bound=Hashable)

# Enough for the largest float and the smallest together, many times over.
_DIGITS = 10_000
_EXACT = decimal.Context(
    prec=_DIGITS,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)


def added(before: Decimal | None, amount: Decimal) -> Decimal:
    """Return the exact sum of what there was, if anything, and *amount*.

    Raises:
        CommandError: If it would have too many digits.
    """
    if not before:
        # Added to 0, a very large amount would be written out in all its digits.
        return amount or Decimal(0)
    try:
        return _EXACT.add(before, amount)
    except decimal.DecimalException as error:
        raise CommandError(
            f"amounts are too far apart to be added exactly in {_DIGITS:,} digits", OUTPUT
        ) from error


def add_to(amounts: dict[K, Decimal], key: K, amount: Decimal) -> None:
    """Add *amount* to what is at *key*, exactly.

    Raises:
        CommandError: If the sum would have too many digits.
    """
    amounts[key] = added(amounts.get(key), amount)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum.

    Raises:
        CommandError: If it would have too many digits.
    """
    total = Decimal(0)
    for amount in amounts:
        total = added(total, amount)
    return total
