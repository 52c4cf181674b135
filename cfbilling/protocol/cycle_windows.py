"""Version 1: which ranges to ask for, so that every charge is in at least one answer, whole.

A range is answered only if it holds an anchor day, and what a range with two of them gives is not
documented; nor is whether ``to`` is the last day inside or the first outside, nor whether a range
answers for each subscription whose anchor it holds or for the account as a whole. So one cycle is
asked for at a time, whole, and where several subscriptions have different anchors, the answers
complete each other.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from itertools import pairwise
from operator import itemgetter

import attrs

from cfbilling.chunk import DateChunk
from cfbilling.cycles import BillingCycles, BillingSubscription, borders

__all__ = [
    "Asked",
    "Reading",
    "Window",
    "asked_dates",
    "is_settled",
    "proves_inclusive",
    "reading_suggested",
    "windows",
]

_DAY = timedelta(days=1)
_TWO_CYCLES = timedelta(days=62)
_RESTATED_DAYS = 35
_BESIDE = 2


class Reading(Enum):
    """How a service reads ``to``: as the last day inside, or as the first outside."""

    UNKNOWN = auto()
    INCLUSIVE = auto()
    EXCLUSIVE = auto()


@attrs.frozen(order=True)
class Asked:
    """The days of one request, however it is going to be written.

    Attributes:
        first: The first day.
        last: The last day.
    """

    first: date
    last: date

    def is_beside(self, day: date) -> bool:
        """Return whether a day is among them, or so near that it proves nothing."""
        after_first = day.toordinal() - self.first.toordinal()
        return after_first >= -_BESIDE and day.toordinal() - self.last.toordinal() <= _BESIDE


@attrs.frozen
class Window:
    """A part of the range that the same requests answer.

    Attributes:
        chunk: What is kept of the answers.
        asked: A request for the cycle of each anchor; together they hold every charge, if a range
            answers for each subscription by itself.
        spare: What is asked as well where those give nothing, since a range may answer for the
            account as a whole and hold too many anchors then.
    """

    chunk: DateChunk
    asked: tuple[Asked, ...]
    spare: tuple[Asked, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether one answer is all there is."""
        return len(self.asked) == 1 and not self.spare


def asked_dates(
    asked: Asked, reading: Reading, today: date, *, is_alone: bool
) -> tuple[tuple[date, date], ...]:
    """Return ``from`` and ``to`` of a request; two of them if only both are sure to be whole.

    The second is needed only if the first shows nothing of its last day.

    Args:
        asked: The days.
        reading: What is known of how ``to`` is read.
        today: The present UTC day; later days are not asked for, but as the first outside.
        is_alone: Whether the account has no other anchors.
    """
    tomorrow = today + _DAY
    if asked.last >= tomorrow and is_alone and reading is Reading.UNKNOWN:
        # No anchor is as near, so a day more does no harm under the other reading.
        return ((asked.first, tomorrow),)
    last = min(asked.last, today)
    inclusive, exclusive = (asked.first, last), (asked.first, last + _DAY)
    if reading is Reading.INCLUSIVE:
        return (inclusive,)
    return (exclusive,) if reading is Reading.EXCLUSIVE else (inclusive, exclusive)


def proves_inclusive(to: date, days: Iterable[date]) -> bool:
    """Return whether an answer shows that ``to`` is the last day inside: it has a charge on it."""
    return any(day >= to for day in days)


def reading_suggested(last: date, first: Counter[date], second: Counter[date]) -> Reading:
    """Return what two answers suggest, neither of which has a charge where it would prove it.

    They are of two moments. What is restated between them suggests things as well; so it has to be
    confirmed by asking for the first once more. That charges appear on a day which is settled is
    the exception: that needs no more.

    Args:
        last: The last day asked for.
        first: How many charges of each day ``to`` as the last day inside gave.
        second: The same for ``to`` as the first day outside.
    """
    if not first <= second:
        # What the second lacks of the first: with the next anchor in it, it is answered in part
        # or not at all.
        return Reading.INCLUSIVE if first and not second else Reading.UNKNOWN
    return Reading.EXCLUSIVE if second[last] else Reading.UNKNOWN


def is_settled(day: date, today: date) -> bool:
    """Return whether a day is so long ago that it is no longer restated."""
    return today.toordinal() - day.toordinal() > _RESTATED_DAYS


def windows(cycles: BillingCycles, whole: DateChunk, today: date) -> Iterator[Window]:
    """Yield what to ask for a range, in order; nothing about days that are to come.

    Args:
        cycles: The account's billing cycles.
        whole: The range that the caller wants.
        today: The present UTC day.
    """
    start, end = whole.first_day, min(whole.day_after, today + _DAY)
    # Without any subscription, whose days they are is not known, so months do as well.
    subscriptions = cycles.subscriptions or (BillingSubscription(),)
    kinds = {(each.anchor_day, each.first_day, each.day_after): each for each in subscriptions}
    by_anchor: dict[int, list[BillingSubscription]] = defaultdict(list)
    for subscription in kinds.values():
        by_anchor[subscription.anchor_day].append(subscription)
    earlier, later = _earlier(start), _later(end)
    cuts = _Cuts(kinds.values(), earlier, later)
    anchors = [_Anchor(day, group, earlier, later) for day, group in by_anchor.items()]
    before: Window | None = None
    for first, after in cuts.pieces(start, end):
        asked = {cycle for anchor in anchors if (cycle := anchor.cycle_on(first)) is not None}
        if not asked:
            continue
        spare = cuts.around(first) - asked
        window = Window(_part(whole, first, after), tuple(sorted(asked)), tuple(sorted(spare)))
        joined = None if before is None else _joined(before, window)
        if before is not None and joined is None:
            yield before
        before = joined or window
    if before is not None:
        yield before


class _Anchor:
    """The cycles of the subscriptions that share an anchor day, and the days of any of them."""

    def __init__(
        self, day: int, group: Iterable[BillingSubscription], start: date, end: date
    ) -> None:
        self._borders = list(borders(day, start, end))
        self._cycles = [Asked(first, after - _DAY) for first, after in pairwise(self._borders)]
        self._spans: list[tuple[date, date]] = []
        for first, after in sorted((each.first_day, each.day_after) for each in group):
            if self._spans and first <= self._spans[-1][1]:
                before = self._spans.pop()
                self._spans.append((before[0], max(before[1], after)))
            else:
                self._spans.append((first, after))

    def cycle_on(self, day: date) -> Asked | None:
        """Return the cycle that a day is in, if a subscription is active then."""
        index = bisect_right(self._spans, day, key=itemgetter(0))
        if not index or day >= self._spans[index - 1][1]:
            return None
        return self._cycles[bisect_right(self._borders, day) - 1]


def _joined(before: Window, window: Window) -> Window | None:
    """Return two windows as one, if the same requests answer both and nothing is between them."""
    if (before.asked, before.spare) != (window.asked, window.spare):
        return None
    if before.chunk.upper != window.chunk.lower:
        return None
    return attrs.evolve(before, chunk=DateChunk(before.chunk.start, window.chunk.end))


def _earlier(day: date) -> date:
    """Return a day that no cycle reaches back to."""
    return max(day, date.min + _TWO_CYCLES) - _TWO_CYCLES


def _later(day: date) -> date:
    """Return a day that no cycle reaches."""
    return min(day, date.max - _TWO_CYCLES) + _TWO_CYCLES


class _Cuts:
    """Where a range that answers for the account as a whole would hold one anchor only.

    A subscription's first cycle begins on the anchor day before its start, or with its start; and
    the cycle in which it is cancelled ends with an anchor day, or with none. That is not
    documented either, so each is a kind of cuts.
    """

    def __init__(
        self,
        subscriptions: Iterable[BillingSubscription],
        start: date,
        end: date,
    ) -> None:
        kinds: list[set[date]] = [set() for _ in range(4)]
        self._borders: set[date] = set()
        for subscription in subscriptions:
            self._borders |= {subscription.first_day, subscription.day_after}
            for first, after in subscription.cycle_days(start, end):
                begins = first, max(first, subscription.first_day)
                ends = {after} if after < subscription.day_after else set()
                for kind, begin in zip(kinds[:2], begins, strict=True):
                    kind |= {begin, after}
                for kind, begin in zip(kinds[2:], begins, strict=True):
                    kind |= {begin, *ends}
        self._kinds = [sorted(kind) for kind in kinds]

    def pieces(self, start: date, end: date) -> list[tuple[date, date]]:
        """Return the days ``[start, end)``, cut everywhere."""
        cuts = self._borders.union(*self._kinds)
        inside = {day for day in cuts if start < day < end}
        days = [start, *sorted(inside), end]
        return [(day, after) for day, after in pairwise(days) if day < after]

    def around(self, day: date) -> set[Asked]:
        """Return the days between two cuts that hold a day, for each kind of cuts."""
        found: set[Asked] = set()
        for cuts in self._kinds:
            index = bisect_right(cuts, day)
            if 0 < index < len(cuts):
                found.add(Asked(cuts[index - 1], cuts[index] - _DAY))
        return found


def _part(whole: DateChunk, first: date, after: date) -> DateChunk:
    """Return the part of a range on the days ``[first, after)``."""
    start, end = whole.start, whole.end
    has_time = isinstance(start, datetime)
    if first > whole.first_day:
        start = datetime.combine(first, time(), UTC) if has_time else first
    if after < whole.day_after:
        end = datetime.combine(after, time(), UTC) if has_time else after
    return DateChunk(start, end)
