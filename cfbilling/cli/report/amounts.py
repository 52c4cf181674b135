"""Amounts for people: rounded to be read, with the exact value beside them."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal

__all__ = ["money", "quantities", "quantity", "share"]

_CENTS = 2
_ROUNDING = decimal.Context(prec=400, rounding=decimal.ROUND_HALF_EVEN)
_SIZES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def money(amount: Decimal) -> str:
    """Return an amount with two digits after the point, or as many as show that it is not 0."""
    digits = _CENTS
    if amount and abs(amount) < Decimal("0.005"):
        digits = min(1 - amount.adjusted(), 12)
    return f"{_ROUNDING.quantize(amount, Decimal(1).scaleb(-digits)):,f}"


def quantity(amount: Decimal) -> str:
    """Return a quantity in few digits."""
    for size, letter in _SIZES:
        if abs(amount) >= size:
            return f"{amount / size:.2f} {letter}"
    return (
        f"{amount:.2f}".rstrip("0").rstrip(".")
        if amount == 0 or abs(amount) >= 1
        else (f"{amount:.2g}")
    )


def quantities(used: Mapping[str, Decimal]) -> str:
    """Return quantities, each with its unit."""
    return ", ".join(f"{quantity(amount)} {unit}" for unit, amount in sorted(used.items()))


def share(amount: Decimal, top: Decimal) -> float:
    """Return what part of *top* an amount is, from 0 to 1: for the length of a bar only."""
    return max(0.0, min(1.0, float(amount / top))) if top > 0 else 0.0
