"""Contenders in turn, in one process, round after round; the median of each counts."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

__all__ = ["Cost", "median_of"]


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        wall: Seconds that passed.
        cpu: Seconds of processor time in this process.
    """

    wall: float
    cpu: float


async def median_of(
    rounds: int, contenders: Mapping[str, Callable[[], Awaitable[object]]]
) -> dict[str, Cost]:
    """Run all contenders *rounds* times, alternating, and return the median of each.

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
    return {
        name: Cost(median(cost.wall for cost in found), median(cost.cpu for cost in found))
        for name, found in costs.items()
    }
