"""Fixed fees: how often one was due in a range of days."""

from __future__ import annotations

from datetime import timedelta

from cfbilling import DateChunk, Subscription

__all__ = ["times_due"]

# Whatever else the service may say some day, a fee is rather counted than overlooked.
_OWES_NOTHING = frozenset({"Trial", "Cancelled", "Failed", "Expired"})
_WEEK = timedelta(weeks=1)


def times_due(subscription: Subscription, days: DateChunk) -> int:
    """Return how often the price of a subscription was due.

    It is due, whole, at the beginning of each of its periods: that of a year once a year. The
    service tells the current period only, so a weekly price is taken to have been due in the weeks
    before as well. A subscription that does not say when its period began counts once.

    Args:
        subscription: The subscription.
        days: The days that count.
    """
    if subscription.state in _OWES_NOTHING:
        return 0
    begin = subscription.current_period_start
    if begin is None:
        return 1
    if not days.lower <= begin < days.upper:
        return 0
    return (begin - days.lower) // _WEEK + 1 if subscription.frequency == "weekly" else 1
