"""Sandboxes in processes of their own, replaying bodies that were made before the clock starts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import TracebackType
from typing import Self

import aiohttp

from cfbilling.sandbox.data.identities import Identities

__all__ = ["Quota", "Servers", "Work"]

_START = date(2000, 1, 1)
_SEED = 1
_MAX_DAYS = 31


@dataclass(frozen=True)
class Quota:
    """How often a token may ask.

    Attributes:
        requests: How many requests it has in a window.
        window: Whole seconds of a window.
    """

    requests: int
    window: int


# Not "none": without the headers that tell it, the client keeps to the documented quota.
_PLENTY = Quota(1_000_000_000, 300)


@dataclass(frozen=True)
class Work:
    """An account's usage in a range of days: one request, if they are no more than 31.

    Attributes:
        base_url: Where the server is.
        api_token: What opens it.
        account_id: Whose usage.
        start: The first day.
        end: The day after the last.
        records: How many records that is.
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

    def account_ids(self, count: int) -> Iterator[str]:
        """Make the ids of the server's first *count* accounts, one by one."""
        identities = Identities(_SEED, count, 1)
        return map(identities.account_id, range(count))

    def api_tokens(self, count: int) -> Iterator[str]:
        """Make the server's first *count* API tokens, one by one."""
        identities = Identities(_SEED, count, 1)
        return map(identities.api_token, range(count))

    def over(self, days: int) -> Work:
        """Return the same for so many days from the first."""
        start = date.fromisoformat(self.start)
        per_day = self.records // (date.fromisoformat(self.end) - start).days
        end = start + timedelta(days=days)
        return replace(self, end=end.isoformat(), records=per_day * days)

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

    def work(self, start: date, days: int, records_per_day: int) -> Work:
        end = start + timedelta(days=days)
        records = records_per_day * days
        where = self.base_url, self.api_token, self.account_id
        return Work(*where, start.isoformat(), end.isoformat(), records)


def _started(records_per_day: int, accounts: int, quota: Quota, tokens: int) -> _Server:
    settings = {
        "accounts": accounts,
        "tokens": tokens,
        "seed": _SEED,
        "records-per-day": records_per_day,
        "quota": quota.requests,
        "window": quota.window,
    }
    command = [sys.executable, "-m", "cfbilling.sandbox", "--cache-bodies", "--until-stdin-closes"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    return _Server(process, where["base_url"], where["api_token"], where["account_ids"][0])


class Servers:
    """Starts a server for each kind of work, once; a context manager that ends them."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, int, Quota, int], _Server] = {}

    def work(self, records_per_day: int, days: int) -> tuple[Work, bytes]:
        """Return work of one account that the server answers without any work of its own.

        With it come the gzip bytes of its first answer.
        """
        server = self._server(records_per_day, 1, _PLENTY)
        bodies = [
            asyncio.run(
                server.work(
                    _START + timedelta(days=first), min(_MAX_DAYS, days - first), records_per_day
                ).body()
            )
            for first in range(0, days, _MAX_DAYS)
        ]
        return server.work(_START, days, records_per_day), bodies[0]

    def many_accounts(self, accounts: int, quota: Quota = _PLENTY, tokens: int = 1) -> Work:
        """Return one day of one record, on a server of so many accounts; it remembers answers.

        Any of its tokens opens any of its accounts.
        """
        return self._server(1, accounts, quota, tokens).work(_START, 1, 1)

    def _server(
        self, records_per_day: int, accounts: int, quota: Quota, tokens: int = 1
    ) -> _Server:
        key = records_per_day, accounts, quota, tokens
        if key not in self._running:
            self._running[key] = _started(*key)
        return self._running[key]

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
