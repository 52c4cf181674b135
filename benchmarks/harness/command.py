"""A process that does nothing but run the command line: it reports its time and memory.

Reads the arguments of ``cfbilling`` as a JSON array from standard input and writes one object, a
`CommandReport`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

from cfbilling.cli import main as command

__all__ = ["CommandReport", "run_command"]


@dataclass(frozen=True)
class CommandReport:
    """What came of it.

    Attributes:
        wall: Seconds that passed.
        cpu: Seconds of processor time.
        peak: Bytes of resident memory at the most.
    """

    wall: float
    cpu: float
    peak: int


def run_command(arguments: list[str], token: str) -> CommandReport:
    """Run ``cfbilling`` in a process of its own."""
    program = [sys.executable, "-m", "benchmarks.harness.command"]
    done = subprocess.run(
        program,
        input=json.dumps(arguments),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "CLOUDFLARE_API_TOKEN": token},
    )
    return CommandReport(**json.loads(done.stdout))


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Run the arguments on standard input."""
    sys.argv = ["cfbilling", *json.load(sys.stdin)]
    wall, cpu = perf_counter(), process_time()
    try:
        command()
    except SystemExit as end:
        assert not end.code, end.code  # noqa: PT017 - no test: the command always ends so
    wall, cpu = perf_counter() - wall, process_time() - cpu
    json.dump(asdict(CommandReport(wall, cpu, _peak())), sys.stdout)


if __name__ == "__main__":
    main()
