"""Settings: frozen, checked when they are made, each error naming its argument."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Self

import attrs

from cfbilling.chunk import MAX_DAYS
from cfbilling.errors import ConfigurationError

__all__ = ["Clock", "Limits", "RetryPolicy", "Timeouts", "whole_number"]

_MIB = 1024 * 1024
_MOST_DOUBLINGS = 60


def _amount(name: str, value: float, unit: str, *, zero: bool = True) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= sys.float_info.max or (value == 0 and not zero):
        least = "0 or more" if zero else "more than 0"
        raise ConfigurationError(f"{name} must be {least} {unit}, not {value!r}")


def _seconds(name: str, value: float, *, zero: bool = True) -> None:
    _amount(name, value, "seconds", zero=zero)


def whole_number(name: str, value: int, least: int, most: int | None = None) -> int:
    """Return *value* if it is a whole number from *least* to *most*.

    Raises:
        ConfigurationError: If it is not; the message names the argument *name*.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigurationError(f"{name} must be a whole number {span}, not {value!r}")
    return value


@attrs.frozen
class RetryPolicy:
    """How often and how long to try again.

    A failed attempt is followed by a random wait between half of and the whole of
    ``initial_wait * 2 ** (failures - 1)``, but never more than ``max_backoff``. A wait that the
    service asked for (``Retry-After``) goes before that, and its attempt does not count. All waits
    of one request together, those for its quota included, stay within ``budget``: a wait that would
    pass it is not begun, and the error comes at once.

    Attributes:
        attempts: The attempts that may fail before the error is raised. 1 means that nothing is
            tried again, not even when the service says after how long it may be.
        initial_wait: The first wait, in seconds.
        max_backoff: The longest wait that we choose ourselves, in seconds.
        budget: The most seconds that one request may spend waiting.

    Raises:
        ConfigurationError: For a value out of range.
    """

    attempts: int = 5
    initial_wait: float = 0.5
    max_backoff: float = 30.0
    budget: float = 600.0

    @classmethod
    def never_wait(cls) -> Self:
        """Return the policy of a job that must not sleep: whatever takes time is an error at once.

        One attempt and no budget. A closed quota is `RateLimited` before anything is sent, and the
        error's ``retry_after`` says when to come again, as far as that is known.
        """
        return cls(attempts=1, budget=0.0)

    def backoff(self, failures: int) -> float:
        """Return a random wait in seconds after so many failures in a row, from 1."""
        doubled = self.initial_wait * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return min(doubled, self.max_backoff) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    def __attrs_post_init__(self) -> None:
        whole_number("attempts", self.attempts, 1)
        _seconds("initial_wait", self.initial_wait)
        _seconds("max_backoff", self.max_backoff)
        _seconds("budget", self.budget)


@attrs.frozen
class Timeouts:
    """How long to wait for the network, in seconds.

    Attributes:
        connect: For a connection to open.
        read: For the head of an answer, and then for each next bytes of its body.
        total: For a whole request with its answer; ``None`` means no limit.
        least_rate: Bytes per second that a body must bring on average, while we wait for it; 0
            means no limit.
        rate_span: The waiting that the average is taken over.

    Raises:
        ConfigurationError: For a value that is not more than 0.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float | None = None
    least_rate: float = 100.0
    rate_span: float = 60.0

    def __attrs_post_init__(self) -> None:
        _seconds("timeout.connect", self.connect, zero=False)
        _seconds("timeout.read", self.read, zero=False)
        if self.total is not None:
            _seconds("timeout.total", self.total, zero=False)
        _amount("timeout.least_rate", self.least_rate, "bytes per second")
        _seconds("timeout.rate_span", self.rate_span, zero=False)

    @classmethod
    def of(cls, timeout: Timeouts | float) -> Timeouts:
        """Take settings as they are, or one number for both ``connect`` and ``read``."""
        if isinstance(timeout, Timeouts):
            return timeout
        _seconds("timeout", timeout, zero=False)
        return cls(connect=timeout, read=timeout)


@attrs.frozen
class Limits:
    """How much may be under way at once.

    Attributes:
        concurrency: Requests in flight, and chunks that a stream fetches ahead.
        chunk_days: The longest date range of one request, in days.
        max_response_bytes: The longest body, counted after decompression.
        spool_bytes: Memory for bodies that have been received but not yet delivered, all
            streams of a client together. Of a body that does not fit, the compressed bytes are
            kept; what goes beyond it even so goes to a temporary file.
        slice_bytes: The bytes of a body that are decoded between two turns of the event loop.

    Raises:
        ConfigurationError: For a value out of range.
    """

    concurrency: int = 8
    chunk_days: int = MAX_DAYS
    max_response_bytes: int = 4096 * _MIB
    spool_bytes: int = 16 * _MIB
    slice_bytes: int = _MIB // 16

    def __attrs_post_init__(self) -> None:
        whole_number("concurrency", self.concurrency, 1, 1000)
        whole_number("chunk_days", self.chunk_days, 1, MAX_DAYS)
        whole_number("max_response_bytes", self.max_response_bytes, 1)
        whole_number("spool_bytes", self.spool_bytes, 0)
        whole_number("slice_bytes", self.slice_bytes, 1)


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class Clock:
    """The three things that depend on time.

    Attributes:
        now: The present moment, aware.
        monotonic: Seconds since some moment, never going back.
        sleep: Waits for so many seconds.
    """

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
