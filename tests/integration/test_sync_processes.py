"""Processes that are killed, or work side by side: each object is whole, nothing is in the way."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, get_args

import pyarrow.dataset as ds  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling import WorkUnit, plan
from cfbilling.sandbox import RequestFacts, Sandbox
from cfbilling.store.place import PART
from cfbilling.sync import Store, StoreFormat
from tests.integration.stores import TODAY, objects, read_rows, rows

ROOT = Path(__file__).parents[2]
SPAN = ("2025-11-01", "2026-03-01")
FORMATS = get_args(StoreFormat)


def units_of(sandbox: Sandbox) -> list[WorkUnit]:
    """Return what every process here syncs."""
    return list(plan(sandbox.account_ids, *SPAN, endpoint="usage"))


@asynccontextmanager
async def child(sandbox: Sandbox, folder: Path, **told: str) -> AsyncIterator[Process]:
    """Start a process that syncs, and end it in any case."""
    start, end = SPAN
    job = {
        "api_token": sandbox.api_token,
        "base_url": sandbox.base_url,
        "account_ids": " ".join(sandbox.account_ids),
        "folder": str(folder),
        "start": start,
        "end": end,
        **told,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.sync_child",
        json.dumps(job),
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finished(sandbox: Sandbox, folder: Path, **told: str) -> list[str | None]:
    """Let a process sync to its end, and return what it told of each unit."""
    async with child(sandbox, folder, **told) as process:
        out, err = await process.communicate()
        assert (0, b"") == (process.returncode, err)
        return [json.loads(line) for line in out.splitlines()]


async def check_whole(store: Store, folder: Path, sandbox: Sandbox) -> int:
    """Check that a store has whole objects only, and return how many; readers see no others."""
    count = 0
    units = {store.key(unit): unit for unit in units_of(sandbox)}
    for name in objects(folder):
        if name in units:
            unit = units[name]
            truth = rows(sandbox.expected_usage(unit.scope_id, unit.start, unit.end))
            assert truth == await read_rows(store, unit)
            count += len(truth)
        else:
            # Hidden from whoever reads the folder, and of no reader's suffix.
            assert Path(name).name.startswith(".")
            assert name.endswith(PART)
    return count


def unfinished(folder: Path) -> set[Path]:
    """Return the unfinished objects."""
    return set(folder.glob(f"*/*/*/.*{PART}"))


@pytest.mark.usefixtures("loop_without_debug")
@pytest.mark.parametrize("form", FORMATS)
async def test_killed_at_any_moment_a_store_is_whole(tmp_path: Path, form: StoreFormat) -> None:
    """Killed again and again, it has whole objects only; the last sync makes it all of it."""
    folder, alone = tmp_path / "killed", tmp_path / "alone"
    store, random = Store(folder, format=form), Random(7)
    told = {"ndjson": ""} if form == "ndjson" else {}
    asked = [0]

    def count(facts: RequestFacts) -> None:  # noqa: ARG001 - any request
        asked[0] += 1

    async with Sandbox(accounts=3, records_per_day=60, today=TODAY, chaos=count) as sandbox:

        async def kill(when: Callable[[], bool]) -> None:
            async with child(sandbox, folder, **told) as process:
                while process.returncode is None and not when():  # noqa: ASYNC110 - files tell nobody
                    await asyncio.sleep(0)
                if process.returncode is None:
                    process.kill()

        for _ in range(2):
            asked[0] = -random.randrange(1, 8)
            await kill(lambda: asked[0] >= 0)
            await check_whole(store, folder, sandbox)
            left = unfinished(folder)
            await kill(lambda left=left: unfinished(folder) > left)  # type: ignore[misc]  # mypy infers no default
            await check_whole(store, folder, sandbox)
        assert unfinished(folder), "none was killed while it wrote"
        await finished(sandbox, folder, **told)
        count_all = await check_whole(store, folder, sandbox)
        if form == "parquet":
            assert count_all == ds.dataset(folder, partitioning="hive").count_rows()
        for path in folder.rglob(f"*{PART}"):
            then = time.time() - 100_000
            os.utime(path, (then, then))
        await finished(sandbox, folder, **told)
        await finished(sandbox, alone, **told)
        assert objects(alone) == objects(folder)


async def test_two_processes_do_no_harm(tmp_path: Path) -> None:
    """Two that sync one store at once leave what one leaves."""
    both, alone = tmp_path / "both", tmp_path / "alone"
    async with Sandbox(accounts=3, records_per_day=20, today=TODAY) as sandbox:
        told: list[Any] = await asyncio.gather(*(finished(sandbox, both) for _ in range(2)))
        await finished(sandbox, alone)
        # A unit may have been settled by the other one when its turn came.
        assert {"SyncResult", None} >= {*told[0], *told[1]}
        assert objects(alone) == objects(both)
