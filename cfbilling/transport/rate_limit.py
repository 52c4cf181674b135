"""One rate limiter for each credential: what would be refused is not sent.

Requests that are not answered yet count against what is left. When nothing is left, everything
under the credential waits, in a line, until more is given back. After a refusal everything waits
likewise, from the head of the refusing answer on, and then one request goes ahead alone: only
its own answer tells whether the others may follow, and what was sent before the refusal teaches
nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from cfbilling.errors import RateLimited
from cfbilling.options import Clock, RetryPolicy
from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaSignal
from cfbilling.transport.budget import Budget
from cfbilling.transport.pauses import Pauses
from cfbilling.transport.permit import Permit
from cfbilling.transport.quota_limit import QuotaLimit
from cfbilling.transport.quota_reading import Answered
from cfbilling.transport.quota_window import longest_pause
from cfbilling.transport.waiting_line import Place, WaitingLine

__all__ = ["RateLimiter"]

_MOST_LIMITS = 16
# What to tell who may not wait for an answer that is under way: about so long it takes.
_ANSWER = 1.0
_LEAST_WAIT = 0.001
# Of those who wait, so many may be waiting for a slot.
_MOST_COMING = 8


class RateLimiter:
    """Lets requests of one credential pass.

    Args:
        clock: The clock that waits.
        on_pause: Told the seconds, whenever everything has to wait. Waits that follow each other
            closely are told together.
        assumed: The limit to assume until the service tells.
        retry: The policy whose back-off is kept after a refusal that names no time.
        kept: Requests of each window that are left to others.

    Attributes:
        watchers: Told whether everything has to wait, when that changes.
    """

    def __init__(
        self,
        clock: Clock,
        on_pause: Callable[[float], None] = lambda _: None,
        assumed: QuotaPolicy = QuotaPolicy(),  # noqa: B008 - frozen
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        kept: int = 0,
    ) -> None:
        self._clock = clock
        self._pauses = Pauses(on_pause)
        self._assumed = assumed
        self._retry = retry
        self._kept = kept
        self._limits = {"": QuotaLimit(assumed, kept, clock.monotonic())}
        self._is_told = False
        self._unanswered = self._answers = 0
        self._epoch = self._refusals = 0
        self._locked_until = -math.inf
        self._last_wait = _ANSWER
        self._probing = False
        self._probe: Permit | None = None
        # Most never have one, and there may be ten thousand credentials.
        self._line: WaitingLine | None = None
        self._coming = 0
        self.watchers = self._pauses.watchers

    def __repr__(self) -> str:
        closed_for = self.closed_for
        state = f"closed for {closed_for:.0f} s" if closed_for else "open"
        if self._probing:
            state += ", one request at a time"
        left = f", {q.remaining} left for {q.reset:.0f} s" if (q := self.quota) else ""
        return f"<RateLimiter {state}{left}, {self._unanswered} unanswered>"

    @property
    def quota(self) -> Quota | None:
        """What is left of the tightest limit, less what is not answered yet.

        ``None`` while there was no answer.
        """
        now = self._pass_time()
        found = [(*limit.standing(now), name, limit) for name, limit in self._limits.items()]
        remaining, reset, name, limit = min(found, key=lambda item: item[0])
        if not self._is_told and limit.reading is None:
            return None
        return Quota(
            name=name,
            remaining=0 if now < self._locked_until else max(0, remaining - self._unanswered),
            reset=max(0.0, reset, self._locked_until - now),
            policy=limit.policy,
            reading=limit.reading,
        )

    @property
    def is_paused(self) -> bool:
        """Whether everything had to wait when somebody last looked."""
        return self._pauses.is_paused

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent now."""
        return self._is_open(self._pass_time())

    def _is_open(self, now: float) -> bool:
        if now < self._locked_until:
            return False
        if self._probing:
            return self._probe is None
        unanswered = self._unanswered
        for limit in self._limits.values():  # noqa: SIM110 - all() takes twice as long
            if not limit.spare(now, unanswered):
                return False
        return True

    @property
    def closed_for(self) -> float:
        """Seconds until something may be sent again, if that is a matter of time; else 0."""
        now = self._pass_time()
        locked = max(0.0, self._locked_until - now)
        if self._probing:
            return locked
        unanswered = self._unanswered
        return max(locked, *(limit.closed_for(now, unanswered) for limit in self._limits.values()))

    async def permit(self, slots: asyncio.Semaphore, budget: Budget) -> Permit:
        """Wait for the leave to send a request, and then for a slot.

        Args:
            slots: The slots, which others may share.
            budget: The request's budget for waiting. The wait for the leave is taken off it, but
                not the wait for a slot.

        Raises:
            RateLimited: If the wait for the leave would be longer than that, at once.
        """
        line = self._line
        if not line and not slots.locked() and (permit := self.enter()) is not None:
            # It is free, so this does not wait.
            await slots.acquire()
            return permit
        again, line = False, self._waiting_line()
        while True:
            place = line.join(budget, again=again)
            try:
                while not (self._may_come(place) and self.is_open):
                    # Nothing more than this: tens of thousands may wait here.
                    if self._may_come(place):
                        await self._watch(place)
                    else:
                        self._look(place)
                        await place.called()
            finally:
                line.leave(place)
            self._coming += 1
            try:
                await slots.acquire()
            finally:
                self._coming -= 1
                line.call_first(_MOST_COMING - self._coming)
            if (permit := self.enter()) is not None:
                return permit
            again = True
            slots.release()

    def _waiting_line(self) -> WaitingLine:
        if self._line is None:
            self._line = WaitingLine()
        return self._line

    def _may_come(self, place: Place) -> bool:
        # To let one come after the other would cost a turn of the loop for each.
        return self._coming < _MOST_COMING and self._waiting_line().is_first(place)

    async def opened(self, budget: Budget) -> None:
        """Wait until a request may be sent; somebody else may still be faster.

        Args:
            budget: The request's budget for waiting; this wait is taken off it.

        Raises:
            RateLimited: If the wait would be longer than that, at once.
        """
        if not self.is_open:
            line = self._waiting_line()
            place = line.join(budget, again=False)
            try:
                while not line.is_first(place):
                    self._look(place)
                    await place.called()
                while not self.is_open:
                    await self._watch(place)
            finally:
                line.leave(place)
        self._pauses.end()

    def _look(self, place: Place) -> float:
        """Return the seconds that all have to wait, if they are known; raise if they are too many.

        Raises:
            RateLimited: If they are more than the place's holder may wait.
        """
        line = self._waiting_line()
        left, seconds = line.left(place), 0.0
        if not self.is_open:
            seconds = self.closed_for
            wait = seconds or (self._guess() if left < _LEAST_WAIT else 0.0)
            if wait > left:
                raise RateLimited("the quota is used up for too long", retry_after=wait)
        line.stay(place)
        return seconds

    def _guess(self) -> float:
        """Return what to tell who may not wait for the answer that decides how long it takes."""
        if self._probing:
            # Until that shows that the lock-out is over, it may last as long again.
            return self._last_wait
        now, unanswered = self._clock.monotonic(), self._unanswered
        limits = self._limits.values()
        return max(limit.reopens_in(now, unanswered) for limit in limits) or _ANSWER

    async def _watch(self, place: Place) -> None:
        """Wait, first in the line, until something may have changed."""
        line, seconds = self._waiting_line(), self._look(place)
        line.dismiss(seconds or _LEAST_WAIT)
        began, least = self._clock.monotonic(), 0.0
        try:
            if seconds:
                self._pauses.begin(began, seconds)
                await self._clock.sleep(seconds)
                least = seconds
            else:
                # An answer decides. It comes from the network: so by the loop's own time, as there.
                patience = line.shortest()
                try:
                    async with asyncio.timeout(patience):
                        await place.called()
                except TimeoutError:
                    least = patience
        finally:
            line.waited += max(least, self._clock.monotonic() - began)

    def enter(self) -> Permit | None:
        """Return the leave to send a request, if one may be sent now."""
        now = self._pass_time()
        if not self._is_open(now):
            return None
        if self._pauses.is_paused:
            self._pauses.end()
        for limit in self._limits.values():
            limit.sent(now)
        permit = Permit(self._epoch, now, self._answers, is_probe=self._probing)
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
        is_refusal = signal is not None and signal.is_refusal
        now = self._pass_time()
        try:
            if not permit.is_settled:
                permit.is_settled = True
                if not is_refusal:
                    self._answers += 1
                    for limit in self._limits.values():
                        limit.counted(now)
                if is_current:
                    self._unanswered -= 1
                    self._learn(permit, signal, now)
            if permit.is_probe and is_current:
                self._judge(permit, signal)
            if signal is not None and is_refusal:
                self._lock_out(signal, now, is_current=is_current)
        finally:
            if self._line is not None:
                self._line.call_first()

    def _learn(self, permit: Permit, signal: QuotaSignal | None, now: float) -> None:
        told = () if signal is None else signal.quotas
        is_refusal = signal is not None and signal.is_refusal
        if told and not self._is_told:
            self._is_told = True
            self._limits = {told[0].name: self._limits.pop("")}
        answered = Answered(permit.sent, now, permit.answers, self._answers, self._unanswered)
        for quota in told:
            if quota.name in self._limits:
                limit = self._limits[quota.name]
            elif len(self._limits) < _MOST_LIMITS:
                limit = self._limits[quota.name] = QuotaLimit(self._assumed, self._kept, now)
            else:
                continue
            limit.learn(quota, answered, is_refusal=is_refusal)
        if len(told) == 1 == len(self._limits):
            return
        names = {quota.name for quota in told}
        for name, limit in self._limits.items():
            if name not in names:
                limit.uncounted(permit.sent, now, is_answered=bool(signal) and not is_refusal)

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
        longest = max(longest_pause(limit.policy) for limit in self._limits.values())
        if not is_current:
            # It was sent before the refusal that counts: at most, it knows better for how long.
            if signal.wait and now < self._locked_until:
                until = now + min(signal.wait, longest)
                self._locked_until = max(self._locked_until, until)
                self._waiting_line().call_all()
            return
        for limit in self._limits.values():
            limit.refused(self._unanswered, now)
        self._refusals += 1
        self._epoch += 1
        self._unanswered = 0
        self._probing, self._probe = True, None
        wait = signal.wait or self._retry.backoff(self._refusals)
        self._last_wait = min(wait, longest)
        self._locked_until = now + self._last_wait
        # Who cannot wait so long is to know at once.
        self._waiting_line().call_all()
        self._pauses.begin(now, self._last_wait)

    def _pass_time(self) -> float:
        now = self._clock.monotonic()
        for limit in self._limits.values():
            if limit.pass_time(now) and not self._probing:
                self._probing, self._probe = True, None
        return now
