"""The limits of ``--over``: for one currency each, or for every currency by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import attrs

from cfbilling.cli.errors import CommandError

__all__ = ["Limits", "currency_of", "limits_of"]

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]{3})?")


def currency_of(text: str | None) -> str | None:
    """Return the code of a currency, in capitals; None if there is none."""
    return (text or "").strip().upper() or None


@attrs.frozen
class Limits:
    """The most that an account may spend.

    Attributes:
        amounts: The limit of each currency; that at None is for every other one, each by itself.
    """

    amounts: Mapping[str | None, Decimal]

    def __bool__(self) -> bool:
        return bool(self.amounts)

    def of(self, currency: str | None) -> Decimal | None:
        """Return the limit of a currency, if it has one."""
        return self.amounts.get(currency, self.amounts.get(None))


def limits_of(given: Sequence[str]) -> Limits:
    """Return the limits that were typed, such as ``50``, ``50USD`` and ``50.25 EUR``.

    Raises:
        CommandError: If one is no amount, or two are of the same currency.
    """
    amounts: dict[str | None, Decimal] = {}
    for text in given:
        found = _AMOUNT.fullmatch(text.strip())
        if found is None:
            raise CommandError(f"--over must be an amount such as 50, 0.5 or 50USD, not {text!r}")
        currency = currency_of(found[2])
        if currency in amounts:
            raise CommandError(f"--over is given twice for {currency or 'every currency'}")
        amounts[currency] = Decimal(found[1])
    return Limits(amounts)
