"""Sandboxes in processes of their own, replaying bodies that were made before the clock starts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from types import TracebackType
from typing import Self

import aiohttp

__all__ = ["Servers", "Work"]

_START = date(2025, 1, 1)


@dataclass(frozen=True)
class Work:
    """One request: an account's usage in a range of days.

    Attributes:
        base_url: Where the server is.
        api_token: What opens it.
        account_id: Whose usage.
        start: The first day.
        end: The day after the last.
        records: How many records the answer has.
    """

    base_url: str
    api_token: str
    account_id: str
    start: str
    end: str
    records: int

    @property
    def url(self) -> str:
        """What is requested."""
        path = f"/accounts/{self.account_id}/billable/usage"
        return f"{self.base_url}{path}?from={self.start}&to={self.end}"

    @property
    def headers(self) -> dict[str, str]:
        """What a bare HTTP client has to send."""
        return {"Authorization": f"Bearer {self.api_token}", "Accept-Encoding": "gzip"}

    async def body(self) -> bytes:
        """Fetch the gzip bytes; the server remembers them from then on."""
        async with (
            aiohttp.ClientSession(
                auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
            ) as session,
            session.get(self.url, headers=self.headers) as response,
        ):
            assert response.status == 200, response.status  # noqa: PLR2004
            assert response.headers["Content-Encoding"] == "gzip"
            return await response.read()


@dataclass(frozen=True)
class _Server:
    process: subprocess.Popen[bytes]
    base_url: str
    api_token: str
    account_id: str


def _started(records_per_day: int) -> _Server:
    settings = {"accounts": 1, "records-per-day": records_per_day, "quota": 0}
    command = [sys.executable, "-m", "cfbilling.sandbox", "--cache-bodies", "--until-stdin-closes"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    return _Server(process, where["base_url"], where["api_token"], where["account_ids"][0])


class Servers:
    """Starts a server for each density of records, once; a context manager that ends them."""

    def __init__(self) -> None:
        self._running: dict[int, _Server] = {}

    def work(self, records_per_day: int, days: int) -> tuple[Work, bytes]:
        """Return a request that is answered without any work, and the gzip bytes of its answer."""
        if records_per_day not in self._running:
            self._running[records_per_day] = _started(records_per_day)
        server = self._running[records_per_day]
        work = Work(
            server.base_url,
            server.api_token,
            server.account_id,
            _START.isoformat(),
            (_START + timedelta(days=days)).isoformat(),
            records_per_day * days,
        )
        return work, asyncio.run(work.body())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._running.values():
            # Nobody reads what is left, so that a server cannot hang on it.
            server.process.communicate()
        self._running.clear()
