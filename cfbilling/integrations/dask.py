"""A sync on a Dask cluster; it needs distributed, the extra ``dask``.

Units are grouped by the credential that they name, and each group is given to one worker while that
has time for it. Each worker has one client, finds its credentials itself, and writes its files
itself; only a `SyncResult` of each unit comes back. The units of a worker that dies are done again
by others. What the service refuses for a while is tried again later, and no worker waits for it.
"""

from __future__ import annotations

import math
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Literal

from distributed import Client  # pyright: ignore[reportMissingImports]  # an extra

from cfbilling.client import BillingClient
from cfbilling.errors import AccountFailure, ConfigurationError, FanOutError, TransportError
from cfbilling.integrations.cluster.backlog import Backlog
from cfbilling.integrations.cluster.credential_sources import (
    CredentialSource,
    FromEnvironment,
    FromFolder,
)
from cfbilling.integrations.cluster.run import Run
from cfbilling.integrations.cluster.worker import ClientPlugin
from cfbilling.jobs import WorkUnit, checked_units
from cfbilling.options import RetryPolicy, whole_number
from cfbilling.store.horizon import RESTATE, checked_restate
from cfbilling.sync import Store, SyncReport, SyncResult

__all__ = ["CredentialSource", "FromEnvironment", "FromFolder", "sync_on"]


def sync_on(
    dask_client: Client | str,
    units: Iterable[WorkUnit],
    store: Store,
    *,
    credentials: CredentialSource = FromEnvironment(),  # noqa: B008 - frozen
    client: Callable[..., BillingClient] = BillingClient,
    restate: timedelta = RESTATE,
    on_result: Callable[[SyncResult | AccountFailure | None], None] | None = None,
    on_error: Literal["defer", "report"] = "defer",
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    spread: int = 1,
    patience: float = 30.0,
    deadline: float | None = None,
    stop: threading.Event | None = None,
) -> SyncReport:
    """Do what `cfbilling.sync.sync` does on the workers of a Dask cluster; blocking.

    Args:
        dask_client: A blocking client, or the scheduler's address, such as ``tcp://host:8786``.
        units: The units; all of them are taken at once, since they have to be grouped.
        store: The store, without options: each worker writes to it, so it has to be one place for
            all of them, and what opens it is taken from their environment.
        credentials: Where a worker finds the credentials that units name.
        client: What makes a worker's client: `BillingClient`, or a `functools.partial` of it with
            arguments such as ``base_url`` and ``concurrency``. It must hold no secret.
        restate: As in `sync`.
        on_result: As in `sync`; called here, in the thread of the caller.
        on_error: As in `sync`.
        retry: How often and how long each unit is tried again, all of it together; the workers
            never wait.
        spread: The most workers that a credential is used from, while none of them dies. With
            one, a quota is used best; more are faster where answers are large.
        patience: The most seconds to wait for an answer of the scheduler, or for a worker.
        deadline: The most seconds for everything; what is not done by then has failed. ``None``
            for no limit.
        stop: Set by another thread, it ends the sync soon, as the deadline does: what is under way
            is cancelled.

    Raises:
        ConfigurationError: For an argument that cannot be right.
        StoreError: If a worker cannot write to the store for good (``transient`` is false), as far
            as it knows before.
        TransportError: If there is no such scheduler, it is lost on the way, or there is no
            worker.
        FanOutError: At the end, if units failed and were deferred.
    """
    if on_error not in ("defer", "report"):
        raise ConfigurationError("on_error must be 'defer' or 'report'")
    ends = math.inf if deadline is None else time.monotonic() + _seconds("deadline", deadline)
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError("retry must be a RetryPolicy")
    _check_travellers(store, credentials, client)
    checked_restate(restate)
    spread = whole_number("spread", spread, 1)
    backlog = Backlog(_taken_units(units), retry, spread=spread, ends=ends)
    plugin = ClientPlugin(client, credentials, backlog.names)
    patience = _seconds("patience", patience)
    with _connected(dask_client, patience) as connected:
        report = Run(
            connected,
            plugin,
            backlog,
            store,
            restate=restate,
            patience=patience,
            ends=ends,
            stop=threading.Event() if stop is None else stop,
            on_result=on_result,
        ).report()
    if report.failures and on_error == "defer":
        raise FanOutError(report.failures)
    return report


@contextmanager
def _connected(dask_client: Client | str, patience: float) -> Iterator[Client]:
    if isinstance(dask_client, str):
        try:
            opened = Client(dask_client, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            raise TransportError(f"no Dask scheduler answers at {dask_client}") from error
        try:
            yield opened
        finally:
            opened.close(timeout=patience)
    elif isinstance(dask_client, Client) and not dask_client.asynchronous:
        yield dask_client
    else:
        raise ConfigurationError("dask_client must be a blocking Client, or a scheduler's address")


def _taken_units(units: Iterable[WorkUnit]) -> list[WorkUnit]:
    taken = list(checked_units(units))
    if not all(isinstance(unit, WorkUnit) for unit in taken):
        raise ConfigurationError("units must be units of work")
    return taken


def _check_travellers(store: object, credentials: object, client: object) -> None:
    """Check what is sent to the workers: it has to pickle, and must not hold secrets."""
    if not isinstance(store, Store):
        raise ConfigurationError("store must be a Store")
    try:
        pickle.dumps(store)
    except TypeError as error:
        raise ConfigurationError(f"store cannot be sent to the workers: {error}") from None
    if not callable(getattr(credentials, "find", None)) or isinstance(credentials, Mapping):
        raise ConfigurationError("credentials must say where a worker finds them")
    if not callable(client):
        raise ConfigurationError("client must make a BillingClient")
    if isinstance(client, partial) and (client.args or "credentials" in client.keywords):
        raise ConfigurationError("client must hold no credential: workers find their own")


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name} must be more than 0 seconds")
    return value
