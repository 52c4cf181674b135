"""The command ``cfbilling profile``: who pays for an account and how, in any format."""

from __future__ import annotations

from typing import Any

import click

from cfbilling import BillingProfile
from cfbilling.cli.accounts import credentials_of
from cfbilling.cli.connection import Connection
from cfbilling.cli.exit_codes import OK
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.options import (
    choice_from,
    connection_from,
    connection_options_waiting,
    format_options,
)
from cfbilling.cli.output import opened
from cfbilling.cli.process import run
from cfbilling.cli.waiting import tell_pause

__all__ = ["profile"]


@click.command(short_help="Who pays for an account and how: personal data.")
@click.argument("account")
@format_options("table", "json", "ndjson", "csv")
@connection_options_waiting(5.0)
def profile(account: str, **given: Any) -> None:
    """Write who pays for an ACCOUNT and how: personal data.

    A file gets mode 0600, whatever was there before.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling profile $CLOUDFLARE_ACCOUNT_ID
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    connection, choice = connection_from(given), choice_from(given)
    run(lambda: _write(account, connection, choice, given["output"]))


async def _write(
    account_id: str, connection: Connection, choice: FormatChoice, path: str | None
) -> int:
    shape = format_of(choice, path, BillingProfile, with_account=False)
    credentials = credentials_of(connection.token_file)
    with opened(path, is_private=True) as output:
        async with connection.client(credentials, tell_pause) as client:
            record = await client.billing_profile(account_id)
        for part in (shape.begin(), shape.rows(account_id, [record]), shape.finish()):
            await output.write(part)
        output.commit()
    return OK
