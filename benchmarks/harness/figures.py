"""A figure: what was measured, what came out, and what it was meant to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from benchmarks.harness.servers import Servers

__all__ = ["Aim", "Benchmark", "Figure", "Setup", "at_least", "at_most"]


@dataclass(frozen=True)
class Aim:
    """What a figure is meant to be.

    Attributes:
        bound: The least or the most.
        kind: Which of the two.
    """

    bound: float
    kind: Literal[">=", "<="]

    def is_met(self, value: float) -> bool:
        """Return whether *value* is on the right side."""
        return value >= self.bound if self.kind == ">=" else value <= self.bound


def at_least(bound: float) -> Aim:
    """Aim at *bound* or more."""
    return Aim(bound, ">=")


def at_most(bound: float) -> Aim:
    """Aim at *bound* or less."""
    return Aim(bound, "<=")


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        what: What was measured.
        value: What came out.
        unit: Of what; ``x`` for a ratio.
        aim: What it was meant to be; without one, it is there to explain the others.
    """

    what: str
    value: float
    unit: str
    aim: Aim | None = None


@dataclass(frozen=True)
class Setup:
    """What each benchmark gets.

    Attributes:
        servers: Where bodies come from.
        quick: Whether small sizes will do, to see that it runs at all.
        megabytes: About how long the largest answer is, of those that are exported.
    """

    servers: Servers
    quick: bool
    megabytes: int = 1000


Benchmark: TypeAlias = Callable[[Setup], Iterator[Figure]]
