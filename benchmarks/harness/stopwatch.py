"""Contenders in turn, in one process, round after round; medians count, of ratios, too."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from time import perf_counter, process_time
from typing import Literal

__all__ = ["Cost", "Rounds", "in_turn"]


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        wall: Seconds that passed.
        cpu: Seconds of processor time in this process.
    """

    wall: float
    cpu: float


@dataclass(frozen=True)
class Rounds:
    """What a contender took in each round.

    Attributes:
        costs: In order.
    """

    costs: tuple[Cost, ...]

    @property
    def wall(self) -> float:
        """The median of the seconds that passed."""
        return median(cost.wall for cost in self.costs)

    @property
    def cpu(self) -> float:
        """The median of the seconds of processor time."""
        return median(cost.cpu for cost in self.costs)

    def per(self, count: int) -> Rounds:
        """Return what one of *count* things took that were done in each round."""
        return Rounds(tuple(Cost(cost.wall / count, cost.cpu / count) for cost in self.costs))

    def times(self, other: Rounds, what: Literal["wall", "cpu"] = "wall") -> float:
        """Return how many times as much as another's it is.

        The median of the rounds' ratios: in a round both had the same machine, be it slow or fast.
        """
        of = attrgetter(what)
        ratios: list[float]
        ratios = [of(a) / of(b) for a, b in zip(self.costs, other.costs, strict=True)]
        return median(ratios)


async def in_turn(
    rounds: int, contenders: Mapping[str, Callable[[], Awaitable[object]]]
) -> dict[str, Rounds]:
    """Run all contenders *rounds* times, alternating.

    The first round is not counted, and every other round goes the other way round, so that nobody
    always comes after the same. What was there before belongs to nobody's garbage collection.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    gc.collect()
    gc.freeze()
    for number in range(rounds + 1):
        names = list(contenders)[:: -1 if number % 2 else 1]
        for name in names:
            gc.collect()
            wall, cpu = perf_counter(), process_time()
            result = await contenders[name]()
            wall, cpu = perf_counter() - wall, process_time() - cpu
            del result
            if number:
                costs[name].append(Cost(wall, cpu))
    gc.unfreeze()
    return {name: Rounds(tuple(found)) for name, found in costs.items()}
