"""Our policy over tenacity; no type of tenacity's gets out of this file.

A wait that the service asked for is no failed attempt: it counts against the time budget only.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from cfbilling.errors import BillingError, RateLimited, ServerError, TransportError
from cfbilling.events import Observer, RetryScheduled
from cfbilling.options import Clock, RetryPolicy
from cfbilling.protocol.requests import Request
from cfbilling.records import Record

__all__ = ["is_transient", "retrying"]

T = TypeVar("T")

_TRANSIENT_STATUSES = frozenset({408, 425, 500, 502, 503, 504, *range(520, 531)})
_MOST_DOUBLINGS = 60


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may help."""
    if isinstance(error, TransportError):
        return error.transient
    if isinstance(error, ServerError):
        return error.status in _TRANSIENT_STATUSES
    return isinstance(error, RateLimited)


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


class _Spending:
    """What one request has used up of its policy."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0
        self._waited = 0.0
        self.asked = False

    def wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        wish = error.retry_after if isinstance(error, BillingError) else None
        # A wish of no time at all would let a broken service be asked without end.
        self.asked = bool(wish)
        if wish:
            return wish
        self._failures += 1
        doubled = self._policy.initial_wait * 2.0 ** min(self._failures - 1, _MOST_DOUBLINGS)
        return min(doubled, self._policy.max_backoff) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    def is_over(self, state: tenacity.RetryCallState) -> bool:
        self._waited += state.upcoming_sleep
        return self._failures >= self._policy.attempts or self._waited > self._policy.budget


async def retrying(
    request: Request[Record],
    attempt: Callable[[Request[Record], int], Awaitable[T]],
    policy: RetryPolicy,
    clock: Clock,
    observer: Observer,
) -> T:
    """Call *attempt* until it succeeds, fails for good, or the policy is used up.

    Args:
        request: The request that is attempted.
        attempt: Called with the request and the attempt's number, from 1.
        policy: How often and how long.
        clock: The clock that waits.
        observer: Gets a `RetryScheduled` for each attempt that is followed by another.

    Raises:
        BillingError: The last error itself, with its ``attempts`` counted.
    """
    spending = _Spending(policy)

    def tell(state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        if isinstance(error, BillingError):
            observer(
                RetryScheduled(
                    **request.facts,
                    attempt=state.attempt_number,
                    wait=state.upcoming_sleep,
                    asked=spending.asked,
                    error=error,
                )
            )

    number = 0
    first_error: BillingError | None = None

    async def numbered() -> T:
        nonlocal number, first_error
        if first_error is not None:
            error, first_error = first_error, None
            raise error
        number += 1
        try:
            return await attempt(request, number)
        except BillingError as error:
            error.attempts = number
            raise

    # Nearly every request succeeds at once, and then tenacity would cost more than all the rest
    # of our code: it is entered with a failure in hand.
    try:
        return await numbered()
    except BillingError as error:
        first_error = error
    return await tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(is_transient),
        wait=spending.wait,
        stop=spending.is_over,
        sleep=clock.sleep,
        before_sleep=tell,
        reraise=True,
    )(numbered)
