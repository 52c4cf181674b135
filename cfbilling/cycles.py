"""Billing cycles: from one anchor day of a subscription to the day before the next.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import islice, pairwise

from cfbilling._record import PlainRecord
from cfbilling._record_type import optional, record_class
from cfbilling.chunk import DateChunk
from cfbilling.errors import ConfigurationError

__all__ = ["BillingCycles", "BillingSubscription", "borders", "utc_day"]

_MONTHS = 12
_DAY = timedelta(days=1)


def utc_day(moment: datetime) -> date:
    """Return the UTC day of a moment; beyond the calendar, its first or last day."""
    try:
        return moment.astimezone(UTC).date()
    except OverflowError:
        # Only an offset leads there, and it leads no further than a day.
        return date.min if moment.year == date.min.year else date.max


def _utc_day(moment: datetime | None) -> date | None:
    return None if moment is None else utc_day(moment)


def _border(month: int, anchor_day: int) -> date:
    """Return the anchor day of a month, counted from year 0; short months have it on their last."""
    year, index = divmod(month, _MONTHS)
    if year > date.max.year:
        return date.max
    if year < date.min.year:
        return date.min
    return date(year, index + 1, min(anchor_day, monthrange(year, index + 1)[1]))


def borders(anchor_day: int, start: date, end: date) -> Iterator[date]:
    """Yield the anchor days from the last at or before *start* to the first at or after *end*."""
    month = start.year * _MONTHS + start.month - 1
    if _border(month, anchor_day) > start:
        month -= 1
    border = _border(month, anchor_day)
    yield border
    while border < end:
        month += 1
        border = _border(month, anchor_day)
        yield border


def _aware(name: str, moment: object) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ConfigurationError(f"{name} must be an aware datetime")
    return moment


@record_class(kw_only=True)
class BillingSubscription(PlainRecord):
    """A subscription that version 1 bills by, one cycle each month.

    Attributes:
        id: Its id.
        billing_cycle_anchor_timestamp: A moment on whose UTC day of the month its cycles begin.
        start_timestamp: Its first moment.
        end_timestamp: The moment at which it was cancelled, if it was.
    """

    id: str | None = optional()
    billing_cycle_anchor_timestamp: datetime | None = optional()
    start_timestamp: datetime | None = optional()
    end_timestamp: datetime | None = optional()

    @property
    def anchor_day(self) -> int:
        """The day of the month on which its cycles begin; in shorter months, the last one."""
        anchor = self.billing_cycle_anchor_timestamp or self.start_timestamp
        day = _utc_day(anchor)
        return 1 if day is None else day.day

    @property
    def first_day(self) -> date:
        """Its first UTC day."""
        return _utc_day(self.start_timestamp) or date.min

    @property
    def day_after(self) -> date:
        """The first UTC day after its end."""
        last = _utc_day(self.end_timestamp)
        return date.max if last is None or last == date.max else last + _DAY

    def cycles(self, start: date, end: date) -> list[DateChunk]:
        """Return its whole cycles that touch the days ``[start, end)``, in order.

        The first begins on the anchor day before the subscription does.
        """
        return [DateChunk(first, after) for first, after in self.cycle_days(start, end)]

    def cycle_days(self, start: date, end: date) -> list[tuple[date, date]]:
        """Return the first day of each cycle and the day after its last, as of `cycles`."""
        first, after = max(start, self.first_day), min(end, self.day_after)
        if first >= after:
            return []
        days = pairwise(borders(self.anchor_day, first, after))
        return [(begin, finish) for begin, finish in days if begin < finish]


@record_class(kw_only=True)
class BillingCycles(PlainRecord):
    """Whether version 1 covers an account, and the cycles that it is billed by.

    Attributes:
        covered: Whether it is covered.
        subscriptions: The subscriptions, cancelled ones included.
    """

    covered: bool | None = optional()
    subscriptions: tuple[BillingSubscription, ...] | None = optional()

    def current(self, now: datetime | None = None) -> DateChunk | None:
        """Return the billing cycle that a moment is in, by UTC days.

        Args:
            now: The moment, by default the present; aware.

        Returns:
            Of several subscriptions' cycles the one that began first; ``None`` if there is none.

        Raises:
            ConfigurationError: If the moment is no aware datetime.
        """
        today = utc_day(_aware("now", now or datetime.now(UTC)))
        if today == date.max:
            return None
        return min(self._between(today, today + _DAY), default=None)

    def between(self, start: date, end: date) -> list[DateChunk]:
        """Return every billing cycle that touches ``[start, end)``, whole, in order.

        A subscription's first cycle begins with it. Cycles of several subscriptions that are the
        same come once.

        Args:
            start: The first UTC day, or an aware datetime on it.
            end: The first UTC day outside, or an aware datetime.

        Raises:
            ConfigurationError: For what is neither, or an end that is not after the start.
        """
        for name, given in (("start", start), ("end", end)):
            if type(given) is not date:
                _aware(name, given)
        if isinstance(start, datetime) is not isinstance(end, datetime):
            raise ConfigurationError("start and end must both be dates, or both be datetimes")
        if end <= start:
            raise ConfigurationError("end must be after start")
        chunk = DateChunk(start, end)
        return self._between(chunk.first_day, chunk.day_after)

    def billed_now(self, now: datetime) -> DateChunk | None:
        """Return the current cycle, or what would be it of the one that was cancelled last.

        Args:
            now: The moment, aware.
        """
        if (current := self.current(now)) is not None:
            return current
        today = utc_day(now)
        begun = [s for s in self._distinct if s.first_day <= today]
        if not begun or today == date.max:
            return None
        last = max(begun, key=lambda subscription: subscription.day_after)
        first, after = islice(borders(last.anchor_day, today, today + _DAY), 2)
        return DateChunk(first, after)

    def _between(self, start: date, end: date) -> list[DateChunk]:
        return sorted(
            {
                DateChunk(max(cycle.start, subscription.first_day), cycle.end)
                for subscription in self._distinct
                for cycle in subscription.cycles(start, end)
            }
        )

    @cached_property
    def _by_id(self) -> dict[str | None, list[BillingSubscription]]:
        found: dict[str | None, list[BillingSubscription]] = {}
        for subscription in self.subscriptions or ():
            found.setdefault(subscription.id, []).append(subscription)
        return found

    @cached_property
    def _distinct(self) -> list[BillingSubscription]:
        """One of each kind: an account may have thousands that are billed alike."""
        kinds = {(s.anchor_day, s.first_day, s.day_after): s for s in self.subscriptions or ()}
        return list(kinds.values())

    def period_end(self, start: datetime, subscription_id: str | None) -> datetime | None:
        """Return the first moment after the billing period that began at *start*, UTC.

        Args:
            start: The first moment of the period.
            subscription_id: The subscription, if it is known; else the period has to be one of
                some subscription's.
        """
        day = utc_day(start)
        if day == date.max:
            return None
        named = self._by_id.get(subscription_id, []) if subscription_id is not None else []
        ends = {
            cycle.end
            for subscription in named or self._distinct
            for cycle in subscription.cycles(day, day + _DAY)
            if named or max(cycle.start, subscription.first_day) == day
        }
        return datetime.combine(ends.pop(), time(), UTC) if len(ends) == 1 else None
