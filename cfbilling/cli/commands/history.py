"""The command ``cfbilling history``: invoices, payments and refunds of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cfbilling import BillingClient, BillingHistoryItem, Record
from cfbilling.cli.account_list import AccountList
from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    accounts_from,
    connection_options,
    export_from,
    format_options,
    verbosity_options,
)
from cfbilling.cli.process import run

__all__ = ["history"]


@click.command(short_help="Invoices, payments and refunds.")
@accounts_argument
@click.option("--status", metavar="S", help="Only what has this status, such as paid or open.")
@format_options()
@connection_options
@verbosity_options
def history(account: tuple[str, ...], *, status: str | None, **given: Any) -> None:
    """Write the invoices, payments and refunds of ACCOUNTs, the newest first.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling history $CLOUDFLARE_ACCOUNT_ID --status paid
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def ask(client: BillingClient, account_id: str) -> Sequence[Record]:
        return await client.billing_history(account_id, status=status).collect()

    def question() -> AccountList:
        return AccountList(accounts_from(given, account), BillingHistoryItem, ask)

    run(lambda: run_export(export_from(given, question())))
