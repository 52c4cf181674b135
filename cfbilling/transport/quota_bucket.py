"""One limit that refills steadily: full, a burst may go; empty, one request after another.

What is kept back for others costs nothing here but a moment once, so it is kept back strictly.
"""

from __future__ import annotations

from math import ceil, floor

from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.transport.quota_window import longest_pause

__all__ = ["QuotaBucket"]

# Sums of binary floats are not exact, and a request is not to wait for their last bit.
_ROUNDING = 1e-6
_QUIET = 0.125
# A request is under way for about so long.
_UNDER_WAY = 1.0


class QuotaBucket:
    """What is left of one limit, as far as answers and the time since then tell.

    Args:
        policy: What it holds when it is full, and the seconds in which so much is refilled.
        level: Requests that are left.
        now: The present moment, in seconds of a monotonic clock.

    Attributes:
        policy: What it holds and how fast it is refilled, as last told.
        reserve: Requests kept back for others who use the same credential.
    """

    __slots__ = ("_level", "_noticed", "_seen", "policy", "reserve")

    def __init__(self, policy: QuotaPolicy, level: float, now: float) -> None:
        self.policy = policy
        self.reserve = 0
        self._level = level
        self._seen = now
        self._noticed = now

    def level(self, now: float) -> float:
        """Return the requests that are left, without those that are not answered yet."""
        refilled = (now - self._seen) * self.policy.requests / longest_pause(self.policy)
        return min(self.policy.requests, self._level + refilled)

    def _kept(self, kept: int) -> int:
        return min(max(kept, self.reserve), self.policy.requests - 1)

    def spare(self, now: float, unanswered: int, kept: int) -> int:
        """Return how many requests may be sent beside those that are not answered yet."""
        spare = floor(self.level(now) + _ROUNDING) - unanswered - self._kept(kept)
        return max(0, spare)

    def closed_for(self, now: float, unanswered: int, kept: int) -> float:
        """Return the seconds until a request may be sent; 0 when an answer has to come first."""
        wanted = 1 + unanswered + self._kept(kept)
        if wanted > self.policy.requests:
            return 0.0
        missing = wanted - self.level(now)
        if missing <= _ROUNDING:
            return 0.0
        return missing * longest_pause(self.policy) / self.policy.requests

    def full_in(self, now: float) -> float:
        """Return the seconds until it is full."""
        missing = self.policy.requests - self.level(now)
        return missing * longest_pause(self.policy) / self.policy.requests

    def uncounted(self, now: float) -> None:
        """Take note of a request whose answer tells nothing; the service may have counted it."""
        self._level, self._seen = max(0.0, self.level(now) - 1), now

    def refused(self, in_flight: int, now: float) -> None:
        """Take note of a refusal: nothing is left, and so much in flight was too much."""
        self._level, self._seen = 0.0, now
        self._keep_back(self.reserve + 1 + in_flight, now)

    def _keep_back(self, reserve: int, now: float) -> None:
        self._noticed = now
        self.reserve = min(reserve, self.policy.requests // 2)

    def learn(self, quota: Quota, now: float, *, is_fresh: bool) -> None:
        """Take over what an answer tells.

        Args:
            quota: What it tells.
            now: The present moment.
            is_fresh: Whether nothing else of ours was sent or answered while it was under way: then
                it is true even if it tells of more than we thought.
        """
        level = self.level(now) - 1
        self.policy = quota.policy or self.policy
        if level >= quota.remaining + 1:
            # What others used while we waited is theirs over all that time, not in one request's.
            share = _UNDER_WAY / max(_UNDER_WAY, now - self._seen)
            others = ceil((floor(level) - quota.remaining) * share)
            self._keep_back(max(self.reserve, others), now)
            level = quota.remaining
        elif is_fresh and level < quota.remaining:
            level = quota.remaining
        elif now > self._noticed + longest_pause(self.policy) * _QUIET:
            # Who has used the credential once need not use it for ever.
            self._keep_back(self.reserve // 2, now)
        self._level, self._seen = max(0.0, level), now
