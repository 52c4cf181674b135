"""Waits as people read them: how long one lasts, and how much of a lock-out is left."""

from __future__ import annotations

import math

from cfbilling import BillingError, RateLimited
from cfbilling.cli.errors import print_error
from cfbilling.events import Event, Observer, QuotaPaused

__all__ = ["duration", "failure_told", "lock_out_told", "tell_pause", "within"]


def duration(seconds: float) -> str:
    """Return seconds for people, such as ``2:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def lock_out_told(error: RateLimited) -> str:
    """Return that the credential is locked out, and for how long if that is known."""
    if error.retry_after is None:
        return "locked out"
    return f"locked out, {duration(math.ceil(error.retry_after))} left"


def failure_told(error: BillingError) -> str:
    """Return an error for people: the lock-out first, where it is one."""
    if isinstance(error, RateLimited):
        return f"{lock_out_told(error)}: {error}"
    return str(error)


def tell_pause(event: Event) -> None:
    """Tell a wait for the quota on standard error: an observer for commands without a bar."""
    if isinstance(event, QuotaPaused):
        print_error(f"the quota is used up: waiting {duration(event.seconds)}")


def within(most: float, observer: Observer) -> Observer:
    """Return an observer that is told of no pause that nobody waits for.

    Args:
        most: The most seconds that a request waits.
        observer: The observer that is told of all else.
    """

    def tell(event: Event) -> None:
        if not isinstance(event, QuotaPaused) or event.seconds <= most:
            observer(event)

    return tell
