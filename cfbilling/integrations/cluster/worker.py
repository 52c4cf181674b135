"""What runs on a Dask worker: one client for it, and a task that syncs some units with that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import uuid4

from distributed import (  # pyright: ignore[reportMissingImports]  # an extra
    Reschedule,
    Worker,
    WorkerPlugin,
    get_worker,
)

from cfbilling.client import BillingClient
from cfbilling.credentials import Credentials
from cfbilling.errors import AccountFailure, BillingError, ConfigurationError
from cfbilling.integrations.cluster.credential_sources import CredentialSource
from cfbilling.jobs import WorkUnit
from cfbilling.options import RetryPolicy
from cfbilling.store.results import SyncResult
from cfbilling.store.store import Store
from cfbilling.sync import sync

__all__ = ["NEVER_WAIT", "ClientPlugin", "MakeClient", "Outcome", "sync_some"]

NEVER_WAIT: Final = RetryPolicy(attempts=1, budget=0.0)
"""A worker's policy: whoever hands out units tries again, and waits while others work."""

MakeClient: TypeAlias = Callable[..., BillingClient]
"""`BillingClient`, or a `functools.partial` of it."""

Outcome: TypeAlias = SyncResult | AccountFailure | None
"""What became of a unit; ``None`` if it was skipped."""


class ClientPlugin(WorkerPlugin):
    """A worker's client: opened when the first task needs it, closed with the worker.

    Args:
        make_client: Makes the client, of its credentials and its ``retry``.
        source: Where the worker finds the credentials.
        names: The names of those that units have.

    Attributes:
        name: What the tasks find it by; another for each sync.
        is_over: Whether the worker is being closed, or the sync is over.
    """

    def __init__(
        self, make_client: MakeClient, source: CredentialSource, names: Iterable[str | None]
    ) -> None:
        self.name = f"cfbilling-{uuid4().hex}"
        self._make_client = make_client
        self._source = source
        self._names = tuple(names)

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Begin a worker's life, in which the rest is made."""
        self.is_over = False
        self._lock = asyncio.Lock()
        self._client: BillingClient | None = None
        self._missing: dict[str | None, ConfigurationError] = {}

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Close the client, and end what it has under way."""
        self.is_over = True
        async with self._lock:
            client, self._client = self._client, None
            if client is not None:
                await client.aclose()

    def missing(self, unit: WorkUnit) -> ConfigurationError | None:
        """Return why a unit has no credential here, if it has none; after `client` only."""
        return self._missing.get(unit.credential)

    async def client(self) -> BillingClient | None:
        """Return the open client; ``None`` if no credential was found."""
        async with self._lock:
            # A task that waited for the lock may come after `teardown`: nobody would close it.
            found = {} if self.is_over or self._client is not None else self._found()
            if found:
                client = self._make_client(found, retry=NEVER_WAIT)
                self._client = await client.__aenter__()
        return self._client

    def _found(self) -> dict[str | None, Credentials]:
        found: dict[str | None, Credentials] = {}
        # What was missing may be there by now.
        self._missing = {}
        for name in self._names:
            try:
                found[name] = self._source.find(name)
            except ConfigurationError as error:
                self._missing[name] = error
        return found


async def sync_some(
    plugin_name: str, units: Sequence[WorkUnit], store: Store, restate: timedelta
) -> list[Outcome]:
    """Sync units on the worker that this runs on, and return what became of them, in any order.

    Args:
        plugin_name: The name of the `ClientPlugin`.
        units: Units whose credentials the plugin knows by name.
        store: The store.
        restate: As in `sync`.

    Raises:
        ConfigurationError: For an argument that cannot be right.
        StoreError: If the store cannot be written, as far as that can be known before.
        Reschedule: If the worker is being closed meanwhile: others are to do it.
    """
    plugin = get_worker().plugins.get(plugin_name)
    if not isinstance(plugin, ClientPlugin):
        raise ConfigurationError("the sync that this task belongs to is over")
    try:
        outcomes = await _synced(plugin, units, store, restate)
    except BillingError:
        if plugin.is_over:
            raise Reschedule from None
        raise
    if plugin.is_over:
        # What became of units whose client was closed says nothing of them.
        raise Reschedule
    return outcomes


async def _synced(
    plugin: ClientPlugin, units: Sequence[WorkUnit], store: Store, restate: timedelta
) -> list[Outcome]:
    client = await plugin.client()
    outcomes: list[Outcome] = []
    able: list[WorkUnit] = []
    for unit in units:
        if (error := plugin.missing(unit)) is not None:
            outcomes.append(AccountFailure(unit.id, error))
        else:
            able.append(unit)
    if client is not None and able:
        await sync(
            client, able, store, restate=restate, on_result=outcomes.append, on_error="report"
        )
    return outcomes
