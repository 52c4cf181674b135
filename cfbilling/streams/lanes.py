"""Lanes: which account of which credential may be begun next, at a constant cost for each."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

import attrs

from cfbilling.credentials import Credentials

__all__ = ["Lane", "Lanes", "Pace"]


class Pace(Protocol):
    """What a lane has to know of its credential's limiter.

    Attributes:
        watchers: Told whether everything has to wait, when that changes.
    """

    watchers: set[Callable[[bool], None]]

    @property
    def is_paused(self) -> bool:
        """Whether everything has to wait."""
        ...


@attrs.define(eq=False)
class Lane:
    """The accounts of one credential.

    Attributes:
        credentials: The credential.
        limiter: Its pace.
        active: The number of its accounts that are under way.
        is_waiting: Whether all of them wait for the quota.
        set_aside: The accounts that were taken and not begun.
    """

    credentials: Credentials
    limiter: Pace
    active: int = 0
    is_waiting: bool = False
    set_aside: deque[object] = attrs.field(factory=deque)
    watcher: Callable[[bool], None] | None = attrs.field(default=None, repr=False)

    @property
    def may_begin(self) -> bool:
        """Whether an account may be begun: in a lane that waits, one, to go on when it may."""
        return not self.is_waiting or not self.active


class Lanes:
    """All lanes of a fan-out, made as their first account is taken.

    Args:
        limiter_of: Returns a credential's limiter.
        concurrency: The most accounts under way at once, those of waiting lanes aside.
        on_change: Called when an account may be begun that could not before.
    """

    def __init__(
        self,
        limiter_of: Callable[[Credentials], Pace],
        concurrency: int,
        on_change: Callable[[], None],
    ) -> None:
        self._limiter_of = limiter_of
        self._concurrency = concurrency
        self._on_change = on_change
        self._lanes: dict[Credentials, Lane] = {}
        self._busy = 0
        # Lanes in which an account that was set aside may be begun: those that need a place, and
        # those that wait for their quota with no account under way, which need none.
        self._ready: OrderedDict[Lane, None] = OrderedDict()
        self._idle: OrderedDict[Lane, None] = OrderedDict()
        self._waiting = 0

    @property
    def has_waiting(self) -> bool:
        """Whether accounts were set aside and not begun."""
        return self._waiting > 0

    def may_take(self, *, is_endless: bool) -> bool:
        """Return whether another account may be taken from the caller.

        Args:
            is_endless: Whether what the caller gives need not be in memory already. Then nothing
                is taken only to be set aside.
        """
        if self._busy >= self._concurrency:
            return False
        return not is_endless or all(lane.may_begin for lane in self._lanes.values())

    def lane(self, credentials: Credentials) -> Lane:
        """Return a credential's lane.

        Raises:
            ConfigurationError: If it is neither an `ApiToken` nor an `ApiKey`.
        """
        try:
            lane = self._lanes.get(credentials)
        except TypeError:
            # What cannot be hashed is no credential, and what follows says so.
            lane = None
        if lane is None:
            limiter = self._limiter_of(credentials)
            lane = self._lanes[credentials] = Lane(credentials, limiter)
            lane.is_waiting = limiter.is_paused

            def watch(is_paused: bool) -> None:  # noqa: FBT001 - the limiter's one fact
                self._turned(lane, is_paused=is_paused)

            lane.watcher = watch
            limiter.watchers.add(watch)
        return lane

    def set_aside(self, lane: Lane, account_id: object) -> None:
        """Keep an account for when it may be begun."""
        lane.set_aside.append(account_id)
        self._waiting += 1
        self._look(lane)

    def next_waiting(self) -> tuple[Lane, object] | None:
        """Return an account that was set aside and may be begun now, if there is one."""
        queue = self._idle
        if not queue and self._busy < self._concurrency:
            queue = self._ready
        if not queue:
            return None
        lane, _ = queue.popitem(last=False)
        account_id = lane.set_aside.popleft()
        self._waiting -= 1
        return lane, account_id

    def _look(self, lane: Lane) -> None:
        """Put a lane where it belongs."""
        self._ready.pop(lane, None)
        self._idle.pop(lane, None)
        if lane.set_aside and lane.may_begin:
            (self._idle if lane.is_waiting else self._ready)[lane] = None

    def begun(self, lane: Lane) -> None:
        """Take note that an account is under way."""
        lane.active += 1
        if not lane.is_waiting:
            self._busy += 1
        self._look(lane)

    def ended(self, lane: Lane) -> None:
        """Take note that an account is not under way any more; who says so looks what may be."""
        lane.active -= 1
        if not lane.is_waiting:
            self._busy -= 1
        self._look(lane)
        if not lane.set_aside and not lane.active:
            self._forget(lane)

    def _turned(self, lane: Lane, *, is_paused: bool) -> None:
        if lane.is_waiting is is_paused:
            return
        lane.is_waiting = is_paused
        self._busy += -lane.active if is_paused else lane.active
        self._look(lane)
        self._on_change()

    def _forget(self, lane: Lane) -> None:
        if lane.watcher is not None:
            lane.limiter.watchers.discard(lane.watcher)
        self._lanes.pop(lane.credentials, None)

    def close(self) -> None:
        """Watch nothing any more."""
        for lane in list(self._lanes.values()):
            self._forget(lane)
