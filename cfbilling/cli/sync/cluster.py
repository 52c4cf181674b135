"""A sync on a Dask cluster: this machine hands out units, and tells what comes of them."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import ModuleType

import attrs

from cfbilling import (
    AccountFailure,
    BillingClient,
    RetryPolicy,
    Timeouts,
    WorkUnit,
)
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import CommandError
from cfbilling.sync import Store, SyncReport, SyncResult

__all__ = ["Cluster", "cluster_at"]


@attrs.frozen
class Cluster:
    """A Dask cluster.

    Attributes:
        address: Its scheduler's.
        folder: The folder on each worker with a file for each token; None for its environment.
        module: What works on one.
    """

    address: str
    folder: str | None
    module: ModuleType = attrs.field(repr=False, eq=False)

    async def synced(
        self,
        units: Sequence[WorkUnit],
        store: Store,
        connection: Connection,
        *,
        restate: timedelta,
        on_result: Callable[[SyncResult | AccountFailure | None], None],
    ) -> SyncReport:
        """Sync units on the cluster; what failed is in the report.

        Args:
            units: The units.
            store: The store.
            connection: The way to the service, as the workers go it.
            restate: How long after its last day a unit may be restated.
            on_result: Called with what became of each unit.

        Raises:
            BillingError: If it cannot be done there.
        """
        loop, stop = asyncio.get_running_loop(), threading.Event()

        untold: list[Exception] = []

        def tell_here(outcome: SyncResult | AccountFailure | None) -> None:
            try:
                on_result(outcome)
            except Exception as error:  # noqa: BLE001 - told below, such as a closed pipe
                untold.append(error)
                stop.set()

        def tell(outcome: SyncResult | AccountFailure | None) -> None:
            loop.call_soon_threadsafe(tell_here, outcome)

        source = self.module.FromEnvironment()
        if self.folder is not None:
            source = self.module.FromFolder(self.folder)
        work = partial(
            self.module.sync_on,
            self.address,
            units,
            store,
            credentials=source,
            client=partial(
                BillingClient,
                base_url=connection.base_url,
                timeout=Timeouts(total=connection.timeout),
                concurrency=connection.concurrency,
            ),
            restate=restate,
            on_result=tell,
            on_error="report",
            retry=RetryPolicy(attempts=connection.attempts, budget=connection.max_wait),
            stop=stop,
        )
        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            report: SyncReport = await asyncio.shield(working)
        finally:
            # Cancelled, the workers are to be left as they were before this process ends.
            stop.set()
            while not working.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
            if not working.cancelled():
                working.exception()
        if untold:
            raise untold[0]
        return report


def cluster_at(address: str, folder: str | None) -> Cluster:
    """Return the cluster of a scheduler.

    Raises:
        CommandError: If what that needs is not installed.
    """
    try:
        module = importlib.import_module("cfbilling.integrations.dask")
    except ImportError as error:
        raise CommandError("--dask needs an extra: pip install 'cfbilling[dask]'") from error
    return Cluster(address, folder, module)
