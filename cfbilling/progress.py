"""How far a job is and how long it still takes, from the events alone: a bar needs no more."""

from __future__ import annotations

from collections import deque

import attrs

from cfbilling.events import (
    AccountDone,
    AccountFailed,
    ChunkDone,
    ChunkReceived,
    Event,
    QuotaPaused,
    RequestSent,
    RetryScheduled,
    StreamStarted,
)
from cfbilling.options import Clock

__all__ = ["Progress", "Stats"]


@attrs.define
class Stats:
    """What a client has done since it was made; a live object, which observes.

    Attributes:
        requests: Requests sent, repeated ones included.
        retries: Attempts that failed and were followed by another.
        paused: Seconds that a credential had to wait for its quota, all pauses added up.
        wire_bytes: Bytes of bodies as they were sent.
        body_bytes: Bytes of the same bodies after decompression.
        chunks: Chunks whose last record was delivered.
        records: Records delivered.
        longest_slice: The longest time that decoding one slice took, in seconds.
    """

    requests: int = 0
    retries: int = 0
    paused: float = 0.0
    wire_bytes: int = 0
    body_bytes: int = 0
    chunks: int = 0
    records: int = 0
    longest_slice: float = 0.0

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        match event:
            case RequestSent():
                self.requests += 1
            case ChunkReceived():
                self.wire_bytes += event.wire_bytes
                self.body_bytes += event.body_bytes
            case ChunkDone():
                self.chunks += 1
                self.records += event.records
                self.longest_slice = max(self.longest_slice, event.longest_slice)
            case RetryScheduled():
                self.retries += 1
            case QuotaPaused():
                self.paused += event.seconds
            case _:
                pass


_RECENT = 30.0
_MOST_SAMPLES = 500


class Progress:
    """An observer that keeps count of a job; pass it as the client's ``observer``.

    Args:
        accounts: The number of accounts of the job, if that is known: then the total of chunks is
            known from the first account on.
        clock: The clock.

    Attributes:
        requests: Requests sent, repeated ones included.
        retries: Attempts that failed and were followed by another.
        records: Records delivered.
        chunks: Chunks delivered.
        accounts_done: Accounts of a fan-out that were delivered whole.
        accounts_failed: Accounts of a fan-out that were given up.
    """

    def __init__(self, accounts: int | None = None, clock: Clock = Clock()) -> None:  # noqa: B008 - frozen
        self._accounts = accounts
        self._clock = clock
        self._streams = 0
        self._planned = 0
        self._began = clock.monotonic()
        self._paused_until = self._began
        self._paused = 0.0
        self._samples: deque[tuple[float, int]] = deque(maxlen=_MOST_SAMPLES)
        self.requests = 0
        self.retries = 0
        self.records = 0
        self.chunks = 0
        self.accounts_done = 0
        self.accounts_failed = 0

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        match event:
            case StreamStarted():
                self._streams += 1
                self._planned += event.chunks
            case RequestSent():
                self.requests += 1
            case RetryScheduled():
                self.retries += 1
            case ChunkDone():
                self.chunks += 1
                self.records += event.records
                self._samples.append((self._worked, self.chunks))
            case QuotaPaused():
                self._pause(event.seconds)
            case AccountDone():
                self.accounts_done += 1
            case AccountFailed():
                self.accounts_failed += 1
            case _:
                pass

    def _pause(self, seconds: float) -> None:
        now = self._clock.monotonic()
        until = max(self._paused_until, now + seconds)
        self._paused += until - max(self._paused_until, now)
        self._paused_until = until

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, pauses included."""
        return self._clock.monotonic() - self._began

    @property
    def pause_left(self) -> float:
        """Seconds that the present pause for the quota still takes; 0 when there is none."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    @property
    def _worked(self) -> float:
        return self.seconds - (self._paused - self.pause_left)

    @property
    def total_chunks(self) -> int | None:
        """How many chunks there are in all; ``None`` while that cannot be known."""
        if self._accounts is None:
            return self._planned or None
        if not self._streams:
            return None
        # Every account of a job has the same range, so the average is exact.
        return max(self._planned, round(self._planned / self._streams * self._accounts))

    @property
    def fraction(self) -> float | None:
        """How much is done, from 0 to 1; ``None`` while that cannot be known."""
        total = self.total_chunks
        if not total:
            return None
        # A narrowed chunk comes as two, and a failed account leaves some out.
        return min(1.0, self.chunks / total)

    @property
    def rate(self) -> float:
        """Records in each second so far, without the pauses."""
        return self.records / self._worked if self._worked > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that are probably left, the present pause included; ``None`` when unknown.

        Pauses still to come are not foreseen: they depend on what others do with the quota.
        """
        total = self.total_chunks
        recent = [sample for sample in self._samples if sample[0] >= self._worked - _RECENT]
        if not total or len(recent) < 2:  # noqa: PLR2004 - a pace needs two points
            return None
        (first_time, first), (last_time, last) = recent[0], recent[-1]
        if last_time <= first_time:
            return self.pause_left
        pace = (last - first) / (last_time - first_time)
        return self.pause_left + max(0, total - self.chunks) / pace
