"""The leave to send one request."""

from __future__ import annotations

import attrs

__all__ = ["Permit"]


@attrs.define(eq=False)
class Permit:
    """The leave to send one request; the limiter is told what came of it.

    Attributes:
        epoch: The number of refusals before it was given.
        sent: The moment at which it was given.
        answers: The number of answers before it was given.
        is_probe: Whether it goes ahead alone, and it is not known yet what comes of it.
        is_settled: Whether its answer was told.
    """

    epoch: int
    sent: float
    answers: int = 0
    is_probe: bool = False
    is_settled: bool = False
