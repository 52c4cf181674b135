"""A sync on a cluster, as the command line waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cfbilling.cli.connection import Connection
from cfbilling.cli.sync.cluster import Cluster
from cfbilling.sync import Store, SyncReport

REPORT = SyncReport(fetched=0, skipped=1, changed=0, records=0, bytes=0, failures=())


def cluster_of(work: Callable[[threading.Event, Callable[[None], None]], SyncReport]) -> Cluster:
    """Return a cluster that does no more than this."""

    def sync_on(*_: object, stop: Any, on_result: Any, **__: object) -> SyncReport:
        return work(stop, on_result)

    module: Any = ModuleType("dask")
    module.sync_on, module.FromEnvironment = sync_on, lambda: None
    return Cluster("tcp://nowhere:1", None, module)


def synced(cluster: Cluster, store: Store, on_result: Callable[[object], None]) -> Any:
    """Sync nothing."""
    return cluster.synced([], store, Connection(), restate=timedelta(), on_result=on_result)


async def test_what_cannot_be_told_ends_it(tmp_path: Path) -> None:
    """A result that cannot be shown stops the cluster, and is the error."""

    def work(stop: threading.Event, tell: Callable[[None], None]) -> SyncReport:
        tell(None)
        assert stop.wait(10)
        return REPORT

    def broken(_: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await synced(cluster_of(work), Store(tmp_path), broken)


async def test_cancelled_it_waits_for_the_cluster(tmp_path: Path) -> None:
    """Whoever cancels it, and once more, finds that the cluster has been told and has ended."""
    begun, told = threading.Event(), list[str]()

    def work(stop: threading.Event, _: object) -> SyncReport:
        begun.set()
        assert stop.wait(10)
        told.append("stopped")
        return REPORT

    syncing = asyncio.ensure_future(synced(cluster_of(work), Store(tmp_path), lambda _: None))
    await asyncio.to_thread(begun.wait, 10)
    syncing.cancel()
    await asyncio.sleep(0)
    syncing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await syncing
    assert ["stopped"] == told
