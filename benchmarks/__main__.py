"""Run the benchmarks and print their table: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.arrow import arrow
from benchmarks.csv import csv
from benchmarks.engines import engines
from benchmarks.export import export
from benchmarks.fanout import fanout
from benchmarks.growth import growth
from benchmarks.harness.figures import Benchmark, Setup
from benchmarks.harness.servers import Servers
from benchmarks.harness.tables import Table, load, save
from benchmarks.large import large
from benchmarks.memory import memory
from benchmarks.quota import quota
from benchmarks.stall import stall
from benchmarks.tiny import tiny
from benchmarks.workers import workers

# In the order they run in. A new benchmark is a file and a line here.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "large": large,
        "tiny": tiny,
        "fanout": fanout,
        "quota": quota,
        "stall": stall,
        "memory": memory,
        "growth": growth,
        "csv": csv,
        "arrow": arrow,
        "export": export,
        "engines": engines,
        "workers": workers,
    }
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure cfbilling. A missed aim is reported; the exit code stays 0.",
    )
    add = parser.add_argument
    # Not by `choices`: argparse would check the empty list against them.
    add("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    add(
        "--quick",
        action="store_true",
        help="use small sizes: shows that everything runs, measures little",
    )
    add(
        "--megabytes",
        type=int,
        default=1000,
        metavar="N",
        help="about how long the answer is that is exported (default: 1000; 10 with --quick)",
    )
    add("--save", type=Path, metavar="FILE", help="save the figures as JSON")
    add("--compare", type=Path, metavar="FILE", help="compare with the figures saved in this file")
    return parser


def main() -> None:
    """Run the command."""
    # Of retries and pauses the figures tell.
    logging.getLogger("cfbilling").addHandler(logging.NullHandler())
    parser = _parser()
    arguments = parser.parse_args()
    names: list[str] = arguments.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark: {', '.join(unknown)}")
    try:
        earlier = load(arguments.compare, quick=arguments.quick) if arguments.compare else {}
    except (OSError, ValueError) as error:
        parser.error(f"cannot compare with {arguments.compare}: {error}")
    table = Table(earlier)
    with Servers() as servers:
        megabytes = 10 if arguments.quick else arguments.megabytes
        setup = Setup(servers, quick=arguments.quick, megabytes=megabytes)
        for name in names:
            for figure in BENCHMARKS[name](setup):
                table.add(name, figure)
    if arguments.save:
        save(arguments.save, table.figures, quick=arguments.quick)
    missed = table.missed()
    print(f"\nAims missed: {len(missed)}" + "".join(f"\n  {key}" for key in missed))


main()
