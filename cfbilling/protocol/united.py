"""Several answers about the same days: each charge once, from one answer, whatever they overlap.

Answers are of different moments, and what was restated between them is in both versions. So the
charges of a day that belong together are taken from one answer, the one that has most of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, cast

import msgspec

from cfbilling.cycles import utc_day
from cfbilling.records import BillableUsageRecord, Record

__all__ = ["United"]

R = TypeVar("R", bound=Record)

_Key = tuple[object, ...]


class United(Generic[R]):
    """Gathers the charges of several answers.

    Args:
        is_single: Whether they are all one subscription's.

    Attributes:
        ambiguous: How many charges name no subscription and are in several answers, so that they
            may be several subscriptions', or the same.
    """

    def __init__(self, *, is_single: bool) -> None:
        self._is_single = is_single
        self._groups: dict[_Key, dict[int, list[tuple[bytes, R]]]] = {}
        # Equal for equal charges, whatever their unknown fields; a record does not hash those.
        self._encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
        # Of each answer, how many charges, and the sum of their hashes.
        self._sizes: Counter[int] = Counter()
        self._sums: Counter[int] = Counter()
        self.ambiguous = 0

    def add(self, answer: int, charges: Sequence[R]) -> None:
        """Add charges of the answer that has this number."""
        self._sizes[answer] += len(charges)
        for charge in charges:
            group = self._groups.setdefault(self._group(charge), {})
            text = self._encode(charge)
            group.setdefault(answer, []).append((text, charge))
            self._sums[answer] += hash(text)

    def _group(self, charge: R) -> _Key:
        """Return what an answer has all of, or nothing."""
        told = cast("BillableUsageRecord", charge)
        start = told.charge_period_start or told.charge_period_end
        day = None if start is None else utc_day(start)
        if self._is_single:
            return day, None
        if told.subscription_id is not None:
            return day, told.subscription_id
        return day, None, told.service_name, told.zone_id, told.consumed_unit

    def groups(self) -> Iterator[list[R]]:
        """Yield the charges, group by group."""
        # Then each is about the account as a whole.
        alike = len(set(self._sizes.values())) == len(set(self._sums.values())) == 1
        for key, by_answer in self._groups.items():
            several = list(by_answer.values())
            is_named = len(key) == 2  # noqa: PLR2004 - day and subscription
            if len(several) == 1 or is_named or alike:
                yield [charge for _, charge in max(reversed(several), key=len)]
            else:
                most = _most(several)
                self.ambiguous += len(most)
                yield most


def _most(several: list[list[tuple[bytes, R]]]) -> list[R]:
    """Return each charge as often as in the answer that has most of it."""
    most: Counter[bytes] = Counter()
    united: list[R] = []
    for charges in several:
        here: Counter[bytes] = Counter()
        for text, charge in charges:
            here[text] += 1
            if here[text] > most[text]:
                most[text] += 1
                united.append(charge)
    return united
