"""The command ``cfbilling accounts``: which accounts the credential sees."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import click

from cfbilling import Account
from cfbilling.cli.accounts import credentials_of
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.exit_codes import OK
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.formats.writing import Writing
from cfbilling.cli.options import (
    choice_from,
    connection_from,
    connection_options,
    format_options,
)
from cfbilling.cli.output import opened
from cfbilling.cli.process import run
from cfbilling.cli.waiting import tell_pause

__all__ = ["accounts"]


@click.command(short_help="List the accounts that the credential sees.")
@format_options()
@connection_options
def accounts(**given: Any) -> None:
    """Write the accounts that the credential sees: id, name and type.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling accounts
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    connection, choice = connection_from(given), choice_from(given)
    run(lambda: _write(connection, choice, given["output"]))


async def _write(connection: Connection, choice: FormatChoice, path: str | None) -> int:
    shape = format_of(choice, path, Account, with_account=False)
    credentials = credentials_of(connection.token_file)
    found = 0
    with opened(path) as output:
        writing = Writing(shape, output)
        async with (
            connection.client(credentials, tell_pause) as client,
            aclosing(client.accounts()) as stream,
        ):
            async for batch in stream.batches():
                found += len(batch)
                await writing.rows("", batch)
        await writing.finish()
        output.commit()
    if not found:
        print_error("the credential sees no account")
    return OK
