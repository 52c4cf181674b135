"""What the tests of stores share: a client on a set day, what is in a store, and what should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from cfbilling import ApiToken, BillingClient, Clock, RetryPolicy, WorkUnit
from cfbilling.records import Record
from cfbilling.sandbox import Sandbox
from cfbilling.sync import Store

__all__ = ["TODAY", "Days", "client_of", "objects", "read_rows", "rows", "same"]

TODAY = date(2026, 3, 10)


class Days:
    """A clock whose day is set."""

    def __init__(self, day: date = TODAY) -> None:
        self.now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def client_of(sandbox: Sandbox, days: Days | None = None, concurrency: int = 4) -> BillingClient:
    """Return a client on the sandbox's day, or on another."""
    set_day = days or Days()
    return BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=Clock(now=lambda: set_day.now),
        retry=RetryPolicy(attempts=1),
        concurrency=concurrency,
    )


def objects(folder: Path) -> dict[str, bytes]:
    """Return all that is in a store."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


async def same(client: BillingClient, unit: WorkUnit, store: Store) -> bool:
    """Whether the store has of a unit what the service has."""
    return await client.fetch(unit).collect() == await store.read(unit).collect()


def _plain(name: str, value: object) -> object:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    is_moment = isinstance(value, str) and "Period" in name
    return datetime.fromisoformat(str(value)) if is_moment else value


def rows(wires: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return wire objects as what a store keeps of them: a number's value, all of it."""
    return [
        {name: _plain(name, value) for name, value in wire.items() if value is not None}
        for wire in wires
    ]


async def read_rows(store: Store, unit: WorkUnit) -> list[dict[str, object]]:
    """Return what a store has of a unit, to be compared with `rows` of the truth."""
    records: list[Record] = [record async for record in store.read(unit)]
    return rows(record.to_wire() for record in records)
