"""How many requests units take, and how long their quota lasts: bounds, before anything is sent."""

from __future__ import annotations

import attrs

from cfbilling import QuotaPolicy
from cfbilling.cli.query import Endpoint, Source

__all__ = ["Bounds", "minutes_of_waiting", "requests_of"]


@attrs.frozen
class Bounds:
    """From so many to so many.

    Attributes:
        least: The least.
        most: The most.
    """

    least: int
    most: int

    def __mul__(self, times: int) -> Bounds:
        return Bounds(self.least * times, self.most * times)

    def __str__(self) -> str:
        return f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"


_ONE = Bounds(1, 1)
# The list of billing cycles, which may be all; then at most two of them touch a month, and each is
# asked for twice until an answer shows how the service reads the end of a range.
_VERSION_1 = Bounds(1, 5)
# Version 2, which may refuse; then version 1.
_EITHER = Bounds(1, 6)


def requests_of(endpoint: Endpoint, source: Source) -> Bounds:
    """Return how many requests a unit takes.

    Retries are not among them, nor what subscriptions with different billing days take.

    Args:
        endpoint: Its endpoint.
        source: The version of the API that costs are taken from.
    """
    if endpoint == "billable_usage" or (endpoint == "costs" and source == "v1"):
        return _VERSION_1
    return _EITHER if endpoint == "costs" and source == "auto" else _ONE


def minutes_of_waiting(requests: Bounds, quota: QuotaPolicy) -> Bounds:
    """Return how long so many requests of one credential wait for their quota, in minutes.

    The first quota is there at once; each further one comes when a window is over.
    """

    def waiting(count: int) -> int:
        return -(-round(max(0, count - 1) // quota.requests * quota.seconds) // 60)

    return Bounds(waiting(requests.least), waiting(requests.most))
