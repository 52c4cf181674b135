"""A huge answer into files, by the command line: its memory, and its time against iterating."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.ipc  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.parquet  # type: ignore[import-untyped]  # likewise

from benchmarks.harness.command import CommandReport, run_command
from benchmarks.harness.consumer import Job, run_alone
from benchmarks.harness.figures import Figure, Setup, at_most
from benchmarks.harness.servers import Work

__all__ = ["export"]

_MIB = 2**20
_FORMATS = ("parquet", "csv", "arrow")
# Records of a megabyte, over the 31 days of an answer.
_DAILY_RECORDS = 33


def _exported(work: Work, shape: str, file: Path) -> CommandReport:
    days = ["--from", work.start, "--to", work.end]
    where = ["--base-url", work.base_url, "--format", shape, "-o", str(file), "--quiet"]
    return run_command(["usage", work.account_id, *days, *where], work.api_token)


def _rows(shape: str, file: Path) -> int:
    if shape == "parquet":
        rows: int = pyarrow.parquet.read_metadata(file).num_rows
        return rows
    if shape == "arrow":
        with pyarrow.ipc.open_stream(file) as stream:
            return sum(batch.num_rows for batch in stream)
    with file.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def export(setup: Setup) -> Iterator[Figure]:
    """Measure one answer of so many megabytes in each format, against one of a megabyte."""
    work, _ = setup.servers.work(_DAILY_RECORDS * setup.megabytes, 31)
    small, _ = setup.servers.work(_DAILY_RECORDS, 31)
    alone = run_alone(Job(work))
    yield Figure("the answer, JSON, about", setup.megabytes, "MB")
    yield Figure("iterating alone: memory growth", alone.growth / _MIB, "MiB")
    with tempfile.TemporaryDirectory() as folder:
        for shape in _FORMATS:
            file = Path(folder, f"usage.{shape}")
            least = _exported(small, shape, file)
            report = _exported(work, shape, file)
            assert _rows(shape, file) == work.records, shape
            growth = (report.peak - least.peak) / _MIB
            # Of the small one, that is the start of the program.
            seconds = report.wall - least.wall
            yield Figure(f"{shape}: memory more than of 1 MB", growth, "MiB", at_most(64))
            yield Figure(f"{shape}: time against iterating alone", seconds / alone.wall, "x")
            yield Figure(f"{shape}: CPU against iterating alone", report.cpu / alone.cpu, "x")
            file.unlink()
