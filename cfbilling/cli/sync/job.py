"""What a sync is to do, all of it checked before anything is asked."""

from __future__ import annotations

from datetime import timedelta

import attrs

from cfbilling.cli.accounts import Accounts
from cfbilling.cli.connection import Connection
from cfbilling.cli.progress_bar import Verbosity
from cfbilling.cli.sync.units import Table
from cfbilling.sync import Store

__all__ = ["Job"]


@attrs.frozen
class Job:
    """What to keep, of whom and where.

    Attributes:
        store: The store.
        table: What to keep of each account.
        accounts: The accounts.
        restate: How long after its last day a unit may be restated.
        prunes: Whether to remove accounts that are gone.
        connection: The way to the service.
        verbosity: How much to say meanwhile.
    """

    store: Store
    table: Table
    accounts: Accounts
    restate: timedelta
    prunes: bool
    connection: Connection
    verbosity: Verbosity
