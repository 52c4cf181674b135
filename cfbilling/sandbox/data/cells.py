"""Cells: the smallest parts of a quantity, each of one zone in one region."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from attrs import frozen

from cfbilling.sandbox.data.accounts import Account, Accounts, zone_number
from cfbilling.sandbox.data.catalogue import REGIONS
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.tags import TagValue, tags

__all__ = ["Cell", "Cells"]

_REMEMBERED = 4096
_ZONES = 4

# Decimal fractions that add up to one, so that no part is ever rounded.
_SHARES: tuple[tuple[Decimal, ...], ...] = (
    (Decimal(1),),
    (Decimal("0.5"), Decimal("0.5")),
    (Decimal("0.7"), Decimal("0.2"), Decimal("0.1")),
    (Decimal("0.4"), Decimal("0.3"), Decimal("0.2"), Decimal("0.1")),
)


@frozen
class Cell:
    """A part of what one record would tell.

    Attributes:
        share: Fraction of the quantity.
        zone: Id and name of the zone; None outside of any zone.
        region: Id and name of the region; None if it is not known.
        tags: Tags of the zone or account.
    """

    share: Decimal
    zone: tuple[str, str] | None
    region: tuple[str, str] | None
    tags: Mapping[str, TagValue]


class Cells:
    """Derives of which cells the quantities of any account consist."""

    def __init__(self, identities: Identities, accounts: Accounts) -> None:
        self._identities = identities
        self._accounts = accounts
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)

    def _of(self, account: Account, position: int) -> Sequence[Cell]:
        metric = account.metric(position)
        if metric.of_contract:
            return (Cell(Decimal(1), None, None, {}),)
        bits = self._identities.digest("cells", account.index, position)
        shares = _SHARES[bits[0] % len(_SHARES)]
        placed = "region" in metric.dimension_keys
        return tuple(
            self._cell(account, position, share, bit, placed=placed)
            for share, bit in zip(shares, bits[1:], strict=False)
        )

    def _cell(
        self, account: Account, position: int, share: Decimal, bit: int, *, placed: bool
    ) -> Cell:
        number = zone_number(position)
        number = number - number % _ZONES + bit % _ZONES
        zoned = bit >> 4 != 0
        zone, region = None, None
        if zoned:
            id_, name = self._accounts.numbered_zone(account, number)
            zone = json.loads(id_), json.loads(name)
        if placed and bit >> 2 & 3:
            region = REGIONS[bit % len(REGIONS)]
        written = tags(self._identities, account.index, number if zoned else None)
        return Cell(share, zone, region, written)
