"""A process that does nothing but work by the README's recipe, as ``saq jobs.settings`` does.

Takes a `Worker` as JSON by its argument.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.harness.queue.job import CLOCK
from benchmarks.harness.recipes import recipe
from cfbilling import BillingClient, QuotaPolicy
from cfbilling.events import Event, QuotaPaused
from cfbilling.store.folder import Folder

__all__ = ["PAUSED", "READY", "Worker"]

READY, PAUSED = b"ready\n", b"paused\n"
"""What it says when it begins to work, and when it begins to wait for the quota."""
# Of a Parquet file of one row group: after it begins, and before its footer.
_DEADLY_PIECE = 3


@dataclass(frozen=True)
class Worker:
    """What it is to do.

    Attributes:
        folder: Where its store is.
        requests: The quota of a window, as its operator knows it.
        seconds: The length of a window.
        reserve: Requests of each window that it leaves to others; ``None`` for the recipe's number.
        deadly_write: In the midst of which of its writes it kills itself; 0 for none.
    """

    folder: str
    requests: int
    seconds: int
    reserve: int | None = None
    deadly_write: int = 0


class _Deadly(io.BufferedWriter):
    """A file whose writer does not live to finish it."""

    pieces = 0

    def write(self, piece: Any, /) -> int:
        self.pieces += 1
        if self.pieces == _DEADLY_PIECE:
            whole = bytes(piece)
            super().write(whole[: len(whole) // 2])
            self.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(piece)


def _die_in_write(number: int) -> None:
    """Have the process kill itself in one of its writes."""
    begin, begun = Folder.part, [0]

    def part(folder: Folder, key: str) -> Any:
        made: Any = begin(folder, key)
        begun[0] += 1
        if begun[0] == number:
            made.file = _Deadly(made.file.detach())
        return made

    Folder.part = part  # type: ignore[method-assign,assignment]  # in a process that ends by it


def _client(worker: Worker, **settings: Any) -> BillingClient:
    if worker.reserve is not None:
        settings["quota_reserve"] = worker.reserve
    assumed = QuotaPolicy(worker.requests, worker.seconds)
    return BillingClient(**settings, clock=CLOCK, assumed_quota=assumed, observer=_tell_pause)


def _say(what: bytes) -> None:
    sys.stdout.buffer.write(what)
    sys.stdout.flush()


def _tell_pause(event: Event) -> None:
    if isinstance(event, QuotaPaused):
        _say(PAUSED)


async def _tell_ready(_: object) -> None:
    _say(READY)


async def _work(worker: Worker) -> None:
    os.chdir(worker.folder)
    jobs, saq = recipe("SAQ"), importlib.import_module("saq")
    jobs.BillingClient = partial(_client, worker)
    settings = {**jobs.settings, "startup": [jobs.settings["startup"], _tell_ready]}
    if worker.deadly_write:
        _die_in_write(worker.deadly_write)
    await saq.Worker(**settings).start()


if __name__ == "__main__":
    asyncio.run(_work(Worker(**json.loads(sys.argv[1]))))
