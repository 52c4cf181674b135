"""Subscriptions with a fixed fee, which is in no record of usage."""

from collections.abc import Sequence
from decimal import Decimal

from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.template import WireRecord

__all__ = ["FixedFees"]

_MOST = 4
_PLANS = (
    ("free", "Free Plan", "0"),
    ("pro", "Pro Plan", "25"),
    ("business", "Business Plan — Größe M", "250"),
    ("pro_plus", "Workers Paid", "5"),
    ("lite", "日本 Lite", "0.10"),
)
_FREQUENCIES = ("weekly", "monthly", "quarterly", "yearly")
_STATES = ("Trial", "Provisioned", "Paid", "AwaitingPayment", "Cancelled", "Failed", "Expired")


class FixedFees:
    """The subscriptions with a fixed fee of every account, of which some have none.

    Args:
        identities: Who there is.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._replaced: dict[int, Sequence[WireRecord]] = {}

    def of(self, index: int) -> Sequence[WireRecord]:
        """Return the subscriptions of account number *index*."""
        if index in self._replaced:
            return self._replaced[index]
        digest = self._identities.digest
        number = digest("fees", index)[0] % (_MOST + 1)
        return [_subscription(digest("fee", index, place, size=32)) for place in range(number)]

    def replace(self, index: int, fees: Sequence[WireRecord]) -> None:
        """Give an account these *fees* in place of those that it had."""
        self._replaced[index] = fees


def _subscription(bits: bytes) -> WireRecord:
    plan, name, price = _PLANS[bits[0] % len(_PLANS)]
    month = bits[1] % 9 + 1
    subscription: WireRecord = {
        "id": bits[16:].hex(),
        "currency": "USD",
        "current_period_start": f"2025-0{month}-11T00:00:00.{bits[2]:03}Z",
        "current_period_end": f"2026-0{month}-11T00:00:00Z",
        "frequency": _FREQUENCIES[bits[3] % len(_FREQUENCIES)],
        "price": Decimal(price),
        "rate_plan": {
            "id": plan,
            "currency": "USD",
            "externally_managed": False,
            "is_contract": bits[4] % 4 == 0,
            "public_name": name,
            "scope": "zone" if bits[5] % 2 else "account",
            "sets": ["zone", "usage"] if bits[6] % 2 else [],
        },
        "state": _STATES[bits[7] % len(_STATES)],
    }
    if bits[8] % 4 == 0:
        del subscription["frequency"], subscription["current_period_end"]
    if bits[9] % 4 == 0:
        subscription["rate_plan"] = None
    return subscription
