"""However a sync ends, nothing of it stays: no task, no open file, no unfinished object."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import web

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillingClient,
    Clock,
    NumberOutOfRange,
    RetryPolicy,
    StoreError,
    WorkUnit,
    plan,
)
from cfbilling.sandbox import Sandbox
from cfbilling.store.folder import Folder
from cfbilling.store.place import Part
from cfbilling.sync import Store, StoreFormat, SyncResult, sync, sync_unit
from tests.integration.stores import TODAY, Days, client_of, objects, same
from tests.integration.test_leaks import nothing_left
from tests.unit.strategies import USAGE

FORMATS = get_args(StoreFormat)
_ALWAYS = timedelta(days=3660)


class Gates:
    """Two doors in a thread: what comes there is told, and waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reached = {name: asyncio.Event() for name in ("commit", "discard")}
        self.opened = {name: threading.Event() for name in self.reached}

    def pass_by(self, name: str) -> None:
        """Wait, in a thread, until a door is opened."""
        self._loop.call_soon_threadsafe(self.reached[name].set)
        assert self.opened[name].wait(60)


class GatedPart:
    """A part whose end takes as long as a test wants."""

    def __init__(self, part: Part, gates: Gates) -> None:
        self._part = part
        self._gates = gates
        self.file = part.file

    def commit(self) -> int:
        """Wait, then commit."""
        self._gates.pass_by("commit")
        return self._part.commit()

    def discard(self) -> None:
        """Wait, then discard."""
        self._gates.pass_by("discard")
        self._part.discard()


class GatedFolder(Folder):
    """A folder of such parts."""

    def __init__(self, path: Path, gates: Gates) -> None:
        super().__init__(path)
        self._gates = gates

    def part(self, key: str) -> GatedPart:  # type: ignore[override]  # a part as good as any
        """Begin a file."""
        return GatedPart(super().part(key), self._gates)


def whole(folder: Path, units: list[WorkUnit]) -> bool:
    """Whether there is nothing in a folder but objects of these units."""
    return objects(folder).keys() <= {Store(folder).key(unit) for unit in units}


async def cancelled_twice(task: asyncio.Task[Any], gates: Gates, name: str) -> None:
    """Cancel a task twice while a thread stands before a door."""
    await gates.reached[name].wait()
    for _ in range(2):
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)


async def test_cancelled_twice_it_waits_for_its_threads(tmp_path: Path) -> None:
    """Who is cancelled while a thread writes, and again while it cleans up, waits for both."""
    gates = Gates()
    store = Store(tmp_path)
    store.objects._place = GatedFolder(tmp_path, gates)
    async with (
        nothing_left(),
        Sandbox(accounts=1, today=TODAY) as sandbox,
        client_of(sandbox) as client,
    ):
        (unit,) = plan(sandbox.account_ids, "2026-02-01", "2026-02-02", endpoint="usage")
        task = asyncio.ensure_future(sync_unit(client, unit, store))
        for name in ("commit", "discard"):
            await cancelled_twice(task, gates, name)
            assert not task.done(), "the thread is still at work"
            gates.opened[name].set()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        assert whole(tmp_path, [unit])
        # What a thread had begun to commit is whole.
        assert await same(client, unit, Store(tmp_path))


async def test_what_two_cancellations_leave_ends_with_the_client(tmp_path: Path) -> None:
    """Whoever does not wait for its units leaves them to the client, which waits for them."""
    gates = Gates()
    store = Store(tmp_path)
    store.objects._place = GatedFolder(tmp_path, gates)
    async with nothing_left(), Sandbox(accounts=1, today=TODAY) as sandbox:
        async with client_of(sandbox) as client:
            units = list(plan(sandbox.account_ids, "2026-02-01", "2026-02-02"))
            task = asyncio.ensure_future(sync(client, units, store))
            await cancelled_twice(task, gates, "commit")
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            for opened in gates.opened.values():
                asyncio.get_running_loop().call_later(0, opened.set)
        assert all(reached.is_set() for reached in gates.reached.values())
        assert objects(tmp_path).keys() == {store.key(unit) for unit in units}


async def test_what_a_callback_raises_ends_it(tmp_path: Path) -> None:
    """An exception of the caller's own comes as it is, and what was under way is cleaned up."""
    told: list[object] = []

    def third_time(result: SyncResult | AccountFailure | None) -> None:
        told.append(result)
        if len(told) == 3:
            raise LookupError("mine")

    store = Store(tmp_path)
    async with (
        nothing_left(),
        Sandbox(accounts=3, today=TODAY) as sandbox,
        client_of(sandbox) as client,
    ):
        units = list(plan(sandbox.account_ids, "2025-11-01", "2026-03-01", endpoint="usage"))
        with pytest.raises(LookupError, match="mine"):
            await sync(client, units, store, on_result=third_time)
        assert 3 == len(told)
        assert whole(tmp_path, units)
        assert len(objects(tmp_path)) < len(units)
        await sync(client, units, store)
        assert all([await same(client, unit, store) for unit in units])


@pytest.mark.parametrize("is_async", [False, True])
async def test_units_that_break_off_end_it(tmp_path: Path, is_async: bool) -> None:  # noqa: FBT001 - a parameter
    """What the units raise midway comes as it is; what was written stays."""

    def some(units: list[WorkUnit]) -> Iterator[WorkUnit]:
        yield from units[:7]
        raise LookupError("no more")

    async def some_awaited(units: list[WorkUnit]) -> AsyncIterator[WorkUnit]:
        for unit in some(units):
            await asyncio.sleep(0)
            yield unit

    store = Store(tmp_path)
    async with (
        nothing_left(),
        Sandbox(accounts=3, today=TODAY) as sandbox,
        client_of(sandbox) as client,
    ):
        units = list(plan(sandbox.account_ids, "2025-11-01", "2026-03-01", endpoint="usage"))
        with pytest.raises(LookupError, match="no more"):
            await sync(client, (some_awaited if is_async else some)(units), store)
        assert whole(tmp_path, units[:7])


@asynccontextmanager
async def service(numbers: dict[str, str]) -> AsyncIterator[str]:
    """Serve one record of each account, with a number as it is written."""

    async def answer(request: web.Request) -> web.Response:
        account_id = request.path.split("/accounts/")[1].split("/")[0]
        row = json.dumps(USAGE | {"BillingAccountId": account_id, "ConsumedQuantity": "?"})
        row = row.replace('"?"', numbers[account_id])
        text = f'{{"errors": [], "messages": [], "result": [{row}], "success": true}}'
        return web.Response(text=text, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("form", FORMATS)
async def test_a_number_too_long_fails_alone(tmp_path: Path, form: StoreFormat) -> None:
    """A number that no column holds exactly fails its account, which keeps what it had."""
    fine, wide, fraction = (digit * 32 for digit in "abc")
    numbers = {fine: "1.5", wide: "2.5", fraction: "3.5"}
    store = Store(tmp_path, format=form)
    async with (
        nothing_left(),
        service(numbers) as base_url,
        BillingClient(
            ApiToken("x" * 40),
            base_url=base_url,
            clock=Clock(now=lambda: Days().now),
            retry=RetryPolicy(attempts=1),
        ) as client,
    ):
        units = list(plan([fine, wide, fraction], "2025-05-01", "2025-05-02", endpoint="usage"))
        await sync(client, units, store)
        before = objects(tmp_path)
        numbers |= {fine: "9.5", wide: "1e30", fraction: "0." + "1" * 23}
        report = await sync(client, units, store, restate=_ALWAYS, on_error="report")
        refused = {} if form == "ndjson" else {units[1].id, units[2].id}
        assert {*refused} == {failure.account_id for failure in report.failures}
        for failure in report.failures:
            assert isinstance(failure.error, NumberOutOfRange)
            assert "ConsumedQuantity" == failure.error.column
        after = objects(tmp_path)
        assert before.keys() == after.keys()
        changed = {unit.id for unit in units if before[store.key(unit)] != after[store.key(unit)]}
        assert {unit.id for unit in units} - {*refused} == changed


async def test_a_store_that_goes_away_is_told(tmp_path: Path) -> None:
    """An object that vanishes while it is read, or is damaged, is a StoreError and no other."""
    store = Store(tmp_path, format="ndjson")
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (unit,) = plan(sandbox.account_ids, "2026-01-01", "2026-01-02", endpoint="usage")
        await sync_unit(client, unit, store)
        path = tmp_path / store.key(unit)
        content = path.read_bytes()
        for damaged in (content[:-200], content[:-4] + b"\0\0\0\0", content[:-300] + b"x" * 300):
            path.write_bytes(damaged)
            async with nothing_left():
                with pytest.raises(StoreError, match="cannot read endpoint=usage/"):
                    await store.read(unit).collect()
