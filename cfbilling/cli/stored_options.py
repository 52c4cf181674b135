"""The options of commands that may read a store instead of asking the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from cfbilling.cli.accounts import lines_of, named_accounts
from cfbilling.cli.completion import folders
from cfbilling.cli.errors import CommandError
from cfbilling.cli.open_store import STORE_FORMATS
from cfbilling.cli.options import days_from
from cfbilling.cli.query import Source
from cfbilling.cli.stored_costs import StoredCosts, stored_costs_of

__all__ = ["stored_costs_from", "stored_options"]

F = TypeVar("F", bound=Callable[..., Any])


def stored_options(function: F) -> F:
    """Add the options to a command."""
    stored_as = click.option(
        "--stored-as",
        type=click.Choice(STORE_FORMATS),
        default="parquet",
        show_default=True,
        help="The format of that store.",
    )
    from_sync = click.option(
        "--from-sync",
        metavar="DEST",
        shell_complete=folders,
        help="Read the store that 'cfbilling sync' keeps in DEST instead of asking the service; "
        "without ACCOUNT, all accounts of the store. No credential is needed.",
    )
    return from_sync(stored_as(function))


async def stored_costs_from(
    given: dict[str, Any], ids: Sequence[str], source: Source = "auto"
) -> StoredCosts:
    """Return the question about the costs in the store that is named.

    Raises:
        CommandError: If options are wrong, or the store has no costs.
        BillingError: If the days are no range, or the store cannot be listed.
    """
    if given["all_accounts"]:
        raise CommandError("--all-accounts goes without --from-sync: all of the store are read")
    path = given["accounts_file"]
    named = named_accounts(ids, None if path is None else lines_of(path))
    if path is not None and not named:
        raise CommandError("no account: the accounts file has none")
    days = days_from(given)
    return await stored_costs_of(given["from_sync"], given["stored_as"], named, days, source)
