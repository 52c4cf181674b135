"""The command ``cfbilling check``: which credential is found, and what it is good for."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import attrs
import click
from rich.console import Console

from cfbilling import ApiToken, BillingClient, Credentials, Quota
from cfbilling.cli.accounts import Accounts, all_accounts_of, credentials_of
from cfbilling.cli.check.probes import (
    Probe,
    probe_accounts,
    probe_all,
    probe_organization,
    probe_sources,
)
from cfbilling.cli.check.tables import overview, reasons, table_of
from cfbilling.cli.check.verdict import verdict_on
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OK, SOME_FAILED
from cfbilling.cli.in_order import in_order
from cfbilling.cli.options import all_accounts_option, connection_from, connection_options
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.process import run

__all__ = ["check"]

_DAY = timedelta(days=1)


@click.command(short_help="Tell whether the credential works, and what is open to it.")
@click.argument("account", nargs=-1)
@all_accounts_option
@click.option("--organization", metavar="ID", help="Try the endpoint for organizations too.")
@connection_options
def check(
    account: tuple[str, ...], *, all_accounts: bool, organization: str | None, **given: Any
) -> None:
    """Tell which credential is found, whether it works, what is open to it, and its quota.

    Each endpoint is asked once, for yesterday: usage and cost query (version 2, contracts),
    billable usage (version 1, self-serve accounts), what is beside them, and whether the accounts
    can be listed. Of several ACCOUNTs each has one line, about what costs are made of. Without
    ACCOUNT, CLOUDFLARE_ACCOUNT_ID is asked about.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling check
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def checked() -> int:
        connection = connection_from(given)
        accounts = _accounts(account, connection.token_file, are_all=all_accounts)
        console = plain_console(soft_wrap=True)
        console.print(f"Credential  {_kind(accounts.credentials, connection.token_file)}")
        if accounts.are_many:
            return await _check_many(accounts, organization, connection, console)
        return await _check_one(accounts, organization, connection, console)

    run(checked)


def _accounts(given: Sequence[str], token_file: str | None, *, are_all: bool) -> Accounts:
    if are_all:
        return all_accounts_of(given, None, token_file)
    credentials = credentials_of(token_file)
    ids = list(dict.fromkeys(given)) or [os.environ.get("CLOUDFLARE_ACCOUNT_ID", "").strip()]
    if ids == [""]:
        raise CommandError("name an account, or set CLOUDFLARE_ACCOUNT_ID, to see what is open")
    return Accounts(ids, credentials, are_many=len(ids) > 1)


def _told(quota: Quota | None) -> str:
    if quota is None:
        return "unknown: the service did not say"
    policy = quota.policy
    of = "" if policy is None else f" of {policy.requests}"
    per = "" if policy is None else f" in {ceil(policy.seconds)} s"
    return f"{quota.remaining}{of} requests{per} left, for the next {ceil(quota.reset)} s"


def _kind(credentials: Credentials, token_file: str | None) -> str:
    if token_file is not None:
        return "API token, from --token-file"
    if isinstance(credentials, ApiToken):
        return "API token, from CLOUDFLARE_API_TOKEN"
    return "e-mail and global API key, from CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY"


def _yesterday() -> date:
    return datetime.now(UTC).date() - _DAY


def _require_ids(client: BillingClient, accounts: Accounts, organization: str | None) -> None:
    """Refuse what can be no id before anything is asked; no stream is begun for it.

    Raises:
        ConfigurationError: If one of them can be none.
    """
    for account_id in accounts.ids:
        client.usage(account_id)
    if organization is not None:
        client.organization_usage(organization)


async def _check_one(
    accounts: Accounts, organization: str | None, connection: Connection, console: Console
) -> int:
    (account_id,) = accounts.ids
    # One attempt each and no wait: what fails is to be told, not to be waited for.
    asking = attrs.evolve(connection, attempts=1, max_wait=0.0)
    async with asking.client(accounts.credentials) as client:
        _require_ids(client, accounts, organization)
        probes = await probe_all(client, account_id, _yesterday())
        if organization is not None:
            probes.append(await probe_organization(client, organization, _yesterday()))
        listed = await probe_accounts(client)
        quota = client.quota()
    verdict, code = verdict_on(probes, listed)
    console.print(f"Works       {verdict}")
    console.print(f"Quota       {_told(quota)}")
    console.print(table_of(account_id, [*probes, listed]))
    return code


async def _check_many(
    accounts: Accounts, organization: str | None, connection: Connection, console: Console
) -> int:
    # One attempt each. But the quota may have to be waited for, where the accounts are many.
    asking = attrs.evolve(connection, attempts=1)
    async with asking.client(accounts.credentials) as client:
        _require_ids(client, accounts, organization)
        listed = await probe_accounts(client)
        found = await _probed(client, accounts, connection.concurrency)
        of_organization = (
            []
            if organization is None
            else [await probe_organization(client, organization, _yesterday())]
        )
        quota = client.quota()
    asked = accounts.asked(len(found))
    verdicts = [verdict_on(probes, listed) for probes in found.values()]
    open_to = sum(code == OK for _, code in verdicts)
    why = f"; {verdicts[0][0]}" if len(set(verdicts)) == 1 and not open_to else ""
    console.print(f"Works       for {open_to:,} of {asked:,} accounts{why}")
    console.print(f"Quota       {_told(quota)}")
    console.print(overview(found))
    for reason in reasons(found):
        console.print(reason)
    if organization is not None:
        console.print(table_of(organization, of_organization))
    codes = {code for _, code in verdicts}
    return codes.pop() if len(codes) == 1 else SOME_FAILED


async def _probed(
    client: BillingClient, accounts: Accounts, concurrency: int
) -> dict[str, list[Probe]]:
    async def ids() -> AsyncGenerator[str, None]:
        if accounts.are_all:
            async with client.accounts() as stream:
                async for account in stream:
                    yield account.id or ""
        for account_id in accounts.ids:
            yield account_id

    async def asked(account_id: str) -> tuple[str, list[Probe]]:
        return account_id, await probe_sources(client, account_id, _yesterday())

    every = ids()
    answers = in_order(every, asked, concurrency)
    async with aclosing(every), aclosing(answers):
        return {account_id: probes async for account_id, probes in answers}
