"""Contenders in turn, in one process, round after round; the best round of each counts."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from time import perf_counter, process_time

__all__ = ["Cost", "best_of"]


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        wall: Seconds that passed.
        cpu: Seconds of processor time in this process.
    """

    wall: float = inf
    cpu: float = inf


async def best_of(
    rounds: int, contenders: Mapping[str, Callable[[], Awaitable[object]]]
) -> dict[str, Cost]:
    """Run all contenders *rounds* times, alternating, and return the best of each.

    The first round is not counted. What was there before belongs to nobody's garbage collection.
    """
    best = dict.fromkeys(contenders, Cost())
    gc.collect()
    gc.freeze()
    for number in range(rounds + 1):
        for name, run in contenders.items():
            gc.collect()
            wall, cpu = perf_counter(), process_time()
            result = await run()
            wall, cpu = perf_counter() - wall, process_time() - cpu
            del result
            if number:
                best[name] = Cost(min(best[name].wall, wall), min(best[name].cpu, cpu))
    gc.unfreeze()
    return best
