"""What an account is called, which zones it has and in which order it uses products."""

import json
from functools import lru_cache
from math import gcd

from attrs import frozen

from cfbilling.sandbox.data.catalogue import (
    ACCOUNT_NAMES,
    METRICS,
    SUBSCRIPTION_NAMES,
    ZONE_NAMES,
    Metric,
)
from cfbilling.sandbox.data.identities import Identities

__all__ = ["Account", "Accounts", "zone_number"]

_REMEMBERED = 8192
_VARIANTS = 8
_ZONES = 4


@frozen
class Account:
    """The constants of one account, as JSON text where they go into records.

    Attributes:
        index: Number of the account.
        salt: Random bits of the account.
        step: Distance in the catalogue between neighbouring positions.
        texts: Account id and name, subscription UUID and name.
        subscription: The paygo subscription id.
        ascii_only: Whether its names are sent with escapes only.
    """

    index: int
    salt: int
    step: int
    texts: tuple[str, str, str, str]
    subscription: str
    ascii_only: bool

    def metric(self, position: int) -> Metric:
        """Return which metric stands at *position* of each day of this account."""
        return METRICS[self.metric_number(position)]

    def metric_number(self, position: int) -> int:
        """Return the place in the catalogue of the metric at *position*."""
        return (self.salt + position * self.step) % len(METRICS)

    def variant(self, position: int) -> int:
        """Return which habits (dates, absent fields) the records at *position* have."""
        return (self.salt // 7 + position * 5 + position // len(METRICS)) % _VARIANTS


class Accounts:
    """Derives accounts and zones and remembers only the latest of them."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self.account = lru_cache(maxsize=_REMEMBERED)(self._account)
        self._zone = lru_cache(maxsize=_REMEMBERED)(self._derive_zone)

    def zone(self, account: Account, position: int) -> tuple[str, str]:
        """Return the JSON texts of id and name of the zone at *position* of each day.

        Two records of a day have the same metric only if their positions are a whole catalogue
        apart, and then they have different zones.
        """
        return self.numbered_zone(account, zone_number(position))

    def numbered_zone(self, account: Account, number: int) -> tuple[str, str]:
        """Return the JSON texts of id and name of zone *number* of an account."""
        return self._zone(account.index, number, account.ascii_only)

    def _account(self, index: int) -> Account:
        bits = self._identities.digest("names", index, size=40)
        salt = int.from_bytes(bits[:8], "big")
        ascii_only = bits[8] % 4 == 0
        name = ACCOUNT_NAMES[bits[9] % len(ACCOUNT_NAMES)]
        uuid = bits[10:26].hex()
        texts = (
            self._identities.account_id(index),
            f"{name} {index + 1}",
            f"{uuid[:8]}-{uuid[8:12]}-4{uuid[13:16]}-a{uuid[17:20]}-{uuid[20:]}",
            SUBSCRIPTION_NAMES[bits[26] % len(SUBSCRIPTION_NAMES)],
        )
        first, second, third, fourth = (json.dumps(text, ensure_ascii=ascii_only) for text in texts)
        return Account(
            index=index,
            salt=salt,
            step=_coprime_step(salt),
            texts=(first, second, third, fourth),
            subscription=f'"{bits[27:40].hex().upper()}"',
            ascii_only=ascii_only,
        )

    def _derive_zone(self, account: int, number: int, ascii_only: bool) -> tuple[str, str]:  # noqa: FBT001 - a cache keys it by place
        bits = self._identities.digest("zone", account, number)
        name = f"{bits[0]:02x}{number}.{ZONE_NAMES[bits[1] % len(ZONE_NAMES)]}"
        return f'"{bits.hex()}"', json.dumps(name, ensure_ascii=ascii_only)


def zone_number(position: int) -> int:
    """Return the number of the zone that the record at *position* belongs to."""
    round_, place = divmod(position, len(METRICS))
    return round_ * _ZONES + place % _ZONES


def _coprime_step(salt: int) -> int:
    # Only such a step visits the whole catalogue before it comes back to a metric.
    step = salt % len(METRICS)
    while gcd(step, len(METRICS)) != 1:
        step += 1
    return step
