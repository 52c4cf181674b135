"""A process that does nothing but serve a sandbox, and tells at its end what it was asked.

Reads the settings of `Sandbox` as one line of JSON from standard input, writes a `Whereabouts`, and
when standard input ends, a `Told`; each as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.harness.queue.job import TODAY, QueueJob, account_settings
from benchmarks.harness.recipes import ROOT
from cfbilling.sandbox import Sandbox

__all__ = ["Service", "Told", "Whereabouts", "service"]

_OK, _REFUSED = 200, 429
# An account has a line of its own in what is told.
_LONGEST_LINE = 2**20


@dataclass(frozen=True)
class Whereabouts:
    """Where it is.

    Attributes:
        base_url: The URL.
        api_token: What opens it.
        account_ids: The accounts.
    """

    base_url: str
    api_token: str
    account_ids: list[str]


@dataclass(frozen=True)
class Told:
    """What it was asked.

    Attributes:
        refusals: Requests that were refused for the quota.
        doubled: Answers beyond the first to one and the same question.
    """

    refusals: int
    doubled: int


class Service:
    """The process, as who started it sees it.

    Args:
        process: The process.
        where: Where it is.
    """

    def __init__(self, process: Process, where: Whereabouts) -> None:
        self._process = process
        self.where = where

    async def told(self) -> Told:
        """End it, and return what it was asked."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return Told(**await _line(self._process))


@asynccontextmanager
async def service(job: QueueJob) -> AsyncIterator[Service]:
    """Start the process with the quota of a job, and end it in any case."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        cwd=ROOT,
        stdin=PIPE,
        stdout=PIPE,
        limit=_LONGEST_LINE,
    )
    settings = account_settings(job.units) | {
        "quota": job.requests,
        "window": job.seconds,
        "quota_kind": job.kind,
        "lockout": job.lockout,
    }
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        yield Service(process, Whereabouts(**await _line(process)))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(await process.stdout.readline())
    return told


def _told(sandbox: Sandbox) -> Told:
    answered = Counter(
        (facts.path, *sorted(facts.query.items()))
        for facts in sandbox.requests
        if facts.status == _OK
    )
    return Told(sandbox.statuses[_REFUSED], answered.total() - len(answered))


def _say(told: Whereabouts | Told) -> None:
    print(json.dumps(asdict(told)), flush=True)


async def _serve(settings: dict[str, Any]) -> None:
    async with Sandbox(**settings, today=TODAY) as sandbox:
        _say(Whereabouts(sandbox.base_url, sandbox.api_token, sandbox.account_ids))
        await asyncio.to_thread(sys.stdin.read)
        _say(_told(sandbox))


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.stdin.readline())))
