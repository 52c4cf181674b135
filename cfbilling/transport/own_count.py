"""Our own requests within the length of a window: what holds where no header tells the quota.

A request gives its place back a whole length after its answer, so that it has been counted before
that in whatever way the service counts: by windows from any moment on or by a bucket.
"""

from __future__ import annotations

from collections import deque

import attrs

from cfbilling.protocol.headers import QuotaPolicy
from cfbilling.transport.quota_window import longest_pause

__all__ = ["OwnCount"]

_PARTS = 256


@attrs.define
class _Part:
    """Requests that were answered at nearly the same time.

    Attributes:
        first: When the first of them was.
        last: When the last of them was.
        requests: How many they are.
    """

    first: float
    last: float
    requests: int = 1


class OwnCount:
    """Counts our own requests, as far back as a window is long.

    Args:
        policy: The quota of a window and its length.

    Attributes:
        reserve: Requests that were refused once, and go one at a time.
    """

    __slots__ = ("_each", "_length", "_parts", "_passed", "_requests", "_used", "reserve")

    def __init__(self, policy: QuotaPolicy) -> None:
        self._parts: deque[_Part] = deque()
        self._used = 0
        self._passed = 0
        self.reserve = 0
        self.keep_to(policy)

    def keep_to(self, policy: QuotaPolicy) -> None:
        """Keep to another quota from now on."""
        self._requests = policy.requests
        self._length = longest_pause(policy)
        self._each = self._length / _PARTS

    def add(self, now: float) -> None:
        """Count a request that has been answered now."""
        parts = self._parts
        if parts and now >= parts[0].last + self._length:
            self.used(now)
        self._used += 1
        if parts and now - parts[-1].first <= self._each:
            part = parts[-1]
            part.last = now
            part.requests += 1
        else:
            parts.append(_Part(now, now))
        if self.reserve and self._used > self._requests - self.reserve:
            # What passes shows that the refusal is no rule; the more, the clearer.
            self._passed += 1
            self.reserve = max(0, self.reserve - self._passed)

    def used(self, now: float) -> int:
        """Return how many of them have not given their place back."""
        parts = self._parts
        while parts and now >= parts[0].last + self._length:
            self._used -= parts.popleft().requests
        return self._used

    def spare(self, now: float, unanswered: int, kept: int) -> int:
        """Return how many requests may be sent beside those that are not answered yet."""
        spare = self._requests - self.used(now) - unanswered - kept
        if spare > self.reserve:
            return spare - self.reserve
        return 1 if spare > 0 and not unanswered else 0

    def closed_for(self, now: float, kept: int) -> float:
        """Return the seconds until a place is given back, when none is left; else 0."""
        if self.used(now) + kept < self._requests or not self._parts:
            return 0.0
        return self._parts[0].last + self._length - now

    def empty_in(self, now: float) -> float:
        """Return the seconds until all places are given back."""
        return max(0.0, self._parts[-1].last + self._length - now) if self._parts else 0.0

    def refused(self, now: float) -> None:
        """Keep back what was not used when a request was refused: so much was too much."""
        self._passed = 0
        self.reserve = max(0, self._requests - self.used(now))
