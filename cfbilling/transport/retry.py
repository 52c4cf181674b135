"""Our policy over tenacity; no type of tenacity's gets out of this file.

A wait that the service asked for is no failed attempt: it counts against the time budget only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import tenacity

from cfbilling.errors import BillingError, RateLimited, ServerError, TransportError
from cfbilling.events import Observer, RetryScheduled
from cfbilling.options import Clock, RetryPolicy
from cfbilling.protocol.requests import Request
from cfbilling.records import Record
from cfbilling.transport.budget import Budget
from cfbilling.transport.rate_limit import RateLimiter

__all__ = ["Attempts", "is_transient", "retrying"]

T = TypeVar("T")

_TRANSIENT_STATUSES = frozenset({408, 425, 500, 502, 503, 504, *range(520, 531)})


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may help."""
    if isinstance(error, TransportError):
        return error.transient
    if isinstance(error, ServerError):
        return error.status in _TRANSIENT_STATUSES
    return isinstance(error, RateLimited)


@attrs.define
class Attempts:
    """What one request has used up of its policy.

    Attributes:
        policy: The policy.
        limiter: The pace of the request's credential, which says how long a refusal lasts.
        budget: Its budget for waiting.
        number: Attempts begun.
        failures: Attempts that failed, without those after which the service named a time.
    """

    policy: RetryPolicy
    limiter: RateLimiter
    budget: Budget
    number: int = 1
    failures: int = 0

    def pause(self, error: BillingError) -> tuple[float, bool] | None:
        """Count a failure; return the seconds until the next attempt, and whether they are asked.

        Returns:
            ``None`` when there is to be no other attempt.
        """
        asked = error.retry_after or 0.0
        # A wish of no time at all would let a broken service be asked without end.
        if not asked:
            self.failures += 1
        if self.failures >= self.policy.attempts or self.policy.attempts == 1:
            return None
        if isinstance(error, RateLimited):
            # The limiter does not believe in pauses beyond all measure, but a request that would
            # have to is not going to be served in time.
            pause = self.limiter.closed_for if self.budget.allows(asked) else asked
        else:
            pause = asked or self.policy.backoff(self.failures)
        return (pause, bool(asked)) if self.budget.allows(pause) else None


async def retrying(
    first_error: BillingError,
    request: Request[Record],
    attempt: Callable[[], Awaitable[T]],
    attempts: Attempts,
    *,
    clock: Clock,
    observer: Observer,
) -> T:
    """Call *attempt* again until it succeeds, fails for good, or the policy is used up.

    Nearly every request succeeds at once, and then even to prepare for a failure would cost more
    than all the rest of our code: so this begins with a failure in hand.

    Args:
        first_error: The error of the first attempt.
        request: The request that is attempted.
        attempt: The attempt, to be made again.
        attempts: The attempts and the budget that are used up so far.
        clock: The clock that waits.
        observer: Gets a `RetryScheduled` for each attempt that is followed by another.

    Raises:
        BillingError: The last error itself, with its ``attempts`` counted.
    """
    known: BillingError | None = first_error
    first_error.attempts = attempts.number
    pause: tuple[float, bool] | None = None

    async def again() -> T:
        nonlocal known
        if known is not None:
            error, known = known, None
            raise error
        attempts.number += 1
        try:
            return await attempt()
        except BillingError as error:
            error.attempts = attempts.number
            raise

    def wait(state: tenacity.RetryCallState) -> float:
        nonlocal pause
        pause = attempts.pause(_error_of(state))
        return 0.0 if pause is None else pause[0]

    async def sleep(seconds: float) -> None:
        began = clock.monotonic()
        await clock.sleep(seconds)
        attempts.budget.spend(max(seconds, clock.monotonic() - began))

    def tell(state: tenacity.RetryCallState) -> None:
        observer(
            RetryScheduled(
                **request.facts,
                attempt=attempts.number,
                wait=state.upcoming_sleep,
                asked=pause is not None and pause[1],
                error=_error_of(state),
            )
        )

    return await tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(is_transient),
        wait=wait,
        stop=lambda _: pause is None,
        sleep=sleep,
        before_sleep=tell,
        reraise=True,
    )(again)


def _error_of(state: tenacity.RetryCallState) -> BillingError:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, BillingError):
        raise TypeError("only errors of ours are tried again")
    return error
