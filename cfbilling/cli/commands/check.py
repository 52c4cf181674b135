"""The command ``cfbilling check``: which credential is found, and what it is good for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from cfbilling import ApiToken, Credentials
from cfbilling.cli.accounts import Accounts, all_accounts_of, credentials_of
from cfbilling.cli.check.asking import findings_on
from cfbilling.cli.check.text import as_json, shown
from cfbilling.cli.errors import CommandError
from cfbilling.cli.options import all_accounts_option, connection_from, connection_options
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.process import run

__all__ = ["check"]


@click.command(short_help="Tell whether the credential works, and what is open to it.")
@click.argument("account", nargs=-1)
@all_accounts_option
@click.option("--organization", metavar="ID", help="Try the endpoint for organizations too.")
@click.option(
    "-f",
    "--format",
    "shape",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or one object for a program.",
)
@connection_options
def check(
    account: tuple[str, ...],
    *,
    all_accounts: bool,
    organization: str | None,
    shape: str,
    **given: Any,
) -> None:
    """Tell which credential is found, whether it works, what is open to it, and its quota.

    Each endpoint is asked once, for yesterday: usage and cost query (version 2, contracts),
    billable usage (version 1, self-serve accounts), what is beside them, and whether the accounts
    can be listed. Of several ACCOUNTs each has one line, about what costs are made of. Without
    ACCOUNT, CLOUDFLARE_ACCOUNT_ID is asked about. A credential that is locked out is told at once,
    with the time that is left; --max-wait is for the quota that many ACCOUNTs use up.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling check
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def checked() -> int:
        connection = connection_from(given)
        accounts = _accounts(account, connection.token_file, are_all=all_accounts)
        credential = _kind(accounts.credentials, connection.token_file)
        console = plain_console(soft_wrap=True)
        if shape == "text":
            console.print(f"Credential  {credential}")
        findings = await findings_on(accounts, organization, connection)
        if shape == "json":
            print(as_json(credential, findings), flush=True)
            return findings.code
        for each in shown(findings):
            console.print(each)
        return findings.code

    run(checked)


def _accounts(given: Sequence[str], token_file: str | None, *, are_all: bool) -> Accounts:
    if are_all:
        return all_accounts_of(given, None, token_file)
    credentials = credentials_of(token_file)
    ids = list(dict.fromkeys(given)) or [os.environ.get("CLOUDFLARE_ACCOUNT_ID", "").strip()]
    if ids == [""]:
        raise CommandError("name an account, or set CLOUDFLARE_ACCOUNT_ID, to see what is open")
    return Accounts(ids, credentials, are_many=len(ids) > 1)


def _kind(credentials: Credentials, token_file: str | None) -> str:
    if token_file is not None:
        return "API token, from --token-file"
    if isinstance(credentials, ApiToken):
        return "API token, from CLOUDFLARE_API_TOKEN"
    return "e-mail and global API key, from CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY"
