"""The service that the tests of a Dask cluster ask, and what its workers know of it."""

from __future__ import annotations

import asyncio
from typing import Any

from cfbilling.sandbox import Fault, Sandbox

__all__ = ["SETTINGS", "environ", "first_of", "hang"]

SETTINGS: dict[str, Any] = {"accounts": 6, "tokens": 3, "quota": None, "records_per_day": 2}


def environ() -> dict[str, str]:
    """Return what the workers have in their environment: two good tokens, and a wrong one."""
    one, other, _ = Sandbox(**SETTINGS).api_tokens
    return {"TOKEN_A": one, "TOKEN_B": other, "TOKEN_C": "revoked", "CLOUDFLARE_API_TOKEN": one}


def hang(
    sandbox: Sandbox, *, times: int | None = None, scope_id: str | None = None
) -> tuple[asyncio.Event, asyncio.Event]:
    """Leave requests without an answer; return what tells of the first, and what ends it."""
    begun, ends = asyncio.Event(), asyncio.Event()

    def take_note(_: object) -> bool:
        begun.set()
        return True

    sandbox.faults.add(Fault(times=times, scope_id=scope_id, when=take_note, until=ends))
    return begun, ends


async def first_of(begun: asyncio.Event, syncing: asyncio.Task[Any]) -> None:
    """Wait until a request hangs; should the sync end before, tell of what."""
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({waiting, syncing}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert begun.is_set(), syncing
