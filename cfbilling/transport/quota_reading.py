"""Which of the readings of its headers a service means, as far as its answers tell.

The same two numbers may be what is left of a window and until it ends, or of a bucket and until it
is full, or may not tell the limit at all. Each answer that a reading cannot explain ends it; until
one is left, what is sent has to be right by all of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaReading

__all__ = ["Answered", "ReadingJudge"]

# The service rounds seconds up or down, and answers take their time.
_ROUNDING = 1.0
_SLACK = 0.5
# Counts may lag behind a little, where a service counts in several places.
_MOST_LAG = 8
# A header that never tells of more than the last request or two may tell of something else.
_USED = 3


class Answered(NamedTuple):
    """When an answer came, and what of ours surely came before it.

    One is made for each request, so it is of the kind that is made fastest.

    Attributes:
        sent: The moment at which its request was sent.
        now: The moment at which it came.
        before: Our requests that had been answered when its own was sent.
        answers: Our requests that have been answered, with this one.
        unanswered: Our requests that are under way.
    """

    sent: float
    now: float
    before: int
    answers: int
    unanswered: int

    @property
    def overtaking(self) -> int:
        """Answers that came while this one was under way."""
        return self.answers - self.before - 1


class ReadingJudge:
    """Tells the reading of one limit.

    Args:
        now: The present moment; nothing was sent before.

    Attributes:
        reading: The reading; ``None`` while it cannot be told.
        may_be_window: Whether what is sent has to be right for a window as it is told.
        may_be_bucket: Whether what is sent has to be right for a bucket as it is told.
    """

    __slots__ = (
        "_began",
        "_began_at",
        "_earliest_end",
        "_is_clear",
        "_latest_end",
        "_most",
        "_policy",
        "_seen",
        "may_be_bucket",
        "may_be_window",
        "reading",
    )

    def __init__(self, now: float) -> None:
        self.reading: QuotaReading | None = None
        self.may_be_window = False
        self.may_be_bucket = False
        self._policy: QuotaPolicy | None = None
        self._began_at = self._seen = now
        self._most = 0.0
        self._began = 0
        self._earliest_end = self._latest_end = -math.inf
        self._is_clear = False

    def told_nothing(self) -> None:
        """Take note of an answer without any such header."""
        if not self.may_be_window and self.reading is None:
            self.reading = "no_header"

    def judge(self, quota: Quota, answered: Answered) -> None:
        """Take note of what an answer tells."""
        policy = quota.policy
        if policy is None or quota.remaining > policy.requests:
            if self._policy is None:
                # There is nothing to compare with.
                self.reading, self.may_be_window = "window", True
            return
        if policy is not self._policy and policy != self._policy:
            self._begin(policy)
        # What is proven is only tested as far as it could fail: this is done for each request.
        if self.reading == "window":
            if self._fits_window(quota, policy, answered):
                return
            self._most, self._seen = policy.requests - 1.0, answered.now
            self.may_be_window, self.may_be_bucket = False, _is_steady(quota, policy)
        elif self.reading == "silent":
            # What was not true before need not be true because it might be.
            return
        elif self.reading == "bucket":
            is_full = self._is_too_full(quota, policy, answered)
            is_steady = _is_steady(quota, policy)
            if is_steady and not is_full:
                return
            self.may_be_bucket, self.may_be_window = False, not is_steady
            self._begin_window(quota, policy, answered)
        else:
            is_full = self._is_too_full(quota, policy, answered)
            is_window = self._fits_window(quota, policy, answered)
            self.may_be_window = self.may_be_window and is_window
            if is_full or not _is_steady(quota, policy):
                self.may_be_bucket = False
        self._decide(quota, policy)

    def _begin(self, policy: QuotaPolicy) -> None:
        self._policy, self.reading = policy, None
        self.may_be_window = self.may_be_bucket = True
        self._most = float(policy.requests)
        self._earliest_end = self._latest_end = -math.inf
        self._is_clear = False

    def _decide(self, quota: Quota, policy: QuotaPolicy) -> None:
        reading: QuotaReading | None = None
        if self.may_be_window:
            if self._is_clear and not self.may_be_bucket:
                reading = "window"
        elif not self.may_be_bucket:
            reading = "silent"
        elif self.reading == "bucket" or quota.remaining <= max(0, policy.requests - _USED):
            reading = "bucket"
        self.reading = reading

    def _is_too_full(self, quota: Quota, policy: QuotaPolicy, answered: Answered) -> bool:
        """Whether a bucket from which we have taken so much cannot hold what is told."""
        rate = policy.requests / policy.seconds
        refilled = self._most + (answered.now - self._seen) * rate
        # What it held at most, with this request taken from it.
        self._most, self._seen = min(policy.requests, refilled) - 1, answered.now
        if quota.remaining <= self._most:
            return False
        unsure = answered.overtaking + (answered.now - answered.sent) * rate
        return quota.remaining > self._most + unsure + _lag(policy)

    def _fits_window(self, quota: Quota, policy: QuotaPolicy, answered: Answered) -> bool:
        sent, now, before, answers, unanswered = answered
        earliest, latest = sent + quota.reset - _ROUNDING, now + quota.reset + _ROUNDING
        known = self._earliest_end
        least = known + policy.seconds - _ROUNDING - _SLACK
        if earliest > self._latest_end + _SLACK or (now >= known and latest >= least):
            # Another window begins when the last one is over, and is as long.
            is_early = now < known - _SLACK
            self._begin_window(quota, policy, answered)
            return not is_early and latest >= least
        if latest < known - _SLACK:
            # It comes late, and tells of an earlier one.
            return True
        if earliest > known:
            self._earliest_end = earliest
        self._latest_end = min(self._latest_end, latest)
        ours, beginning = before - self._began, self._latest_end - policy.seconds
        if beginning > self._began_at:
            # Not all of those need be of this window, but what is sent from now on is.
            if now >= beginning:
                self._began = answers + unanswered
                self._began_at = now
            return True
        if ours <= 0:
            return True
        # What is left is what we have surely used of this window less.
        beyond = quota.remaining - (policy.requests - ours - 1)
        return beyond <= 0 or beyond <= _lag(policy)

    def _begin_window(self, quota: Quota, policy: QuotaPolicy, answered: Answered) -> None:
        self._earliest_end = answered.sent + quota.reset - _ROUNDING
        self._latest_end = answered.now + quota.reset + _ROUNDING
        if self._latest_end - policy.seconds > self._began_at:
            self._began = answered.answers + answered.unanswered
            self._began_at = answered.now
        self._is_clear = answered.now < self._earliest_end


def _lag(policy: QuotaPolicy) -> int:
    return min(_MOST_LAG, policy.requests // 4)


def _is_steady(quota: Quota, policy: QuotaPolicy) -> bool:
    """Whether the seconds that are told are those until a bucket is full."""
    each = policy.seconds / policy.requests
    beyond = quota.reset - (policy.requests - quota.remaining) * each
    return -each - _ROUNDING <= beyond <= _ROUNDING
