"""All benchmarks by name. A new benchmark is a new line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.fanout import fanout
from benchmarks.figures import Benchmark
from benchmarks.growth import growth
from benchmarks.large import large
from benchmarks.memory import memory
from benchmarks.quota import quota
from benchmarks.spreadsheet import spreadsheet
from benchmarks.stall import stall
from benchmarks.tiny import tiny

__all__ = ["BENCHMARKS"]

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "large": large,
        "tiny": tiny,
        "fanout": fanout,
        "quota": quota,
        "stall": stall,
        "memory": memory,
        "growth": growth,
        "csv": spreadsheet,
    }
)
