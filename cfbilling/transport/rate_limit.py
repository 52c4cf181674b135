"""One rate limiter for each credential: what would be refused is not sent.

Requests that are not answered yet count against what is left. When nothing is left, everything
under the credential waits until the window ends. After a refusal everything waits likewise, from
the head of the refusing answer on, and then one request goes ahead alone: only its own answer
tells whether the others may follow, and what was sent before the refusal teaches nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import attrs

from cfbilling.errors import RateLimited
from cfbilling.options import Clock, RetryPolicy
from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaSignal
from cfbilling.transport.budget import Budget
from cfbilling.transport.quota_window import QuotaWindow, longest_pause

__all__ = ["Permit", "RateLimiter"]

_SAME_PAUSE = 1.5
_MOST_LIMITS = 16


@attrs.define(eq=False)
class Permit:
    """The leave to send one request; the limiter is told what came of it.

    Attributes:
        epoch: The number of refusals before it was given.
        sent: The moment at which it was given.
        is_probe: Whether it goes ahead alone, and it is not known yet what comes of it.
        is_settled: Whether its answer was told.
    """

    epoch: int
    sent: float
    is_probe: bool = False
    is_settled: bool = False


class RateLimiter:
    """Lets requests of one credential pass.

    Args:
        clock: The clock that waits.
        on_pause: Told the seconds, whenever everything has to wait.
        assumed: The limit to assume until the service tells.
        retry: The policy whose back-off is kept after a refusal that names no time.

    Attributes:
        watchers: Told whether everything has to wait, when that changes.
    """

    def __init__(
        self,
        clock: Clock,
        on_pause: Callable[[float], None] = lambda _: None,
        assumed: QuotaPolicy = QuotaPolicy(),  # noqa: B008 - frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._clock = clock
        self._on_pause = on_pause
        self._assumed = assumed
        self._retry = retry
        self._windows = {"": QuotaWindow(assumed, clock.monotonic())}
        self._is_told = False
        self._unanswered = 0
        self._epoch = 0
        self._refusals = 0
        self._locked_until = -math.inf
        self._probing = False
        self._probe: Permit | None = None
        self._is_paused = False
        self._told_until = -math.inf
        self._changed = asyncio.Event()
        self.watchers: set[Callable[[bool], None]] = set()

    def __repr__(self) -> str:
        closed_for = self.closed_for
        state = f"closed for {closed_for:.0f} s" if closed_for else "open"
        if self._probing:
            state += ", one request at a time"
        quota = self.quota
        left = "" if quota is None else f", {quota.remaining} left for {quota.reset:.0f} s"
        return f"<RateLimiter {state}{left}, {self._unanswered} unanswered>"

    @property
    def quota(self) -> Quota | None:
        """What is left of the tightest limit, less what is not answered yet.

        ``None`` while the service has told nothing.
        """
        if not self._is_told:
            return None
        now = self._pass_time()
        name, window = min(self._windows.items(), key=lambda item: item[1].left)
        ends = now if window.ends is None else window.ends
        return Quota(
            name=name,
            remaining=0 if now < self._locked_until else max(0, window.left - self._unanswered),
            reset=max(0.0, max(ends, self._locked_until) - now),
            policy=window.policy,
        )

    @property
    def is_paused(self) -> bool:
        """Whether everything had to wait when somebody last looked."""
        return self._is_paused

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent now."""
        now = self._pass_time()
        if now < self._locked_until:
            return False
        if self._probing:
            return self._probe is None
        return all(window.spare(self._unanswered) for window in self._windows.values())

    @property
    def closed_for(self) -> float:
        """Seconds until something may be sent again, if that is a matter of time; else 0."""
        now = self._pass_time()
        locked = max(0.0, self._locked_until - now)
        if self._probing:
            return locked
        return max(locked, *(window.closed_for(now) for window in self._windows.values()))

    async def opened(self, budget: Budget) -> None:
        """Wait until a request may be sent; somebody else may still be faster.

        Args:
            budget: The request's budget for waiting; this wait is taken off it.

        Raises:
            RateLimited: If the wait would be longer than that, at once.
        """
        while not self.is_open:
            seconds = self.closed_for
            if not budget.allows(seconds):
                raise RateLimited("the quota is used up for too long", retry_after=seconds)
            began = self._clock.monotonic()
            if seconds:
                self._pause(seconds)
                await self._clock.sleep(seconds)
            else:
                # The answer to a request under way decides, and that has timeouts of its own.
                self._changed.clear()
                await self._changed.wait()
            budget.spend(max(seconds, self._clock.monotonic() - began))
        self._resume()

    def enter(self) -> Permit | None:
        """Return the leave to send a request, if one may be sent now."""
        if not self.is_open:
            return None
        now = self._clock.monotonic()
        for window in self._windows.values():
            window.sent(now)
        permit = Permit(self._epoch, now, is_probe=self._probing)
        self._unanswered += 1
        if self._probing:
            self._probe = permit
        return permit

    def tell(self, permit: Permit, signal: QuotaSignal | None) -> None:
        """Take note of what came of a request: at the head of its answer, or when there is none.

        Args:
            permit: The leave that it was sent with.
            signal: The signal in its answer; ``None`` if no answer came. The service may have
                counted it all the same.
        """
        is_current = permit.epoch == self._epoch
        now = self._pass_time()
        try:
            if not permit.is_settled:
                permit.is_settled = True
                if is_current:
                    self._unanswered -= 1
                    self._learn(permit, signal, now)
            if permit.is_probe and is_current:
                self._judge(permit, signal)
            if signal is not None and signal.is_refusal:
                self._lock_out(signal, now, is_current=is_current)
        finally:
            self._changed.set()

    def _learn(self, permit: Permit, signal: QuotaSignal | None, now: float) -> None:
        told = () if signal is None else signal.quotas
        if told and not self._is_told:
            self._is_told = True
            self._windows = {told[0].name: self._windows.pop("")}
        for quota in told:
            if quota.name in self._windows:
                window = self._windows[quota.name]
            elif len(self._windows) < _MOST_LIMITS:
                window = self._windows[quota.name] = QuotaWindow(self._assumed, now)
            else:
                continue
            window.learn(quota, now, self._unanswered)
        names = {quota.name for quota in told}
        for name, window in self._windows.items():
            if name not in names:
                window.uncounted(permit.sent)

    def _judge(self, permit: Permit, signal: QuotaSignal | None) -> None:
        """Take note of what came of the request that went ahead alone."""
        if signal is not None and not signal.is_refusal:
            if not signal.quotas and not signal.is_whole:
                # The head of an answer without quota headers: its body may still refuse.
                return
            self._probing = False
            self._refusals = 0
        # No answer says nothing: then the next request goes alone.
        permit.is_probe = False
        if permit is self._probe:
            self._probe = None

    def _lock_out(self, signal: QuotaSignal, now: float, *, is_current: bool) -> None:
        longest = max(longest_pause(window.policy) for window in self._windows.values())
        if not is_current:
            # It was sent before the refusal that counts: at most, it knows better for how long.
            if signal.wait and now < self._locked_until:
                until = now + min(signal.wait, longest)
                self._locked_until = max(self._locked_until, until)
            return
        for window in self._windows.values():
            window.refused(self._unanswered)
        self._refusals += 1
        self._epoch += 1
        self._unanswered = 0
        self._probing, self._probe = True, None
        wait = signal.wait or self._retry.backoff(self._refusals)
        self._locked_until = now + min(wait, longest)
        self._pause(self._locked_until - now)

    def _pause(self, seconds: float) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._tell_watchers()
        until = self._clock.monotonic() + seconds
        if until > self._told_until + _SAME_PAUSE:
            self._told_until = until
            # Last, since it is somebody else's.
            self._on_pause(seconds)

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._tell_watchers()

    def _tell_watchers(self) -> None:
        for watcher in list(self.watchers):
            watcher(self._is_paused)

    def _pass_time(self) -> float:
        now = self._clock.monotonic()
        for window in self._windows.values():
            if window.pass_time(now) and not self._probing:
                self._probing, self._probe = True, None
        return now
