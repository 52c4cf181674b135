"""The command line's CSV file against iterating the same records alone, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import Figure, Setup, at_most
from benchmarks.servers import Work
from cfbilling import ApiToken, BillingClient
from cfbilling.cli.program import program

__all__ = ["spreadsheet"]


async def _iterate(work: Work) -> int:
    count = 0
    async with BillingClient(
        ApiToken(work.api_token), base_url=work.base_url, observer=lambda _: None
    ) as client:
        async for _ in client.usage(work.account_id, work.start, work.end):
            count += 1
    return count


def _write(work: Work, file: Path) -> None:
    os.environ["CLOUDFLARE_API_TOKEN"] = work.api_token
    arguments = ["usage", work.account_id, "--from", work.start, "--to", work.end]
    arguments += ["--base-url", work.base_url, "--format", "csv", "-o", str(file), "--quiet"]
    with contextlib.suppress(SystemExit):
        program.main(arguments, standalone_mode=False)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def spreadsheet(setup: Setup) -> Iterator[Figure]:
    """Measure a year of an account into a CSV file."""
    first, _ = setup.servers.work(40 if setup.quick else 400, 31)
    work = first.over(365)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "usage.csv")
        assert asyncio.run(_iterate(work)) == work.records
        _write(work, file)
        with file.open(newline="") as lines:
            assert sum(1 for _ in csv.reader(lines)) == work.records + 1
        rounds = range(2 if setup.quick else 4)
        pairs = [
            (_seconds(lambda: asyncio.run(_iterate(work))), _seconds(lambda: _write(work, file)))
            for _ in rounds
        ]
    alone, written = (min(times) for times in zip(*pairs, strict=True))
    yield Figure("iterating alone, records per second", work.records / alone, "1/s")
    yield Figure("usage to a CSV file, records per second", work.records / written, "1/s")
    yield Figure("time of the file against iterating alone", written / alone, "x", at_most(2))
