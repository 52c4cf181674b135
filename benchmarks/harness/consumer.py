"""A process that does nothing but run the client: it reports its time, memory and stalls.

Reads one JSON object, a `Job`, from standard input and writes one, a `Report`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from array import array
from dataclasses import asdict, dataclass
from hashlib import pbkdf2_hmac
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Literal

from benchmarks.harness.servers import Work
from cfbilling import ApiToken, BillingClient

__all__ = ["Job", "Report", "run_alone"]

Way = Literal["batches", "one_by_one", "arrow", "idle", "busy"]


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        work: The request.
        way: How to take its records; ``idle`` asks for nothing and waits instead, ``busy`` does so
            beside a thread that computes without the interpreter.
        at_once: How many streams of it at the same time.
        accounts: Over how many of the server's accounts to fan out; 1 for the work's own alone.
        own_credentials: Whether each of those accounts has a credential of its own.
        concurrency: Requests in flight.
        warm_ups: How often to do it before the clock starts.
        times: How often to do it then, one after the other.
        watch: Whether to measure the event loop's stalls, which costs time.
    """

    work: Work
    way: Way = "batches"
    at_once: int = 1
    accounts: int = 1
    own_credentials: bool = False
    concurrency: int = 8
    warm_ups: int = 0
    times: int = 1
    watch: bool = False


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        wall: Seconds that passed.
        cpu: Seconds of processor time.
        growth: Bytes of resident memory at the peak beyond those at the start.
        longest_stall: The longest time between two turns of the event loop, in seconds.
        longest_work: The most processor time between two turns, in seconds.
        p99_stall: What 99 % of the times between two turns are below.
    """

    wall: float
    cpu: float
    growth: int
    longest_stall: float
    longest_work: float
    p99_stall: float


def run_alone(job: Job) -> Report:
    """Do a job in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.harness.consumer"]
    done = subprocess.run(
        command, input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, check=True
    )
    return Report(**json.loads(done.stdout))


class _Ticker:
    """Runs in every turn of the event loop and notes how long ago the last one was."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.stalls, self.works = array("d"), array("d")
        self._wall, self._work = perf_counter(), thread_time()
        self._next = self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        wall, work = perf_counter(), thread_time()
        self.stalls.append(wall - self._wall)
        self.works.append(work - self._work)
        self._wall, self._work = wall, work
        self._next = self._loop.call_soon(self._tick)

    def stop(self) -> None:
        self._next.cancel()


def _compute() -> None:
    end = perf_counter() + 1
    while perf_counter() < end:
        pbkdf2_hmac("sha256", b"", b"", 20_000)


def _accounts(job: Job) -> list[str] | dict[str, ApiToken]:
    if job.accounts == 1:
        return [job.work.account_id]
    ids = list(job.work.account_ids(job.accounts))
    if not job.own_credentials:
        return ids
    tokens = job.work.api_tokens(job.accounts)
    return {account_id: ApiToken(token) for account_id, token in zip(ids, tokens, strict=True)}


async def _take(client: BillingClient, job: Job, accounts: list[str] | dict[str, ApiToken]) -> None:
    work, way, count = job.work, job.way, 0
    if way == "idle":
        await asyncio.sleep(1)
        return
    if way == "busy":
        await asyncio.to_thread(_compute)
        return
    if job.accounts > 1:
        async for _, records in client.fan_out(accounts, work.start, work.end).batches():
            count += len(records)
        assert count == work.records * job.accounts, count
        return
    stream = client.usage(work.account_id, work.start, work.end)
    if way == "batches":
        async for batch in stream.batches():
            count += len(batch)
    elif way == "arrow":
        async for columns in stream.arrow():
            count += columns.num_rows
    else:
        async for _ in stream:
            count += 1
    assert count == work.records, (count, work.records)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def _run(job: Job) -> Report:
    work = job.work
    # Made by the caller: it is neither the client's time nor its stall.
    accounts = _accounts(job)
    async with BillingClient(
        ApiToken(work.api_token), base_url=work.base_url, concurrency=job.concurrency
    ) as client:
        for _ in range(job.warm_ups):
            await _take(client, job, accounts)
        gc.collect()
        resident = _resident()
        ticker = _Ticker() if job.watch else None
        wall, cpu = perf_counter(), process_time()
        for _ in range(job.times):
            await asyncio.gather(*(_take(client, job, accounts) for _ in range(job.at_once)))
        wall, cpu = perf_counter() - wall, process_time() - cpu
        # What ends a stream is a turn too.
        await asyncio.sleep(0)
        if ticker is None:
            stalls, works = [0.0], [0.0]
        else:
            ticker.stop()
            stalls, works = sorted(ticker.stalls), sorted(ticker.works)
        return Report(
            wall=wall,
            cpu=cpu,
            growth=_peak() - resident,
            longest_stall=stalls[-1],
            longest_work=works[-1],
            p99_stall=stalls[len(stalls) * 99 // 100],
        )


def main() -> None:
    """Do the job on standard input."""
    wanted = json.load(sys.stdin)
    job = Job(**{**wanted, "work": Work(**wanted["work"])})
    json.dump(asdict(asyncio.run(_run(job))), sys.stdout)


if __name__ == "__main__":
    main()
