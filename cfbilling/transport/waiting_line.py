"""Who waits for leave to send, in order. Only the first one watches; it calls the next.

So ten thousand that wait cost no more for each request than ten.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import OrderedDict
from itertools import islice

from cfbilling.transport.budget import Budget

__all__ = ["Place", "WaitingLine"]

# Sums of binary floats are not exact: a wait of just the budget is within it.
_ROUNDING = 1e-6


class Place:
    """A place in the line.

    Args:
        since: What `WaitingLine.waited` is.
        budget: What its holder may spend waiting.

    Attributes:
        since: What it was when the place was taken.
        until: What it may grow to while the holder stays.
        budget: The holder's budget.
        is_left: Whether the holder has gone, or was told to look and go.
    """

    __slots__ = ("_called", "budget", "is_left", "since", "until")

    def __init__(self, since: float, budget: Budget) -> None:
        self.since = since
        self.until = since + budget.left
        self.budget = budget
        self.is_left = False
        self._called: asyncio.Future[None] | None = None

    def __lt__(self, other: Place) -> bool:
        return self.until < other.until

    def call(self) -> None:
        """Let its holder look what has changed."""
        if self._called is not None and not self._called.done():
            self._called.set_result(None)

    def called(self) -> asyncio.Future[None]:
        """Return what is done when there is something to look at."""
        self._called = asyncio.get_running_loop().create_future()
        return self._called


class WaitingLine:
    """A line of those who wait for one credential's quota.

    Attributes:
        waited: Seconds for which the quota has made the line wait: what was waited for a free
            connection is not in it.
    """

    def __init__(self) -> None:
        self._places: OrderedDict[Place, None] = OrderedDict()
        self._ends: list[Place] = []
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self._places)

    def is_first(self, place: Place) -> bool:
        """Whether a place is the first."""
        return next(iter(self._places), None) is place

    def left(self, place: Place) -> float:
        """Return the seconds that a place's holder may still wait."""
        return place.until - self.waited + _ROUNDING

    def join(self, budget: Budget, *, again: bool) -> Place:
        """Take a place; whoever holds it leaves it, whatever comes of it.

        Args:
            budget: What its holder may spend waiting.
            again: Whether its holder has been the first before: then it is the first place, or
                else the last.
        """
        place = Place(self.waited, budget)
        self._places[place] = None
        if again:
            self._places.move_to_end(place, last=False)
        heapq.heappush(self._ends, place)
        if self._ends[0] is place:
            # The first watches for the least patient.
            self.call_first()
        return place

    def leave(self, place: Place) -> None:
        """Give a place up; what its holder has waited is taken off its budget."""
        place.is_left = True
        del self._places[place]
        place.budget.spend(self.waited - place.since)
        self._tidy()
        self.call_first()

    def call_first(self, places: int = 1) -> None:
        """Let the first, or so many of them, look what has changed."""
        for place in islice(self._places, places):
            place.call()

    def call_all(self) -> None:
        """Let everyone look what has changed."""
        for place in self._places:
            place.call()

    def _tidy(self) -> None:
        while self._ends and self._ends[0].is_left:
            heapq.heappop(self._ends)
        if len(self._ends) > 2 * len(self._places) + 16:
            self._ends = list(self._places)
            heapq.heapify(self._ends)

    def stay(self, place: Place) -> None:
        """Take note that a holder who was dismissed may stay after all."""
        if place.is_left:
            place.is_left = False
            heapq.heappush(self._ends, place)

    def shortest(self) -> float:
        """Return the seconds that the least patient may still wait."""
        self._tidy()
        return self.left(self._ends[0]) if self._ends else math.inf

    def dismiss(self, seconds: float) -> None:
        """Call those who cannot wait so long: they look, and go."""
        while self._ends and (self._ends[0].is_left or self.left(self._ends[0]) < seconds):
            place = heapq.heappop(self._ends)
            place.is_left = True
            place.call()
