"""The command ``cfbilling credits``: what accounts have left of what was paid in advance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cfbilling import BillingClient, BillingCredits, Record
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

# Python has a name like the command's.
__all__ = ["credits_"]


@click.command("credits", short_help="What is left of credits.")
@accounts_argument
@format_options()
@connection_options
@verbosity_options
def credits_(account: tuple[str, ...], **given: Any) -> None:
    """Write the credits of ACCOUNTs; amounts are in cents of their currency.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling credits $CLOUDFLARE_ACCOUNT_ID
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def ask(client: BillingClient, account_id: str) -> Sequence[Record]:
        return [await client.billing_credits(account_id)]

    def question() -> AccountList:
        return AccountList(accounts_from(given, account), BillingCredits, ask)

    run(lambda: run_export(export_from(given, question())))
