"""What a sync is to do, all of it checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import attrs

from cfbilling import ApiToken, BillingClient, Credentials
from cfbilling.cli.accounts import AccountIds
from cfbilling.cli.connection import Connection
from cfbilling.cli.progress_bar import Verbosity
from cfbilling.cli.sync.cluster import Cluster
from cfbilling.cli.sync.units import Table
from cfbilling.events import Observer
from cfbilling.sync import Store

__all__ = ["Job"]


@attrs.frozen
class Job:
    """What to keep, of whom and where.

    Attributes:
        store: The store.
        table: What to keep of each account.
        accounts: The accounts.
        credentials: What a client takes; None if only the workers of a cluster have credentials.
        restate: How long after its last day a unit may be restated.
        prunes: Whether to remove accounts that are gone.
        connection: The way to the service.
        verbosity: How much to say meanwhile.
        cluster: Where it is done, if not here.
    """

    store: Store
    table: Table
    accounts: AccountIds
    credentials: Credentials | Mapping[str | None, Credentials] | None
    restate: timedelta
    prunes: bool
    connection: Connection
    verbosity: Verbosity
    cluster: Cluster | None = None

    def client(self, observer: Observer | None = None) -> BillingClient:
        """Return a client that is not entered yet; without credentials, to ask nothing with."""
        return self.connection.client(self.credentials or ApiToken("none"), observer)
