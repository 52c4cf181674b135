"""One gate for each credential: never send what the last header says will be refused.

Requests that are not answered yet count against what remains. When nothing remains, everything
under the credential waits until the window ends; after a refusal it waits likewise, and then one
request goes ahead alone, to see whether the others may follow. Other processes may use the same
credential: what the service says remains always wins, and the faster it falls without us, the
earlier we go on one request at a time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from cfbilling.options import Clock
from cfbilling.protocol.headers import Policy, Quota

__all__ = ["RateLimiter"]

_DOCUMENTED = Policy(requests=1200, seconds=300.0)
# The service rounds the seconds until a window's end, so two answers of one window may differ.
_SAME_WINDOW = 1.5


class RateLimiter:
    """Lets requests of one credential pass.

    Args:
        clock: What waits.
        on_pause: Told the seconds, whenever everything has to wait.
        policy: What to assume until the service tells.

    Attributes:
        watchers: Set whenever everything has to wait.
    """

    def __init__(
        self,
        clock: Clock,
        on_pause: Callable[[float], None] = lambda _: None,
        policy: Policy = _DOCUMENTED,
    ) -> None:
        self._clock = clock
        self._on_pause = on_pause
        self._policy = policy
        self._left = policy.requests
        self._ends: float | None = None
        self._is_assumed = False
        self._unanswered = 0
        self._foreign = 0
        self._probing = False
        self._told = -math.inf
        self._changed = asyncio.Event()
        self.watchers: set[asyncio.Event] = set()

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent now."""
        self._pass_time()
        if self._probing:
            return self._left > 0 and self._unanswered == 0
        spare = self._left - self._unanswered
        return spare > self._foreign or (spare > 0 and self._unanswered == 0)

    @property
    def closed_for(self) -> float:
        """Seconds until the window ends, when nothing remains of it; else 0."""
        self._pass_time()
        if self._left > 0 or self._ends is None:
            return 0.0
        return self._ends - self._clock.monotonic()

    async def opened(self) -> None:
        """Wait until a request may be sent; somebody else may still be faster."""
        while not self.is_open:
            self._changed.clear()
            seconds = self.closed_for
            if not seconds:
                # The answer to a request under way decides.
                await self._changed.wait()
                continue
            self._tell(seconds)
            await self._clock.sleep(seconds)

    def enter(self) -> bool:
        """Count a request as sent, if one may be sent now; each must be answered or given up."""
        if not self.is_open:
            return False
        if self._ends is None:
            self._ends = self._clock.monotonic() + self._policy.seconds
            self._is_assumed = True
        self._unanswered += 1
        return True

    def answered(self, quota: Quota | None) -> None:
        """Take note of a response, and of what its headers tell."""
        self._unanswered -= 1
        self._probing = False
        if quota is None:
            self._left = max(0, self._left - 1)
        else:
            self._learn(quota)
        self._changed.set()

    def given_up(self) -> None:
        """Take note that a request will have no response; the service may have counted it."""
        self._unanswered -= 1
        self._left = max(0, self._left - 1)
        self._changed.set()

    def locked_out(self, seconds: float) -> None:
        """Take note of a refusal: everything has to wait so many seconds."""
        # Whatever was in flight with it was too much: keep so many more back from now on.
        self._foreign = max(1, self._foreign + self._unanswered)
        self._left = 0
        self._ends = self._clock.monotonic() + seconds
        self._is_assumed = False
        self._probing = True
        self._tell(seconds)
        self._changed.set()

    def _tell(self, seconds: float) -> None:
        if self._ends is not None and self._ends > self._told + _SAME_WINDOW:
            self._told = self._ends
            self._on_pause(seconds)
            for watcher in self.watchers:
                watcher.set()

    def _learn(self, quota: Quota) -> None:
        self._policy = quota.policy or self._policy
        ends = self._clock.monotonic() + quota.reset
        known = self._ends
        if known is None or self._is_assumed or ends > known + _SAME_WINDOW:
            self._left, self._ends = quota.remaining, ends
            self._is_assumed = False
        elif ends > known - _SAME_WINDOW:
            # Answers overtake each other: in one window the lowest count and earliest end hold.
            ours = 1 + self._unanswered
            self._foreign = max(self._foreign, self._left - quota.remaining - ours)
            self._left = min(self._left, quota.remaining)
            self._ends = min(known, ends)

    def _pass_time(self) -> None:
        if self._ends is not None and self._clock.monotonic() >= self._ends:
            self._left, self._ends = self._policy.requests, None
