"""One limit of a service, as far as its answers tell: how much is left, and until when.

Answers overtake each other, and other processes may use the same credential: within a window the
lowest count holds, and the faster it falls without us, the more is kept back for the others.
"""

from __future__ import annotations

from cfbilling.protocol.headers import Quota, QuotaPolicy

__all__ = ["QuotaWindow", "longest_pause"]

# The service rounds the seconds until a window's end, so two answers of one window may differ.
_SAME_WINDOW = 1.5
_LONGEST_PAUSE = 3600.0


def longest_pause(policy: QuotaPolicy) -> float:
    """Return the most seconds that a limit may keep us waiting, whatever an answer says."""
    return min(policy.seconds, _LONGEST_PAUSE)


class QuotaWindow:
    """What is left of one limit in its present window.

    Args:
        policy: The quota of a window and its length.
        now: The present moment, in seconds of a monotonic clock.

    Attributes:
        policy: The quota of a window and its length, as last told.
        left: Requests left, without those that are not answered yet.
        ends: The moment at which the window ends; ``None`` until a request is sent in it.
        reserve: Requests kept back for others who use the same credential.
        is_doubtful: Whether the window was said to be longer than it can be.
    """

    __slots__ = (
        "_began",
        "_is_assumed",
        "_ours",
        "ends",
        "is_doubtful",
        "left",
        "policy",
        "reserve",
    )

    def __init__(self, policy: QuotaPolicy, now: float) -> None:
        self.policy = policy
        self.ends: float | None = None
        self.reserve = 0
        self.is_doubtful = False
        self._begin(now)

    def spare(self, unanswered: int, kept: int = 0) -> int:
        """Return how many requests may be sent beside those that are not answered yet.

        The last ones, which others may be about to use, go one at a time; of those that are kept
        none.
        """
        spare = self.left - unanswered - kept
        if spare > self.reserve:
            return spare - self.reserve
        return 1 if spare > 0 and not unanswered else 0

    def closed_for(self, now: float, kept: int = 0) -> float:
        """Return the seconds until the window ends, when nothing is left of it; else 0."""
        if self.left > kept:
            return 0.0
        if self.ends is None:
            # Nothing may be left for ever.
            self._assume_end(now)
        return max(0.0, (self.ends or now) - now)

    def pass_time(self, now: float) -> bool:
        """Begin a new window if this one is over; return whether it was doubtful."""
        if self.ends is None or now < self.ends:
            return False
        was_doubtful, self.is_doubtful = self.is_doubtful, False
        others = self.policy.requests - self.left - self._ours
        if others < self.reserve:
            # Who has used the credential once need not use it for ever.
            self.reserve //= 2
        self._begin(now)
        return was_doubtful

    def _begin(self, now: float) -> None:
        self.left, self.ends, self._began = self.policy.requests, None, now
        self._ours = 0
        self._is_assumed = False

    def sent(self, now: float) -> None:
        """Take note of a request, which begins the window if none has."""
        self._ours += 1
        if self.ends is None:
            self._assume_end(now)

    def _assume_end(self, now: float) -> None:
        self.ends = now + longest_pause(self.policy)
        self._is_assumed = True

    def uncounted(self, sent: float) -> None:
        """Take note of a request whose answer tells nothing; the service may have counted it."""
        if sent >= self._began:
            self.left = max(0, self.left - 1)

    def refused(self, in_flight: int) -> None:
        """Keep back what was in flight with a refused request: so much was too much."""
        self.reserve = min(self.policy.requests, max(1, self.reserve + in_flight))
        self._ours -= 1 + in_flight

    def learn(self, quota: Quota, now: float, unanswered: int) -> None:
        """Take over what an answer tells."""
        self.policy = quota.policy or self.policy
        longest = longest_pause(self.policy)
        ends, known = now + min(quota.reset, longest), self.ends
        if known is None or self._is_assumed or ends > known + _SAME_WINDOW:
            self.left, self.ends, self._is_assumed = quota.remaining, ends, False
            self.is_doubtful = quota.reset > longest + _SAME_WINDOW
            self._ours = 1 + unanswered
        elif ends > known - _SAME_WINDOW:
            ours = 1 + unanswered
            self.reserve = max(self.reserve, self.left - quota.remaining - ours)
            self.left = min(self.left, quota.remaining)
            self.ends = min(known, ends)
