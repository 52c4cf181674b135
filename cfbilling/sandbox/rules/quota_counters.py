"""What one limit has left for one credential: in a window that ends or a bucket that refills."""

from math import ceil, floor, inf
from typing import Protocol

from attrs import define, field, frozen, validators

__all__ = ["BucketCounter", "Counter", "Limit", "WindowCounter"]

# Sums of binary floats are not exact, and 300.00000000000006 seconds are no 301.
_ROUNDING = 1e-6
# What else a quoted string may hold would have to be escaped.
_PLAIN_TEXT = r"[ !#-\[\]-~]+"


@frozen
class Limit:
    """A number of requests that each credential has in a window of time.

    Attributes:
        name: Name in the header fields.
        quota: Requests in a window.
        window: Seconds of a window.
    """

    name: str = field(validator=validators.matches_re(_PLAIN_TEXT))
    quota: int
    window: float


class Counter(Protocol):
    """Counts the requests of one credential against one limit."""

    @property
    def limit(self) -> Limit:
        """The limit."""
        ...

    @property
    def remaining(self) -> int:
        """Requests that are left."""
        ...

    def renew(self, now: float) -> None:
        """Give back what the time that has passed gives back."""
        ...

    def take(self, requests: int) -> None:
        """Count requests."""
        ...

    def reset(self, now: float) -> int:
        """Whole seconds until everything is given back."""
        ...

    def wait(self, now: float) -> int:
        """Whole seconds until a request is possible, when none is."""
        ...


@define
class WindowCounter:
    """A window that begins with its first request and gives everything back at its end.

    Attributes:
        limit: The limit.
        ends: The moment at which it ends.
        used: Requests counted in it.
    """

    limit: Limit
    ends: float = -inf
    used: int = 0

    @property
    def remaining(self) -> int:
        """Requests that are left."""
        return self.limit.quota - self.used

    def renew(self, now: float) -> None:
        """Begin another window if this one is over."""
        if now >= self.ends:
            self.ends = now + self.limit.window
            self.used = 0

    def take(self, requests: int) -> None:
        """Count requests."""
        self.used += requests

    def reset(self, now: float) -> int:
        """Whole seconds until the window ends."""
        return max(1, ceil(self.ends - now - _ROUNDING))

    wait = reset


@define
class BucketCounter:
    """A bucket that is full at first and refilled steadily, a whole quota in a window's time.

    Attributes:
        limit: The limit.
        level: Requests that are left, with what is there of the next one.
        seen: The moment at which that was so.
    """

    limit: Limit
    level: float = inf
    seen: float = -inf

    @property
    def remaining(self) -> int:
        """Whole requests that are left."""
        return floor(self.level + _ROUNDING)

    def renew(self, now: float) -> None:
        """Refill it."""
        refill = (now - self.seen) * self.limit.quota / self.limit.window
        self.level, self.seen = min(self.limit.quota, self.level + refill), now

    def take(self, requests: int) -> None:
        """Count requests."""
        self.level -= requests

    def reset(self, now: float) -> int:  # noqa: ARG002 - a window has to know
        """Whole seconds until it is full, of the whole requests in it."""
        return self._seconds(self.limit.quota - self.remaining)

    def wait(self, now: float) -> int:  # noqa: ARG002 - a window has to know
        """Whole seconds until a request is possible."""
        return max(1, self._seconds(1 - self.level))

    def _seconds(self, requests: float) -> int:
        return ceil(requests * self.limit.window / self.limit.quota - _ROUNDING)
