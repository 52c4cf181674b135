"""Billing history: what accounts were charged, newest first, and what happens to it meanwhile."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cfbilling.sandbox.data.doubles import double_text
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.template import WireRecord, WireValue

__all__ = ["BillingHistories"]

_NEWEST = datetime(2025, 6, 1, 8, 30, tzinfo=UTC)
_APART = timedelta(days=9, hours=5, minutes=17, seconds=3)
_STATUSES = ("paid", "paid", "paid", "open", "failed", "refunded")
_TYPES = ("charge", "charge", "refund", "credit")
_DESCRIPTIONS = ("Pro Plan", "Workers — Überverbrauch", "登録料", 'Invoice "final"', "}]")
# Of so many items, one has no id where ids are not complete.
_NAMELESS = 5
_OPTIONAL = ("external_invoice_id", "hosted_invoice_url", "receipt_id", "source_invoice_id")


class BillingHistories:
    """The billing history of every account.

    Args:
        identities: Who there is.
        items: Number of items that each account has from the start.
        ids: Whether each item has an id.
    """

    def __init__(self, identities: Identities, *, items: int, ids: bool) -> None:
        self._identities = identities
        self._items = items
        self._ids = ids
        self._changed: dict[int, list[WireRecord]] = {}
        self._billed = 0

    def of(self, index: int, status: str | None = None) -> list[WireRecord]:
        """Return the items of account number *index*, only those of a status if that is given."""
        items = self._changed.get(index)
        if items is None:
            items = [self._item(index, number) for number in range(self._items)]
        return [item for item in items if status in (None, item.get("status"))]

    def bill(self, index: int, fields: WireRecord) -> WireRecord:
        """Put an item with these *fields* before all others, and return it."""
        self._billed += 1
        item = self._item(index, -self._billed) | fields
        self._changed[index] = [item, *self.of(index)]
        return item

    def unbill(self, index: int, item_id: str) -> None:
        """Remove an item.

        Raises:
            KeyError: There is no such item.
        """
        items = self.of(index)
        left = [item for item in items if item.get("id") != item_id]
        if len(left) == len(items):
            raise KeyError(item_id)
        self._changed[index] = left

    def _item(self, index: int, number: int) -> WireRecord:
        bits = self._identities.digest("history", index, number, size=32)
        amount = Decimal(double_text(int.from_bytes(bits[:3], "big") / (100, 1000, 1)[bits[3] % 3]))
        status = _STATUSES[bits[4] % len(_STATUSES)]
        item: WireRecord = {
            "id": bits[5:21].hex(),
            "action": ("charge", "void")[bits[21] % 2],
            "amount": amount,
            "amount_to_pay": amount if status == "open" else Decimal(0),
            "currency": "USD",
            "description": _DESCRIPTIONS[bits[22] % len(_DESCRIPTIONS)],
            "invoice_id": f"IN-{int.from_bytes(bits[23:26], 'big')}",
            "occurred_at": (_NEWEST - number * _APART).isoformat().replace("+00:00", "Z"),
            "source": ("stripe", "legacy")[bits[26] % 2],
            "status": status,
            "type": _TYPES[bits[27] % len(_TYPES)],
        }
        for name, bit in zip(_OPTIONAL, bits[28:], strict=True):
            # One in four is absent, and one in four is null.
            if bit % 4:
                item[name] = _reference(name, bit) if bit % 4 > 1 else None
        if not self._ids and bits[20] % _NAMELESS == 0:
            del item["id"]
        return item


def _reference(name: str, bit: int) -> WireValue:
    return f"https://pay.example.com/{bit}" if name.endswith("url") else f"{name[:2]}_{bit:04}"
