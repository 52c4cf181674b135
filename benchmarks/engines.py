"""Two Dask workers against one process; files of the workers' against records sent back."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.harness.figures import Figure, Setup
from benchmarks.harness.servers import Work
from cfbilling import ApiToken, BillingClient, WorkUnit, plan
from cfbilling.records import ChargeRecord
from cfbilling.sync import Store, sync

__all__ = ["engines"]

_WORKERS = 2


@contextmanager
def _cluster(work: Work) -> Iterator[Any]:
    distributed: Any = importlib.import_module("distributed")
    # What the workers find their credential by: they inherit it.
    os.environ["CLOUDFLARE_API_TOKEN"] = work.api_token
    with (
        distributed.LocalCluster(
            n_workers=_WORKERS,
            threads_per_worker=2,
            dashboard_address=":0",
            # Of the noise that its end makes, nobody learns anything.
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


async def _alone(work: Work, units: Sequence[WorkUnit], store: Store) -> int:
    async with BillingClient(ApiToken(work.api_token), base_url=work.base_url) as client:
        return (await sync(client, units, store)).records


def _into_files(
    dask_client: Any,
    make_client: Callable[..., BillingClient],
    units: Sequence[WorkUnit],
    store: Store,
) -> int:
    sync_on: Any = importlib.import_module("cfbilling.integrations.dask").sync_on
    report = sync_on(dask_client, units, store, client=make_client, spread=_WORKERS)
    return int(report.records)


async def _records(make_client: Callable[..., BillingClient], unit: WorkUnit) -> list[ChargeRecord]:
    async with make_client() as client:
        return await client.fetch(unit).collect()


def _collected(make_client: Callable[..., BillingClient], unit: WorkUnit) -> list[ChargeRecord]:
    return asyncio.run(_records(make_client, unit))


def _sent_back(
    dask_client: Any, make_client: Callable[..., BillingClient], units: Sequence[WorkUnit]
) -> int:
    as_completed: Any = importlib.import_module("distributed").as_completed
    futures = dask_client.map(partial(_collected, make_client), units, pure=False)
    return sum(len(records) for _, records in as_completed(futures, with_results=True))


@dataclass(frozen=True)
class _Cost:
    """What one round took: seconds of the clock, and of all processes that take part."""

    wall: float
    cpu: float


def _cpu(dask_client: Any) -> float:
    workers: dict[str, float] = dask_client.run(time.process_time)
    return time.process_time() + sum(workers.values())


def _cost(dask_client: Any, act: Callable[[], int], records: int) -> _Cost:
    cpu, began = _cpu(dask_client), time.perf_counter()
    assert act() == records
    wall = time.perf_counter() - began
    return _Cost(wall, _cpu(dask_client) - cpu)


def engines(setup: Setup) -> Iterator[Figure]:
    """Measure a year of an account into a store, and to where they were asked for."""
    if importlib.util.find_spec("distributed") is None:
        print("engines: needs the extra dask", file=sys.stderr)
        return
    first, _ = setup.servers.work(40 if setup.quick else 400, 31)
    work = first.over(366)
    units = list(plan([work.account_id], work.start, work.end, endpoint="usage"))
    make_client = partial(BillingClient, base_url=work.base_url)
    costs: dict[str, list[_Cost]] = {}
    with tempfile.TemporaryDirectory() as folder, _cluster(work) as dask_client:
        stores = (Store(Path(folder, str(number))) for number in count())
        contenders: dict[str, Callable[[], int]] = {
            "one process into files": lambda: asyncio.run(_alone(work, units, next(stores))),
            "two workers into files": lambda: _into_files(
                dask_client, make_client, units, next(stores)
            ),
            "two workers, records sent back": lambda: _sent_back(dask_client, make_client, units),
        }
        for act in contenders.values():
            act()  # the server and the workers remember what they need
        for _ in range(1 if setup.quick else 3):
            for name, act in contenders.items():
                costs.setdefault(name, []).append(_cost(dask_client, act, work.records))
    for name, rounds in costs.items():
        yield Figure(f"{name}: records per second", work.records / _wall(rounds), "1/s")
        yield Figure(f"{name}: CPU per record", _least_cpu(rounds) / work.records * 1e6, "us")
    alone, files, back = costs.values()
    yield Figure("two workers against one process", _wall(alone) / _wall(files), "x")
    yield Figure("two workers, CPU against one process", _least_cpu(files) / _least_cpu(alone), "x")
    yield Figure("files against records sent back", _wall(back) / _wall(files), "x")
    yield Figure("records sent back, CPU against files", _least_cpu(back) / _least_cpu(files), "x")


def _wall(rounds: Sequence[_Cost]) -> float:
    return min(cost.wall for cost in rounds)


def _least_cpu(rounds: Sequence[_Cost]) -> float:
    return min(cost.cpu for cost in rounds)
