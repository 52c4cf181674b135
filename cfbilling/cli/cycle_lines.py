"""Billing cycles as records: what version 1 tells of an account, a line for each cycle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from cfbilling import BillingCycles, BillingSubscription, DateChunk, Record
from cfbilling._record_type import record_class

__all__ = ["CycleLine", "cycle_lines"]

_DAY = timedelta(days=1)


@record_class(kw_only=True)
class CycleLine(Record):
    """A billing cycle of a subscription; without one, what is known of the account.

    Attributes:
        account_id: The account.
        covered: Whether version 1 covers it.
        subscription_id: The subscription that is billed by the cycle.
        anchor_day: The day of the month on which its cycles begin.
        subscription_start: Its first moment.
        subscription_end: The moment at which it was cancelled.
        cycle_start: The first moment inside, UTC.
        cycle_end: The first moment outside, UTC.
        is_current: Whether today (UTC) is in it.
    """

    account_id: str | None = None
    covered: bool | None = None
    subscription_id: str | None = None
    anchor_day: Decimal | None = None
    subscription_start: datetime | None = None
    subscription_end: datetime | None = None
    cycle_start: datetime | None = None
    cycle_end: datetime | None = None
    is_current: bool | None = None


def cycle_lines(
    account_id: str, cycles: BillingCycles, days: DateChunk | None, today: date
) -> list[CycleLine]:
    """Return a line for each cycle, or one line for an account that has none.

    Args:
        account_id: The account.
        cycles: What the service tells of it.
        days: The days that a cycle has to touch; None for today.
        today: The current day in UTC.
    """
    lines = [
        CycleLine(
            account_id=account_id,
            covered=cycles.covered,
            subscription_id=subscription.id,
            anchor_day=Decimal(subscription.anchor_day),
            subscription_start=subscription.start_timestamp,
            subscription_end=subscription.end_timestamp,
            cycle_start=None if cycle is None else cycle.lower,
            cycle_end=None if cycle is None else cycle.upper,
            is_current=None if cycle is None else cycle.first_day <= today < cycle.day_after,
        )
        for subscription in cycles.subscriptions or ()
        for cycle in _cycles_of(subscription, days, today)
    ]
    return lines or [CycleLine(account_id=account_id, covered=cycles.covered)]


def _cycles_of(
    subscription: BillingSubscription, days: DateChunk | None, today: date
) -> Iterator[DateChunk | None]:
    chunk = DateChunk(today, today + _DAY) if days is None else days
    found = subscription.cycles(chunk.first_day, chunk.day_after)
    for cycle in found:
        # The first cycle of a subscription begins with it.
        start = max(cycle.first_day, subscription.first_day)
        yield DateChunk(start, cycle.end)
    if not found:
        # Such as one that was cancelled: that it was there is worth telling.
        yield None
