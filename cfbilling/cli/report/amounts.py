"""Amounts for people: rounded to be read, with the exact value beside them."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from decimal import Decimal

__all__ = [
    "MOST_UNITS",
    "axis_label",
    "axis_unit",
    "change",
    "money",
    "part_of",
    "percent",
    "quantities",
    "quantity",
    "share",
]

MOST_UNITS = 3
"""How many units a cell shows."""

_CENTS = 2
_MOST_PER_CENT = 999
# The usual context has an end to its exponents that the wire has not.
_ROUNDING = decimal.Context(
    prec=400,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
    traps=[],
)
# Digits before the point from which on an exponent is easier to read.
_MOST_DIGITS = 21
_SIZES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def money(amount: Decimal) -> str:
    """Return an amount with two digits after the point, or as many as show that it is not 0."""
    if _is_astronomic(amount):
        return f"{amount:.2E}"
    digits = _CENTS
    if amount and amount.copy_abs() < Decimal("0.005"):
        digits = min(1 - amount.adjusted(), 12)
    return f"{_ROUNDING.quantize(amount, Decimal(1).scaleb(-digits)):,f}"


def quantity(amount: Decimal) -> str:
    """Return a quantity in few digits."""
    if _is_astronomic(amount):
        return f"{amount:.2E}"
    for size, letter in _SIZES:
        if amount.copy_abs() >= size:
            return f"{amount / size:.2f} {letter}"
    return (
        f"{amount:.2f}".rstrip("0").rstrip(".")
        if amount == 0 or amount.copy_abs() >= 1
        else (f"{amount:.2g}")
    )


def quantities(used: Mapping[str, Decimal], most: int | None = None) -> str:
    """Return quantities, each with its unit; of more than *most*, how many others there are."""
    shown = [f"{quantity(amount)} {unit}" for unit, amount in sorted(used.items())]
    others = 0 if most is None else len(shown) - most
    return ", ".join(shown if others <= 0 else [*shown[:most], f"and {others} more"])


def percent(part: Decimal, whole: Decimal) -> str:
    """Return what part of *whole* an amount is, in per cent; nothing of what is not above 0."""
    if whole <= 0:
        return ""
    shown = f"{part_of(part, whole) * 100:.1f} %"
    return "< 0.1 %" if shown == "0.0 %" and part > 0 else shown.replace("-0.0 %", "0.0 %")


def change(cost: Decimal | None, before: Decimal | None) -> str:
    """Return by how many per cent a cost is higher or lower than it was before."""
    if not before:
        return "new" if cost else ""
    if before < 0:
        return ""
    per_cent = (part_of(cost or Decimal(0), before) - 1) * 100
    if per_cent > _MOST_PER_CENT:
        return f"> {_MOST_PER_CENT} %"
    return f"{per_cent:+.1f} %" if f"{per_cent:.1f}".strip("-") != "0.0" else "0.0 %"


def share(amount: Decimal, top: Decimal) -> float:
    """Return what part of *top* an amount is, from 0 to 1: for the length of a bar only."""
    if top <= 0 or amount <= 0:
        return 0.0
    return part_of(amount, top) if amount < top else 1.0


def part_of(amount: Decimal, whole: Decimal) -> float:
    """Return *amount* divided by *whole*: the ratio fits a float when neither of them does."""
    return float(_ROUNDING.divide(amount, whole))


def axis_unit(amounts: Iterable[Decimal]) -> Decimal:
    """Return the power of ten that the largest amount is a few times of."""
    largest = max((amount.copy_abs() for amount in amounts), default=Decimal(0))
    return Decimal((0, (1,), largest.adjusted())) if largest else Decimal(1)


def axis_label(value: float, unit: Decimal) -> str:
    """Return what a place on an axis stands for, without needless digits."""
    amount = _ROUNDING.normalize(_ROUNDING.multiply(Decimal(f"{value:.6g}"), unit))
    if _is_astronomic(amount) or amount.adjusted() < -_MOST_DIGITS:
        return str(amount)
    return f"{amount:,f}"


def _is_astronomic(amount: Decimal) -> bool:
    return bool(amount) and amount.adjusted() >= _MOST_DIGITS
