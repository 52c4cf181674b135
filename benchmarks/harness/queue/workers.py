"""Three worker processes, two of them killed where it hurts, each replaced at once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

from benchmarks.harness.queue.job import QueueJob
from benchmarks.harness.queue.service import Whereabouts
from benchmarks.harness.queue.worker import PAUSED, READY, Worker
from benchmarks.harness.recipes import ROOT

__all__ = ["Workers", "working"]

_WORKERS = 3
_WRITER, _WAITER = 0, 1
_DEADLY_WRITE = 3


class Workers:
    """The worker processes, with a supervisor for each that starts another when one dies.

    Args:
        worker: What each is to do.
        environ: What each has in its environment.

    Attributes:
        killed: How many have died.
    """

    def __init__(self, worker: Worker, environ: dict[str, str]) -> None:
        self._worker = worker
        self._environ = environ
        self._running: dict[int, Process] = {}
        self._supervisors: list[asyncio.Task[None]] = []
        self.killed = 0

    async def start(self, *, deadly: bool) -> None:
        """Start them, and return when each is ready.

        Args:
            deadly: Whether one is to die in the midst of a write, and another during a pause.
        """
        for number in range(_WORKERS):
            await self._begin(number, _DEADLY_WRITE if deadly and number == _WRITER else 0)
        for number, process in self._running.items():
            assert process.stdout is not None
            assert await process.stdout.readline() == READY, "a worker does not begin"
            supervising = self._supervise(number, deadly=deadly and number == _WAITER)
            self._supervisors.append(asyncio.create_task(supervising))

    async def _begin(self, number: int, deadly_write: int = 0) -> None:
        told = replace(self._worker, deadly_write=deadly_write)
        self._running[number] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.harness.queue.worker"),
            json.dumps(asdict(told)),
            cwd=ROOT,
            env=self._environ,
            stdin=DEVNULL,
            stdout=PIPE,
            # Of pauses and refusals the figures tell.
            stderr=DEVNULL,
        )

    async def _supervise(self, number: int, *, deadly: bool) -> None:
        while True:
            process = self._running[number]
            assert process.stdout is not None
            async for line in process.stdout:
                if deadly and line == PAUSED:
                    process.kill()
            await process.wait()
            self.killed, deadly = self.killed + 1, False
            await self._begin(number)

    async def end(self) -> None:
        """End them for good."""
        for task in self._supervisors:
            task.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        for process in self._running.values():
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def working(
    job: QueueJob, where: Whereabouts, redis_url: str, folder: str
) -> AsyncIterator[Workers]:
    """Have workers at work, and end them."""
    environ = {
        **os.environ,
        "REDIS_URL": redis_url,
        "CLOUDFLARE_API_TOKEN": where.api_token,
        "CLOUDFLARE_BASE_URL": where.base_url,
    }
    workers = Workers(Worker(folder, job.requests, job.seconds, job.reserve), environ)
    try:
        await workers.start(deadly=job.kills)
        yield workers
    finally:
        await workers.end()
