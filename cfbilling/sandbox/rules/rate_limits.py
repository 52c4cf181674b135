"""Rate limits: so many requests in a window, and nothing after that until it ends."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil, inf

from attrs import define, field, frozen, validators

__all__ = ["Allowance", "Limit", "RateLimits"]

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


@frozen
class Allowance:
    """What is left to a credential after a request.

    Attributes:
        headers: Header fields that tell the client.
        locked_out: Whether the request is refused.
        retry_after: Whole seconds after which the client may try again; None if it is not told.
    """

    headers: tuple[tuple[str, str], ...]
    locked_out: bool
    retry_after: int | None


@define
class _Window:
    limit: Limit
    ends: float = -inf
    used: int = 0

    @property
    def remaining(self) -> int:
        return self.limit.quota - self.used

    def renew(self, now: float) -> None:
        if now >= self.ends:
            self.ends = now + self.limit.window
            self.used = 0

    def reset(self, now: float) -> int:
        return max(1, ceil(self.ends - now - _ROUNDING))


class RateLimits:
    """Counts the requests of each credential in windows that start with its first request.

    Args:
        limits: Every limit; a request must be within all of them.
        monotonic: Function that returns the current monotonic time.
        separate_lines: Whether each limit is told in header lines of its own.
    """

    def __init__(
        self, limits: Sequence[Limit], monotonic: Callable[[], float], *, separate_lines: bool
    ) -> None:
        self._limits = tuple(limits)
        self._monotonic = monotonic
        self._separate_lines = separate_lines
        self._windows: dict[str | None, list[_Window]] = {}
        self._lock_outs: dict[str | None, int | None] = {}

    def lock_out(self, credential: str, retry_after: int | None) -> None:
        """Refuse every request of a credential, asking it to wait for so many seconds."""
        self._lock_outs[credential] = retry_after

    def release(self, credential: str) -> None:
        """End the lock-out of a credential."""
        self._lock_outs.pop(credential, None)

    def spend(self, credential: str | None, requests: int = 1) -> Allowance:
        """Count *requests* of a credential; those of nobody are not counted.

        What comes during a lock-out is counted nowhere, so that it does not make it longer.
        """
        now = self._monotonic()
        windows = self._current(credential, now)
        if credential in self._lock_outs:
            seconds = self._lock_outs[credential]
            headers = () if seconds is None else tuple(self._headers(windows, now))
            return Allowance(headers, locked_out=True, retry_after=seconds)
        admitted = min([requests, *(window.remaining for window in windows)])
        used_up = [window.reset(now) for window in windows if not window.remaining]
        if credential is not None:
            for window in windows:
                window.used += admitted
        return Allowance(
            headers=tuple(self._headers(windows, now)),
            locked_out=bool(used_up),
            retry_after=max(used_up, default=None),
        )

    def _current(self, credential: str | None, now: float) -> list[_Window]:
        windows = self._windows.get(credential) or [_Window(limit) for limit in self._limits]
        if credential is not None:
            self._windows[credential] = windows
        for window in windows:
            window.renew(now)
        return windows

    def _headers(self, windows: Iterable[_Window], now: float) -> Iterator[tuple[str, str]]:
        standings = [(w.limit, f"r={w.remaining};t={w.reset(now)}") for w in windows]
        policies = [(limit, f"q={limit.quota};w={ceil(limit.window)}") for limit in self._limits]
        for name, told in (("Ratelimit", standings), ("Ratelimit-Policy", policies)):
            items = [f'"{limit.name}";{text}' for limit, text in told]
            lines = items if self._separate_lines else [", ".join(items)] * bool(items)
            yield from ((name, line) for line in lines)
