"""A sync on a Dask cluster, from where it was asked for: hands out units, and waits."""

from __future__ import annotations

import threading
import time
from asyncio import CancelledError
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

import attrs
from distributed import (  # pyright: ignore[reportMissingImports]  # an extra
    Client,
    Future,
    KilledWorker,
)

from cfbilling.errors import AccountFailure, ConfigurationError, StoreError, TransportError
from cfbilling.integrations.cluster.backlog import Backlog, Job
from cfbilling.integrations.cluster.worker import ClientPlugin, Outcome, sync_some
from cfbilling.store.results import SyncReport, Tally
from cfbilling.store.store import Store

__all__ = ["Run"]

T = TypeVar("T")

_PLACES = 2
"""The most tasks of ours that a worker has: one begins while another ends, and no third waits,
which Dask would give to a worker that is idle."""

_LOOK = 1.0
"""Seconds between two looks at which workers there are."""


@attrs.frozen(eq=False)
class _Task:
    future: Future
    worker: str
    jobs: Sequence[Job]


class Run:
    """One sync; used once.

    Args:
        dask_client: A blocking client of the cluster.
        plugin: What the workers need.
        backlog: The units.
        store: The store.
        restate: As in `sync`.
        patience: The most seconds to wait for an answer of the scheduler, or for a worker.
        ends: When everything has to be done.
        stop: Set by another thread when that is now.
        on_result: As in `sync`.
    """

    def __init__(
        self,
        dask_client: Client,
        plugin: ClientPlugin,
        backlog: Backlog,
        store: Store,
        *,
        restate: timedelta,
        patience: float,
        ends: float,
        stop: threading.Event,
        on_result: Callable[[Outcome], None] | None,
    ) -> None:
        self._dask = dask_client
        self._plugin = plugin
        self._backlog = backlog
        self._store = store
        self._restate = restate
        self._patience = patience
        self._ends = ends
        self._stop = stop
        self._on_result = on_result
        self._tally = Tally()
        self._tasks: dict[object, _Task] = {}
        # Told by Dask's own threads.
        self._ended: SimpleQueue[object] = SimpleQueue()
        self._workers: dict[str, int] = {}
        self._seen = self._looked = time.monotonic()

    def report(self) -> SyncReport:
        """Do it, and return what came of it.

        Raises:
            ConfigurationError: If it cannot run on the workers.
            StoreError: If a worker cannot write to the store, and that does not pass.
            TransportError: If the scheduler is gone, or there is no worker.
        """
        is_there = True
        try:
            self._register()
            while self._tasks or not self._backlog.is_empty:
                self._look()
                self._hand_out()
                self._await_some()
                if self._stop.is_set():
                    self._give_up("not done when the sync was stopped")
                elif time.monotonic() >= self._ends:
                    self._give_up("not done at the deadline")
        except _LostError as error:
            is_there = False
            raise TransportError(f"the Dask cluster cannot be used: {error}") from error.__cause__
        finally:
            if is_there:
                self._clear()
        return self._tally.report()

    def _asked(self, call: Callable[..., Awaitable[T]], *args: object) -> T:
        """Return what the scheduler answers; Dask's own calls would wait for it without end."""
        try:
            # Called in the client's own loop, a method of the client is a coroutine function.
            return cast("T", self._dask.sync(partial(call, *args), callback_timeout=self._patience))
        except ImportError as error:
            raise ConfigurationError(
                f"the workers need this package, and what it depends on: {error}"
            ) from error
        except (TimeoutError, OSError) as error:
            raise _LostError("the scheduler does not answer") from error

    def _register(self) -> None:
        self._asked(partial(self._dask.register_plugin, name=self._plugin.name), self._plugin)

    def _look(self) -> None:
        """See which workers there are, now and then."""
        now = time.monotonic()
        if self._workers and now < self._looked + _LOOK:
            return
        found: dict[str, int] = self._asked(self._dask.nthreads)
        for worker in self._workers.keys() - found.keys():
            self._backlog.forget(worker)
        self._workers, self._looked = found, now
        if found:
            self._seen = now
        elif now > self._seen + self._patience:
            raise _LostError(f"it has had no worker for {self._patience:g} seconds")

    def _hand_out(self) -> None:
        busy = Counter(task.worker for task in self._tasks.values())
        now = time.monotonic()
        # Nobody gets a second task while another has none.
        for place in range(_PLACES):
            for worker, threads in self._workers.items():
                is_free = busy[worker] <= place < max(1, threads)
                if is_free and (jobs := self._backlog.take(worker, now)):
                    self._submit(worker, jobs)

    def _submit(self, worker: str, jobs: Sequence[Job]) -> None:
        future = self._dask.submit(
            sync_some,
            self._plugin.name,
            [job.unit for job in jobs],
            self._store,
            self._restate,
            workers=[worker],
            # Should that one be gone, somebody else is to do it.
            allow_other_workers=True,
            pure=False,
        )
        self._tasks[future.key] = _Task(future, worker, jobs)
        self._watch(future)

    def _watch(self, future: Future) -> None:
        ended = self._ended
        future.add_done_callback(lambda done: ended.put(done.key))

    def _await_some(self) -> None:
        """Wait until something has ended or is to be done, and settle what has ended."""
        times = [self._looked + _LOOK, self._ends, self._backlog.next_time()]
        soonest = min(when for when in times if when is not None)
        try:
            key = self._ended.get(timeout=max(0.0, soonest - time.monotonic()))
            while True:
                self._settle(key)
                key = self._ended.get_nowait()
        except Empty:
            return

    def _settle(self, key: object) -> None:
        task = self._tasks[key]
        outcomes = self._outcomes(task)
        if outcomes is None:
            self._watch(task.future)
            return
        del self._tasks[key]
        task.future.release()
        jobs = {job.unit.id: job for job in task.jobs}
        now = time.monotonic()
        for outcome in outcomes:
            is_again = isinstance(outcome, AccountFailure) and self._backlog.put_back(
                jobs[outcome.account_id], outcome.error, now
            )
            if not is_again:
                self._tell(outcome)

    def _outcomes(self, task: _Task) -> Sequence[Outcome] | None:
        """Return what came of a task; ``None`` if that is not known yet."""
        future = task.future
        if future.status == "cancelled":
            raise _LostError("what was under way there has been cancelled")
        if future.status not in ("finished", "error"):
            return None
        try:
            # The worker may be gone meanwhile; then another one does it again.
            outcomes: list[Outcome] = future.result(timeout=self._patience)
        except KilledWorker:
            died = TransportError("the workers that were to do it have died")
            return [AccountFailure(job.unit.id, died) for job in task.jobs]
        except StoreError as error:
            if not error.transient:
                raise
            # What passes on one worker is no reason to give up what all of them are to do.
            error.forget_frames()
            return [AccountFailure(job.unit.id, error) for job in task.jobs]
        except TimeoutError:
            return None
        except CancelledError as error:
            raise _LostError("what was under way there has been cancelled") from error
        return outcomes

    def _tell(self, outcome: Outcome) -> None:
        self._tally.add(outcome)
        if self._on_result is not None:
            self._on_result(outcome)

    def _give_up(self, why: str) -> None:
        left = [job.unit for task in self._tasks.values() for job in task.jobs]
        for unit in [*left, *self._backlog.drain()]:
            self._tell(AccountFailure(unit.id, TransportError(why)))
        self._cancel()

    def _cancel(self) -> None:
        futures = [task.future for task in self._tasks.values()]
        self._tasks.clear()
        if futures:
            self._asked(self._dask.cancel, futures)

    def _clear(self) -> None:
        # Whatever ends the sync is what is told; and the workers are left as they were.
        with suppress(Exception):
            self._cancel()
        with suppress(Exception):
            self._asked(self._dask.unregister_worker_plugin, self._plugin.name)


class _LostError(Exception):
    """The cluster does not do what it was asked to."""
