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
from functools import partial
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


def _seconds(act: Callable[[], int], records: int) -> float:
    began = time.perf_counter()
    assert act() == records
    return time.perf_counter() - began


def engines(setup: Setup) -> Iterator[Figure]:
    """Measure a year of an account into a store, and to where they were asked for."""
    if importlib.util.find_spec("distributed") is None:
        print("engines: needs the extra dask", file=sys.stderr)
        return
    first, _ = setup.servers.work(40 if setup.quick else 400, 31)
    work = first.over(366)
    units = list(plan([work.account_id], work.start, work.end, endpoint="usage"))
    make_client = partial(BillingClient, base_url=work.base_url)
    rounds = range(1 if setup.quick else 3)
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, _cluster(work) as dask_client:
        stores = (Store(Path(folder, str(number))) for number in range(99))
        contenders: dict[str, Callable[[], int]] = {
            "one process": lambda: asyncio.run(_alone(work, units, next(stores))),
            "into files": lambda: _into_files(dask_client, make_client, units, next(stores)),
            "sent back": lambda: _sent_back(dask_client, make_client, units),
        }
        for act in contenders.values():
            act()  # the server and the workers remember what they need
        for _ in rounds:
            for name, act in contenders.items():
                times.setdefault(name, []).append(_seconds(act, work.records))
    alone, files, back = (min(times[name]) for name in contenders)
    yield Figure("one process into files, records per second", work.records / alone, "1/s")
    yield Figure("two workers into files, records per second", work.records / files, "1/s")
    yield Figure("two workers, records sent back, per second", work.records / back, "1/s")
    yield Figure("two workers against one process", alone / files, "x")
    yield Figure("files against records sent back", back / files, "x")
