"""Counters of what a client has done, kept by observing it."""

from __future__ import annotations

import attrs

from cfbilling.events import (
    ChunkDone,
    ChunkReceived,
    Event,
    QuotaPaused,
    RequestSent,
    RetryScheduled,
)

__all__ = ["Stats"]


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
