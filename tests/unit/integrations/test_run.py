"""A sync on a cluster, seen from where it was asked for; the cluster is a stand-in."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cfbilling import RetryPolicy, StoreError, WorkUnit, plan
from cfbilling.sync import Store, SyncReport, SyncResult

pytest.importorskip("distributed", reason="needs the extra dask")

from cfbilling.integrations.cluster.backlog import Backlog
from cfbilling.integrations.cluster.run import Run

UNITS = list(plan(["a" * 32, "b" * 32], "2025-01-01", "2025-01-02"))


class Done:
    """What a worker has made of some units; known at once."""

    def __init__(self, outcome: StoreError | list[SyncResult]) -> None:
        self.key = object()
        self.status = "error" if isinstance(outcome, StoreError) else "finished"
        self._outcome = outcome

    def add_done_callback(self, call: Callable[[Done], None]) -> None:
        """Call it."""
        call(self)

    def result(self, timeout: float) -> list[SyncResult]:  # noqa: ARG002 - Dask's interface
        """Return it, or raise it."""
        if isinstance(self._outcome, StoreError):
            raise self._outcome
        return self._outcome

    def release(self) -> None:
        """Forget it."""


class Cluster:
    """A cluster of one worker, on which tasks fail with some errors before they do their work."""

    def __init__(self, *errors: StoreError) -> None:
        self._errors = list(errors)

    def sync(self, call: Callable[[], Any], callback_timeout: float) -> Any:  # noqa: ARG002 - Dask's interface
        """Return what the scheduler answers."""
        return call()

    def nthreads(self) -> dict[str, int]:
        """Return the workers."""
        return {"worker": 1}

    def register_plugin(self, plugin: object, name: str) -> None:
        """Do nothing."""

    def unregister_worker_plugin(self, name: str) -> None:
        """Do nothing."""

    def cancel(self, futures: Sequence[Done]) -> None:
        """Do nothing."""

    def submit(
        self, _: object, __: str, units: Sequence[WorkUnit], *___: object, **____: object
    ) -> Done:
        """Do it at once."""
        if self._errors:
            return Done(self._errors.pop())
        return Done([SyncResult(unit, 1, 1, changed=True) for unit in units])


def report_of(cluster: Cluster, folder: Path, attempts: int = 2) -> SyncReport:
    """Return what came of a sync of all units."""
    policy = RetryPolicy(attempts=attempts, initial_wait=0.0)
    stand_in: Any = cluster
    plugin: Any = SimpleNamespace(name="cfbilling")
    return Run(
        stand_in,
        plugin,
        Backlog(UNITS, policy),
        Store(folder, format="ndjson"),
        restate=timedelta(0),
        patience=1.0,
        ends=math.inf,
        stop=threading.Event(),
        on_result=None,
    ).report()


def test_a_store_that_fails_for_a_moment_does_not_end_a_sync(tmp_path: Path) -> None:
    """What passes on one worker is tried again there or elsewhere, as often as the policy says."""
    passing = StoreError("cannot write to it: Stale file handle", transient=True)
    assert 2 == report_of(Cluster(passing), tmp_path).fetched
    failed = report_of(Cluster(passing, passing), tmp_path).failures
    assert {(unit.id, passing) for unit in UNITS} == {(f.account_id, f.error) for f in failed}


def test_a_store_that_takes_nothing_ends_a_sync(tmp_path: Path) -> None:
    """A full disk is the error of all, at once."""
    lasting = StoreError("cannot write to it: No space left on device")
    with pytest.raises(StoreError, match="No space"):
        report_of(Cluster(lasting), tmp_path)
