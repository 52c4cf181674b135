"""That everything under one credential waits, told to whoever wants to know."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Pauses"]

_SAME_PAUSE = 1.5
_TOLD_EVERY = 30.0


class Pauses:
    """Tells of pauses: each once, and short ones that follow each other closely together.

    Args:
        tell: Told the seconds that were not told yet.

    Attributes:
        is_paused: Whether everything has to wait.
        watchers: Told whether everything has to wait, when that changes.
    """

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._until = self._told_at = -math.inf
        self._untold = 0.0
        self.is_paused = False
        self.watchers: set[Callable[[bool], None]] = set()

    def begin(self, now: float, seconds: float) -> None:
        """Take note that everything has to wait for so long."""
        if not self.is_paused:
            self.is_paused = True
            self._tell_watchers()
        more = now + seconds - max(now, self._until)
        if more <= 0:
            return
        self._until = now + seconds
        self._untold += more
        if more > _SAME_PAUSE or now > self._told_at + _TOLD_EVERY:
            told, self._untold, self._told_at = self._untold, 0.0, now
            # Last, since it is somebody else's.
            self._tell(told)

    def end(self) -> None:
        """Take note that something may go on."""
        if self.is_paused:
            self.is_paused = False
            self._tell_watchers()

    def _tell_watchers(self) -> None:
        for watcher in list(self.watchers):
            watcher(self.is_paused)
