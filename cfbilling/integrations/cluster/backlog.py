"""Which units may be handed out, to which worker, and when; whoever asks says what time it is.

A group is the units of one credential. A worker that has begun with a group keeps to it while it
has something to give, so that a credential's quota is used from few places.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from itertools import count

import attrs

from cfbilling.errors import BillingError, RateLimited, StoreError
from cfbilling.jobs import WorkUnit
from cfbilling.options import RetryPolicy
from cfbilling.transport.retry import is_transient

__all__ = ["Backlog", "Job"]

_FEW = 2
"""What is not worth sharing out."""


@attrs.define(eq=False)
class Job:
    """A unit, and what its attempts have used up of the policy.

    Attributes:
        unit: The unit.
        failures: Attempts that failed, without those after which the service named a time.
        waited: Seconds that it has waited.
    """

    unit: WorkUnit
    failures: int = 0
    waited: float = 0.0

    def pause(self, error: BillingError, policy: RetryPolicy) -> float | None:
        """Count a failure; return the seconds until the next attempt.

        Returns:
            ``None`` when there is to be no other attempt.
        """
        if not (is_transient(error) or (isinstance(error, StoreError) and error.transient)):
            return None
        asked = error.retry_after or 0.0
        if not asked:
            self.failures += 1
        if self.failures >= policy.attempts or policy.attempts == 1:
            return None
        seconds = asked or policy.backoff(self.failures)
        if self.waited + seconds > policy.budget:
            return None
        self.waited += seconds
        return seconds


@attrs.define(eq=False)
class _Group:
    ready: deque[Job] = attrs.field(factory=deque)
    workers: set[str] = attrs.field(factory=set)
    closed_until: float = -math.inf

    def may_give(self, now: float) -> bool:
        return bool(self.ready) and self.closed_until <= now


class Backlog:
    """The units that are not under way.

    Args:
        units: The units.
        policy: How often and how long one is tried again.
        spread: The most workers that a group is given to, while none of them is gone.
        size: The most units that are handed out at once.
        ends: When no attempt is to begin any more.
    """

    def __init__(
        self,
        units: Iterable[WorkUnit],
        policy: RetryPolicy,
        *,
        spread: int = 1,
        size: int = 32,
        ends: float = math.inf,
    ) -> None:
        self._policy = policy
        self._spread = spread
        self._size = size
        self._ends = ends
        self._left = 0
        self._groups: dict[str | None, _Group] = {}
        for unit in units:
            self._groups.setdefault(unit.credential, _Group()).ready.append(Job(unit))
            self._left += 1
        self._waiting: list[tuple[float, int, Job]] = []
        self._number = count()
        # What each worker has begun with; groups that have nothing ready may be missing.
        self._own: dict[str, dict[_Group, None]] = {}
        # What may be begun with, the largest first; those that others have taken may be in it.
        largest_first = sorted(self._groups.values(), key=lambda group: -len(group.ready))
        self._free: OrderedDict[_Group, None] = OrderedDict.fromkeys(largest_first)

    @property
    def is_empty(self) -> bool:
        """Whether there are no units, not even waiting ones."""
        return not self._left

    @property
    def names(self) -> frozenset[str | None]:
        """The names of all credentials."""
        return frozenset(self._groups)

    def take(self, worker: str, now: float) -> list[Job]:
        """Take units of one group for a worker that has a place free; none if none may be taken."""
        while self._waiting and self._waiting[0][0] <= now:
            self._return(heapq.heappop(self._waiting)[2])
        group = self._begun_with(worker, now) or self._begin_with(worker, now)
        if group is None:
            return []
        # Half of a worker's share: the less there is left, the more evenly it is shared out.
        share = max(_FEW, -(-len(group.ready) // (2 * self._spread)))
        number = min(self._size, share, len(group.ready))
        self._left -= number
        return [group.ready.popleft() for _ in range(number)]

    def put_back(self, job: Job, error: BillingError, now: float) -> bool:
        """Put back a unit that failed, for another attempt; return whether there is to be one.

        After a refusal, its whole group waits.
        """
        seconds = job.pause(error, self._policy)
        if seconds is None or now + seconds > self._ends:
            return False
        self._left += 1
        heapq.heappush(self._waiting, (now + seconds, next(self._number), job))
        if isinstance(error, RateLimited):
            group = self._groups[job.unit.credential]
            group.closed_until = max(group.closed_until, now + seconds)
        return True

    def forget(self, worker: str) -> None:
        """Let others have the groups of a worker that is gone."""
        self._own.pop(worker, None)
        for group in self._groups.values():
            if worker in group.workers:
                group.workers.discard(worker)
                self._free[group] = None

    def next_time(self) -> float | None:
        """Return when there is to be more to take; ``None`` if nothing waits for a time."""
        return self._waiting[0][0] if self._waiting else None

    def drain(self) -> Iterator[WorkUnit]:
        """Take all units out."""
        self._left = 0
        for group in self._groups.values():
            while group.ready:
                yield group.ready.popleft().unit
        while self._waiting:
            yield self._waiting.pop()[2].unit

    def _return(self, job: Job) -> None:
        group = self._groups[job.unit.credential]
        # In front: what has waited must not wait for the next refusal.
        group.ready.appendleft(job)
        for worker in group.workers:
            self._own[worker][group] = None
        if len(group.workers) < self._spread:
            self._free[group] = None

    def _begun_with(self, worker: str, now: float) -> _Group | None:
        own = self._own.setdefault(worker, {})
        for group in [group for group in own if not group.ready]:
            del own[group]  # `_return` puts it back
        return next((group for group in own if group.may_give(now)), None)

    def _begin_with(self, worker: str, now: float) -> _Group | None:
        for _ in range(len(self._free)):
            group, _ = self._free.popitem(last=False)
            if not group.ready or len(group.workers) >= self._spread:
                continue
            is_taken = worker not in group.workers and group.may_give(now)
            if is_taken:
                group.workers.add(worker)
                self._own[worker][group] = None
            if len(group.workers) < self._spread:
                self._free[group] = None
            if is_taken:
                return group
        return None
