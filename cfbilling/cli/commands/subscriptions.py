"""The command ``cfbilling subscriptions``: the fixed fees of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cfbilling import BillingClient, Record, Subscription
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

__all__ = ["subscriptions"]


@click.command(short_help="Fixed fees, which are in no record of usage.")
@accounts_argument
@format_options()
@connection_options
@verbosity_options
def subscriptions(account: tuple[str, ...], **given: Any) -> None:
    """Write the subscriptions of ACCOUNTs: fixed fees, which are in no record of usage.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling subscriptions $CLOUDFLARE_ACCOUNT_ID
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def ask(client: BillingClient, account_id: str) -> Sequence[Record]:
        return await client.subscriptions(account_id).collect()

    def question() -> AccountList:
        return AccountList(accounts_from(given, account), Subscription, ask)

    run(lambda: run_export(export_from(given, question())))
