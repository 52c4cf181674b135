"""One limit of a service, by whatever reading of its headers holds; by several, while they may."""

from __future__ import annotations

from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaReading
from cfbilling.transport.own_count import OwnCount
from cfbilling.transport.quota_bucket import QuotaBucket
from cfbilling.transport.quota_reading import Answered, ReadingJudge
from cfbilling.transport.quota_window import QuotaWindow

__all__ = ["QuotaLimit"]

_PROVEN = ("window", "bucket")
# In so many seconds a window comes nearer to its end than all roundings, and a bucket does not.
_ASK_AFTER = 5.0


class QuotaLimit:
    """What is left of one limit.

    As long as no reading is proven, no more is sent than our own count allows as well: where a
    header tells something else than the limit, that alone keeps us from being locked out. And who
    comes when only what is kept for others is left would wait a window's time without knowing
    whether it is one: so from time to time one of those requests, of the first half, asks that.

    Args:
        assumed: The quota of a window and its length, until they are told.
        kept: Requests of each window that are left to others.
        now: The present moment, in seconds of a monotonic clock.
    """

    __slots__ = (
        "_bucket",
        "_is_proven",
        "_judge",
        "_kept",
        "_own",
        "_refused",
        "_told",
        "_window",
        "policy",
    )

    def __init__(self, assumed: QuotaPolicy, kept: int, now: float) -> None:
        self.policy = assumed
        self._kept = kept
        self._judge = ReadingJudge(now)
        self._window: QuotaWindow | None = None
        self._bucket: QuotaBucket | None = None
        self._own = OwnCount(assumed)
        self._is_proven = False
        self._refused = 0
        self._told = now

    @property
    def reading(self) -> QuotaReading | None:
        """How the headers are to be read; ``None`` while that cannot be told."""
        return self._judge.reading

    @property
    def kept(self) -> int:
        """Requests of each window that are left to others: all but one at most."""
        return min(self._kept, self.policy.requests - 1)

    def spare(self, now: float, unanswered: int) -> int:
        """Return how many requests may be sent beside those that are not answered yet."""
        kept = self.kept if self._kept else 0
        if self._is_proven:
            if self._window is not None:
                return self._window.spare(unanswered, kept)
            if self._bucket is not None:
                return self._bucket.spare(now, unanswered, kept)
        spare = self._own.spare(now, unanswered, kept)
        if self._window is not None:
            spare = min(spare, self._window.spare(unanswered, kept))
        if self._bucket is not None:
            spare = min(spare, self._bucket.spare(now, unanswered, kept))
        if not spare and kept and not unanswered and now >= self._told + _ASK_AFTER:
            return 1 if self._is_open_question(now) else 0
        return spare

    def _is_open_question(self, now: float) -> bool:
        """Whether a request of those that are kept may be sent to learn the reading."""
        if self._is_proven or self._window is None or self._bucket is None:
            return False
        return self.standing(now)[0] > self.kept // 2

    def closed_for(self, now: float, unanswered: int) -> float:
        """Return the seconds until something may be sent, if that is a matter of time; else 0."""
        seconds, kept = 0.0, self.kept
        if self._window is not None:
            seconds = self._window.closed_for(now, kept)
        if self._bucket is not None:
            seconds = max(seconds, self._bucket.closed_for(now, unanswered, kept))
        if not self._is_proven:
            seconds = max(seconds, self._own.closed_for(now, kept))
        if kept and seconds > _ASK_AFTER and self._is_open_question(now):
            left = self._told + _ASK_AFTER - now
            return left if left > 0 else _ASK_AFTER
        return seconds

    def reopens_in(self, now: float, unanswered: int) -> float:
        """Return the seconds until more is given back, if all that is left is under way; else 0."""
        left, reset = self.standing(now)
        return reset if left - unanswered <= self.kept else 0.0

    def standing(self, now: float) -> tuple[int, float]:
        """Return the requests left, and the seconds until all are back."""
        found: list[tuple[int, float]] = []
        if self._window is not None:
            ends = self._window.ends
            found.append((self._window.left, 0.0 if ends is None else max(0.0, ends - now)))
        if self._bucket is not None:
            level = int(self._bucket.level(now) + 1e-6)
            found.append((level, self._bucket.full_in(now)))
        if not self._is_proven:
            left = self.policy.requests - self._own.used(now)
            found.append((max(0, left), self._own.empty_in(now)))
        return min(found)

    def pass_time(self, now: float) -> bool:
        """Take note of the time; return whether a window is over that was doubtful."""
        return self._window is not None and self._window.pass_time(now)

    def sent(self, now: float) -> None:
        """Take note of a request."""
        if self._window is not None:
            self._window.sent(now)

    def counted(self, now: float) -> None:
        """Take note of a request that was answered, or never will be, and was not refused."""
        self._own.add(now)

    def uncounted(self, sent: float, now: float, *, is_answered: bool) -> None:
        """Take note of a request whose answer tells nothing; the service may have counted it."""
        if self._window is not None:
            self._window.uncounted(sent)
        if self._bucket is not None:
            self._bucket.uncounted(now)
        if is_answered:
            self._judge.told_nothing()

    def refused(self, in_flight: int, now: float) -> None:
        """Take note of a refusal: what was in flight was too much."""
        if self._window is not None:
            self._window.refused(in_flight)
        else:
            self._refused = max(1, self._refused + in_flight)
        if self._bucket is not None:
            self._bucket.refused(in_flight, now)
        if not self._is_proven:
            self._own.refused(now)

    def learn(self, quota: Quota, answered: Answered, *, is_refusal: bool) -> None:
        """Take over what an answer tells, as far as it is to be believed."""
        now, judge = answered.now, self._judge
        self._told = now
        if quota.policy is not None and quota.policy is not self.policy:
            self.policy = quota.policy
            self._own.keep_to(self.policy)
        if is_refusal:
            # It was not counted, and what is left while nothing is let through tells nothing.
            if self._window is not None and not quota.remaining:
                self._window.learn(quota, now, answered.unanswered)
            return
        judge.judge(quota, answered)
        self._is_proven = judge.reading in _PROVEN
        if not judge.may_be_window:
            self._window = None
        else:
            if self._window is None:
                self._window = QuotaWindow(self.policy, now)
                self._window.reserve, self._refused = self._refused, 0
            self._window.learn(quota, now, answered.unanswered)
        if not judge.may_be_bucket:
            self._bucket = None
        elif self._bucket is None:
            self._bucket = QuotaBucket(self.policy, quota.remaining, now)
        else:
            is_fresh = not answered.overtaking and not answered.unanswered
            self._bucket.learn(quota, now, is_fresh=is_fresh)
