"""Billing subscriptions: what each account has of them, and on which days their cycles begin."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from attrs import field, frozen, validators

from cfbilling.sandbox.data.accounts import Account, Accounts
from cfbilling.sandbox.data.days import ONE_DAY, month_start, next_month

__all__ = ["Span", "Subscription", "Subscriptions"]

_FIRST_YEAR = 2015
_YEARS = 4
# Only a month that has every day can hold any anchor.
_LONG_MONTHS = (1, 3, 5, 7, 8, 10, 12)


def _aware(_: object, __: object, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")


@frozen
class Subscription:
    """One billing subscription of an account; of each moment, the day in UTC counts.

    Attributes:
        id: Identifier.
        anchor: Moment whose day of the month begins each cycle, or the last day of a shorter month.
        start: Moment since when there is usage.
        end: Moment of the cancellation, whose day is the last one; None while it is active.
    """

    id: str
    anchor: datetime = field(validator=_aware)
    start: datetime = field(validator=_aware)
    end: datetime | None = field(default=None, validator=validators.optional(_aware))

    @property
    def first_day(self) -> date:
        """The first day that has usage."""
        return self.start.astimezone(UTC).date()

    @property
    def last_day(self) -> date:
        """The last day that has usage."""
        return date.max if self.end is None else self.end.astimezone(UTC).date()

    def latest_anchor(self, day: date) -> date:
        """Return the last day not after *day* on which a cycle begins, whatever the life is."""
        anchor = self._anchor_in(month_start(day))
        return anchor if anchor <= day else self._anchor_in(month_start(month_start(day) - ONE_DAY))

    def anchors(self, first: date, last: date) -> Iterator[date]:
        """Yield the days of ``[first, last]`` on which a cycle begins, whatever the life is."""
        anchor = self.latest_anchor(first)
        while anchor <= last:
            if anchor >= first:
                yield anchor
            anchor = self._anchor_in(next_month(anchor))

    def period_start(self, day: date) -> date:
        """Return when the billing period of *day* began; the first one begins with the life."""
        return max(self.first_day, self.latest_anchor(day))

    def _anchor_in(self, month: date) -> date:
        days = (next_month(month) - month).days
        return month.replace(day=min(self.anchor.astimezone(UTC).day, days))


@frozen
class Span:
    """The days ``[start, end)`` of one subscription."""

    subscription: Subscription
    start: date
    end: date

    def within_life(self, today: date) -> "Span":
        """Return the part of it that can have usage: while the subscription lives, up to today."""
        last = min(self.subscription.last_day, today)
        start = max(self.start, self.subscription.first_day)
        return Span(self.subscription, start, max(start, min(self.end, last + ONE_DAY)))


class Subscriptions:
    """The billing subscriptions of every account, and which accounts are covered at all."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._replaced: dict[int, tuple[Subscription, ...]] = {}
        self._uncovered: set[int] = set()

    def of(self, index: int) -> tuple[Subscription, ...]:
        """Return the subscriptions of account number *index*."""
        replaced = self._replaced.get(index)
        return (_usual(self._accounts.account(index)),) if replaced is None else replaced

    def replace(self, index: int, subscriptions: tuple[Subscription, ...]) -> None:
        """Give an account these *subscriptions* in place of those that it had."""
        self._replaced[index] = subscriptions

    def cover(self, index: int, *, covered: bool) -> None:
        """Say whether an account is covered."""
        if covered:
            self._uncovered.discard(index)
        else:
            self._uncovered.add(index)

    def covers(self, index: int) -> bool:
        """Tell whether an account is covered."""
        return index not in self._uncovered


def _usual(account: Account) -> Subscription:
    bits = account.salt
    day, bits = bits % 31 + 1, bits // 31
    month, bits = _LONG_MONTHS[bits % len(_LONG_MONTHS)], bits // len(_LONG_MONTHS)
    year, bits = _FIRST_YEAR + bits % _YEARS, bits // _YEARS
    anchor = datetime(year, month, day, bits % 24, bits % 60, bits % 59, tzinfo=UTC)
    # A few were there some days before their first full cycle.
    start = anchor - ONE_DAY * (bits % 20) if bits % 3 == 0 else anchor
    return Subscription(account.subscription.strip('"'), anchor, start)
