"""Rate limits: so many requests in a window, and nothing after that until it ends."""

from collections.abc import Callable
from math import ceil

from attrs import define, frozen

__all__ = ["Allowance", "Quotas"]

# Sums of binary floats are not exact, and 300.00000000000006 seconds are no 301.
_ROUNDING = 1e-6


@frozen
class Allowance:
    """What is left of a credential's quota after a request.

    Attributes:
        quota: Requests in a window.
        window: Seconds of a window.
        remaining: Requests left in this window.
        reset: Whole seconds, rounded up, until the window ends.
        locked_out: Whether the request is beyond the quota.
    """

    quota: int
    window: int
    remaining: int
    reset: int
    locked_out: bool

    def headers(self) -> list[tuple[str, str]]:
        """Return the header fields that tell the client."""
        fields = [
            ("Ratelimit", f'"default";r={self.remaining};t={self.reset}'),
            ("Ratelimit-Policy", f'"default";q={self.quota};w={self.window}'),
        ]
        if self.locked_out:
            fields.append(("Retry-After", str(self.reset)))
        return fields


@define
class _Window:
    ends: float
    used: int = 0


class Quotas:
    """Counts the requests of each credential in windows that start with its first request."""

    def __init__(self, quota: int, window: float, monotonic: Callable[[], float]) -> None:
        self._quota = quota
        self._window = window
        self._monotonic = monotonic
        self._windows: dict[str, _Window] = {}

    def spend(self, credential: str | None, requests: int = 1) -> Allowance:
        """Count *requests* of a credential; those of nobody are not counted.

        What comes during a lock-out is not counted, so that it does not make it longer.
        """
        now = self._monotonic()
        window = self._windows.get(credential) if credential is not None else None
        if window is None or now >= window.ends:
            window = _Window(now + self._window)
            if credential is not None:
                self._windows[credential] = window
        locked_out = window.used >= self._quota
        if credential is not None:
            window.used = min(self._quota, window.used + requests)
        return Allowance(
            quota=self._quota,
            window=ceil(self._window),
            remaining=self._quota - window.used,
            reset=max(1, ceil(window.ends - now - _ROUNDING)),
            locked_out=locked_out,
        )
