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
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from itertools import pairwise

import attrs

from cfbilling.chunk import DateChunk
from cfbilling.cycles import BillingCycles, BillingSubscription

__all__ = ["Asked", "Reading", "Window", "asked_dates", "reading_of", "windows"]

_DAY = timedelta(days=1)
_TWO_CYCLES = timedelta(days=62)


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
        is_followed: Whether the day after the last is an anchor day.
    """

    first: date
    last: date
    is_followed: bool = True


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


def reading_of(
    last: date, first: Iterable[date], second: Iterable[date] | None, *, is_alone: bool
) -> Reading:
    """Return what the answers to a request tell of how ``to`` is read.

    Args:
        last: The last day asked for.
        first: The day of each charge in the answer to ``to`` as the last day inside.
        second: The same for ``to`` as the first day outside, if that was asked.
        is_alone: Whether the day after the last is an anchor, and all others are known.
    """
    days, others = list(first), list(second or ())
    if last in days or any(day > last for day in others):
        return Reading.INCLUSIVE
    if last in others:
        return Reading.EXCLUSIVE
    if second is None or not days or not is_alone:
        return Reading.UNKNOWN
    if not others:
        return Reading.INCLUSIVE
    if len(others) >= len(days):
        # Also if it is read otherwise: so written, a request has been answered whole.
        return Reading.EXCLUSIVE
    return Reading.UNKNOWN


def windows(cycles: BillingCycles, whole: DateChunk, today: date) -> list[Window]:
    """Return what to ask for a range, in order; nothing about days that are to come.

    Args:
        cycles: The account's billing cycles.
        whole: The range that the caller wants.
        today: The present UTC day.
    """
    start, end = whole.first_day, min(whole.day_after, today + _DAY)
    # Without any subscription, whose days they are is not known, so months do as well.
    subscriptions = cycles.subscriptions or (BillingSubscription(),)
    by_anchor: dict[int, list[BillingSubscription]] = defaultdict(list)
    for subscription in subscriptions:
        by_anchor[subscription.anchor_day].append(subscription)
    cuts = _Cuts(subscriptions, _earlier(start), _later(end))
    found: list[Window] = []
    for first, after in cuts.pieces(start, end):
        asked = {cycle for group in by_anchor.values() for cycle in _cycle_on(first, group)}
        if asked:
            days = {(cycle.first, cycle.last) for cycle in asked}
            spare = {cycle for cycle in cuts.around(first) if (cycle.first, cycle.last) not in days}
            chunk = _part(whole, first, after)
            _add(found, Window(chunk, tuple(sorted(asked)), tuple(sorted(spare))))
    return found


def _cycle_on(day: date, group: Iterable[BillingSubscription]) -> list[Asked]:
    """Return the cycle that a day is in, for subscriptions that share their anchor day."""
    active = [each for each in group if each.first_day <= day < each.day_after]
    if not active:
        return []
    (cycle,) = active[0].cycles(day, day + _DAY)
    is_followed = any(each.day_after > cycle.day_after for each in active)
    return [Asked(cycle.first_day, cycle.day_after - _DAY, is_followed)]


def _add(found: list[Window], window: Window) -> None:
    """Add a window, to the one before if the same requests answer both."""
    before = found[-1] if found else window
    is_next = before.chunk.upper == window.chunk.lower
    if is_next and (before.asked, before.spare) == (window.asked, window.spare):
        chunk = DateChunk(before.chunk.start, window.chunk.end)
        found[-1] = attrs.evolve(before, chunk=chunk)
    else:
        found.append(window)


def _earlier(day: date) -> date:
    """Return a day that no cycle reaches back to."""
    return max(day, date.min + _TWO_CYCLES) - _TWO_CYCLES


def _later(day: date) -> date:
    """Return a day that no cycle reaches."""
    return min(day, date.max - _TWO_CYCLES) + _TWO_CYCLES


class _Cuts:
    """Where a range that answers for the account as a whole would hold one anchor only.

    A subscription's first cycle begins on the anchor day before its start, or with its start:
    that is not documented either, so both are cuts.
    """

    def __init__(
        self,
        subscriptions: Iterable[BillingSubscription],
        start: date,
        end: date,
    ) -> None:
        nominal: set[date] = set()
        actual: set[date] = set()
        self._ends = {subscription.day_after for subscription in subscriptions}
        self._starts = {subscription.first_day for subscription in subscriptions}
        for subscription in subscriptions:
            for cycle in subscription.cycles(start, end):
                nominal |= {cycle.first_day, cycle.day_after}
                actual |= {max(cycle.first_day, subscription.first_day), cycle.day_after}
        self._nominal, self._actual = sorted(nominal), sorted(actual)

    def pieces(self, start: date, end: date) -> list[tuple[date, date]]:
        """Return the days ``[start, end)``, cut everywhere."""
        cuts = {*self._nominal, *self._actual, *self._starts, *self._ends}
        inside = {day for day in cuts if start < day < end}
        days = [start, *sorted(inside), end]
        return [(day, after) for day, after in pairwise(days) if day < after]

    def around(self, day: date) -> list[Asked]:
        """Return the days between two cuts that hold a day, for either kind of cuts."""
        found: list[Asked] = []
        for cuts in (self._nominal, self._actual):
            index = bisect_right(cuts, day)
            if 0 < index < len(cuts):
                found.append(Asked(cuts[index - 1], cuts[index] - _DAY))
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
