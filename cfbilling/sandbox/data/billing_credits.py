"""Billing credits: what somebody paid in advance or was given."""

from decimal import Decimal

from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.template import WireRecord

__all__ = ["billing_credits"]


def billing_credits(identities: Identities, index: int) -> WireRecord:
    """Return the credits of account number *index*; one in three has never had any."""
    bits = identities.digest("credits", index)
    if bits[0] % 3 == 0:
        return {"eligible": bits[1] % 2 == 0, "has_record": False, "valid_to": None}
    original = int.from_bytes(bits[2:5], "big")
    left = original * bits[5] // 255
    consumed = Decimal(100 * (255 - bits[5])) / 255
    return {
        "confirmed_balance_cents": Decimal(left),
        "currency": "USD",
        "days_remaining": Decimal(bits[6]),
        "eligible": True,
        "has_record": True,
        "original_amount_cents": Decimal(original),
        "percent_consumed": Decimal(str(float(consumed))),
        "projected_depletion_date": f"2026-0{bits[7] % 9 + 1}-28T00:00:00Z",
        "valid_from": f"2024-0{bits[8] % 9 + 1}-01T00:00:00Z",
        "valid_to": f"2027-0{bits[8] % 9 + 1}-01T00:00:00Z",
    }
