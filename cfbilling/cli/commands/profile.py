"""Who pays for an account and how, in any format."""

from __future__ import annotations

from cfbilling import BillingProfile
from cfbilling.cli.accounts import credentials_of
from cfbilling.cli.connection import Connection
from cfbilling.cli.exit_codes import OK
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.output import opened

__all__ = ["run_profile"]


async def run_profile(
    account_id: str, connection: Connection, choice: FormatChoice, path: str | None
) -> int:
    """Write an account's billing profile and return the exit code.

    Raises:
        BillingError: What the client raises.
        CommandError: If the output cannot be opened.
    """
    shape = format_of(choice, path, BillingProfile, with_account=False)
    credentials = credentials_of(connection.token_file)
    async with connection.client(credentials, observer=lambda _: None) as client:
        profile = await client.billing_profile(account_id)
    with opened(path) as output:
        for part in (shape.begin(), shape.rows(account_id, [profile]), shape.finish()):
            await output.write(part)
        output.commit()
    return OK
