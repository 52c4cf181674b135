"""Rate limits: so many requests in a window, a lock-out after that, and what is told of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil, inf
from typing import Literal

from attrs import frozen

from cfbilling.sandbox.rules.quota_counters import (
    BucketCounter,
    Counter,
    Limit,
    WindowCounter,
)

__all__ = ["Allowance", "Limit", "Lockout", "QuotaKind", "RateLimits"]

QuotaKind = Literal["window", "bucket", "no_header", "silent"]
Lockout = Literal["window", "five_minutes"]

_COUNTERS: Mapping[QuotaKind, Callable[[Limit], Counter]] = {
    "window": WindowCounter,
    "bucket": BucketCounter,
    "no_header": WindowCounter,
    "silent": WindowCounter,
}
_ROUNDING = 1e-6


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


class RateLimits:
    """Counts the requests of each credential, in windows or in buckets.

    Args:
        limits: Every limit; a request must be within all of them.
        monotonic: Function that returns the current monotonic time.
        separate_lines: Whether each limit is told in header lines of its own.
        kind: How a limit is counted and told.
        lockout: Whether a refusal ends as soon as a request is possible, or a whole window after
            it; until then, every request is refused.
        tells_wait: Whether a refusal has ``Retry-After``.
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        monotonic: Callable[[], float],
        *,
        separate_lines: bool,
        kind: QuotaKind = "window",
        lockout: Lockout = "window",
        tells_wait: bool = True,
    ) -> None:
        self._limits = tuple(limits)
        self._monotonic = monotonic
        self._separate_lines = separate_lines
        self._kind: QuotaKind = kind
        self._lockout: Lockout = lockout
        self._tells_wait = tells_wait
        self._counters: dict[str | None, list[Counter]] = {}
        self._lock_outs: dict[str | None, int | None] = {}
        self._refused_until: dict[str | None, float] = {}

    def lock_out(self, credential: str, retry_after: int | None) -> None:
        """Refuse every request of a credential, asking it to wait for so many seconds."""
        self._lock_outs[credential] = retry_after

    def release(self, credential: str) -> None:
        """End the lock-out of a credential, whatever it came from."""
        self._lock_outs.pop(credential, None)
        self._refused_until.pop(credential, None)

    def spend(self, credential: str | None, requests: int = 1) -> Allowance:
        """Count *requests* of a credential; those of nobody are not counted.

        What comes during a lock-out is counted nowhere, so that it does not make it longer.
        """
        now = self._monotonic()
        counters = self._current(credential, now)
        if credential in self._lock_outs:
            seconds = self._lock_outs[credential]
            headers = () if seconds is None else tuple(self._headers(counters, now))
            return Allowance(headers, locked_out=True, retry_after=seconds)
        wait = self._wait(credential, counters, now)
        if wait is None and credential is not None:
            admitted = min([requests, *(counter.remaining for counter in counters)])
            for counter in counters:
                counter.take(admitted)
        return Allowance(
            headers=tuple(self._headers(counters, now)),
            locked_out=wait is not None,
            retry_after=wait if self._tells_wait else None,
        )

    def _wait(self, credential: str | None, counters: Iterable[Counter], now: float) -> int | None:
        """Whole seconds for which nothing is let through, or None if something is."""
        left = self._refused_until.get(credential, -inf) - now
        if left > _ROUNDING:
            return ceil(left - _ROUNDING)
        used_up = [counter for counter in counters if not counter.remaining]
        if used_up and self._lockout == "five_minutes":
            window = max(counter.limit.window for counter in used_up)
            self._refused_until[credential] = now + window
            return max(1, ceil(window))
        return max((counter.wait(now) for counter in used_up), default=None)

    def _current(self, credential: str | None, now: float) -> list[Counter]:
        make = _COUNTERS[self._kind]
        counters = self._counters.get(credential) or [make(limit) for limit in self._limits]
        if credential is not None:
            self._counters[credential] = counters
        for counter in counters:
            counter.renew(now)
        return counters

    def _standing(self, counter: Counter, now: float) -> str:
        if self._kind == "silent":
            return f"r={counter.limit.quota - 1};t=1"
        return f"r={counter.remaining};t={counter.reset(now)}"

    def _headers(self, counters: Iterable[Counter], now: float) -> Iterator[tuple[str, str]]:
        if self._kind == "no_header":
            return
        standings = [(each.limit, self._standing(each, now)) for each in counters]
        policies = [(limit, f"q={limit.quota};w={ceil(limit.window)}") for limit in self._limits]
        for name, told in (("Ratelimit", standings), ("Ratelimit-Policy", policies)):
            items = [f'"{limit.name}";{text}' for limit, text in told]
            lines = items if self._separate_lines else [", ".join(items)] * bool(items)
            yield from ((name, line) for line in lines)
