"""Run the benchmarks and print their table: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.figures import Setup
from benchmarks.registry import BENCHMARKS
from benchmarks.servers import Servers
from benchmarks.tables import Table, load, save


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure cfbilling; a missed aim is reported and changes no exit code.",
    )
    add = parser.add_argument
    # Not by `choices`: argparse would check the empty list against them.
    add("names", nargs="*", metavar="NAME", help=f"what to run: {', '.join(BENCHMARKS)} (all)")
    add("--quick", action="store_true", help="small sizes: shows that it runs, measures little")
    add("--save", type=Path, metavar="FILE", help="write the figures as JSON")
    add("--compare", type=Path, metavar="FILE", help="print ratios to the figures saved there")
    return parser


def main() -> None:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args()
    names: list[str] = arguments.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    try:
        earlier = load(arguments.compare, quick=arguments.quick) if arguments.compare else {}
    except (OSError, ValueError) as error:
        parser.error(f"nothing to compare with: {error}")
    table = Table(earlier)
    with Servers() as servers:
        for name in names:
            for figure in BENCHMARKS[name](Setup(servers, quick=arguments.quick)):
                table.add(name, figure)
    if arguments.save:
        save(arguments.save, table.figures, quick=arguments.quick)
    missed = table.missed()
    print(f"\n{len(missed)} missed" + "".join(f"\n  {key}" for key in missed))


main()
