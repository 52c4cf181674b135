"""Our own requests within the length of a window: what holds where no header tells the quota.

A request gives its place back a whole length after its answer, so that it has been counted before
that in whatever way the service counts: by windows from any moment on or by a bucket.
"""

from __future__ import annotations

from collections import deque

from cfbilling.protocol.headers import QuotaPolicy
from cfbilling.transport.quota_window import longest_pause

__all__ = ["OwnCount"]

_PARTS = 256


class OwnCount:
    """Counts our own requests, as far back as a window is long.

    Those that were answered at nearly the same time are one part. The newest part is kept in plain
    numbers: of ten thousand credentials most have no other, and every object would cost.

    Args:
        policy: The quota of a window and its length.

    Attributes:
        reserve: Requests that were refused once, and go one at a time.
    """

    __slots__ = (
        "_each",
        "_first",
        "_last",
        "_length",
        "_newest",
        "_older",
        "_passed",
        "_requests",
        "_used",
        "reserve",
    )

    def __init__(self, policy: QuotaPolicy) -> None:
        # Of the newest part: how many requests, when the first and when the last was answered.
        self._newest, self._first, self._last = 0, 0.0, 0.0
        # Of the others, the oldest first: when the last was answered, and how many.
        self._older: deque[tuple[float, int]] | None = None
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
        if self._newest and now >= self._oldest + self._length:
            self.used(now)
        self._used += 1
        if not self._newest or now - self._first > self._each:
            if self._newest:
                self._older = deque() if self._older is None else self._older
                self._older.append((self._last, self._newest))
            self._newest, self._first = 0, now
        self._newest += 1
        self._last = now
        if self.reserve and self._used > self._requests - self.reserve:
            # What passes shows that the refusal is no rule; the more, the clearer.
            self._passed += 1
            self.reserve = max(0, self.reserve - self._passed)

    @property
    def _oldest(self) -> float:
        """When the last request of the oldest part was answered, if there is one."""
        return self._older[0][0] if self._older else self._last

    def used(self, now: float) -> int:
        """Return how many of them have not given their place back."""
        older = self._older
        while older and now >= older[0][0] + self._length:
            self._used -= older.popleft()[1]
        if self._newest and now >= self._last + self._length:
            # It is the last to do so.
            self._used = self._newest = 0
        return self._used

    def spare(self, now: float, unanswered: int, kept: int) -> int:
        """Return how many requests may be sent beside those that are not answered yet."""
        spare = self._requests - self.used(now) - unanswered - kept
        if spare > self.reserve:
            return spare - self.reserve
        return 1 if spare > 0 and not unanswered else 0

    def closed_for(self, now: float, kept: int) -> float:
        """Return the seconds until a place is given back, when none is left; else 0."""
        if self.used(now) + kept < self._requests or not self._newest:
            return 0.0
        return self._oldest + self._length - now

    def empty_in(self, now: float) -> float:
        """Return the seconds until all places are given back."""
        return max(0.0, self._last + self._length - now) if self._newest else 0.0

    def refused(self, now: float) -> None:
        """Keep back what was not used when a request was refused: so much was too much."""
        self._passed = 0
        self.reserve = max(0, self._requests - self.used(now))
