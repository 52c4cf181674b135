"""The command ``cfbilling check``: which credential is found, and what it is good for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import attrs
import click
from rich.table import Table

from cfbilling import (
    ApiToken,
    AuthenticationError,
    BillingClient,
    BillingError,
    Credentials,
    Quota,
)
from cfbilling.cli.accounts import credentials_of
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import AUTHENTICATION, OK, REFUSED, exit_code_of
from cfbilling.cli.options import connection_from, connection_options
from cfbilling.cli.plain_text import plain, plain_console
from cfbilling.cli.process import run

__all__ = ["check"]

_DAY = timedelta(days=1)


@click.command()
@click.argument("account", required=False)
@click.option("--organization", metavar="ID", help="Try the endpoint for organizations too.")
@connection_options
def check(account: str | None, organization: str | None, **given: Any) -> None:
    """Tell which credential is found, whether it works, what is open to it, and its quota.

    Each endpoint is asked once, for yesterday. Without ACCOUNT, CLOUDFLARE_ACCOUNT_ID is asked
    about.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling check
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(lambda: _check(account, organization, connection_from(given)))


@attrs.frozen
class _Probe:
    """The outcome of asking one endpoint once.

    Attributes:
        name: The command that uses the endpoint.
        answer: Its answer, for people.
        error: The reason why it did not answer.
    """

    name: str
    answer: str
    error: BillingError | None = None


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


async def _count(batches: AsyncIterator[list[Any]]) -> str:
    async with aclosing(batches) as closing:  # type: ignore[type-var]  # every stream's batches can be closed
        records = sum([len(batch) async for batch in closing])
    return f"yes, {records:,} records of one day"


async def _profile(client: BillingClient, account_id: str) -> str:
    await client.billing_profile(account_id)
    return "yes"


def _probes(
    client: BillingClient, account_id: str, organization_id: str | None, day: date
) -> Mapping[str, Callable[[], Awaitable[str]]]:
    span = day, day + _DAY
    probes: dict[str, Callable[[], Awaitable[str]]] = {
        "profile": lambda: _profile(client, account_id),
        "usage": lambda: _count(client.usage(account_id, *span).batches()),
        "paygo": lambda: _count(client.paygo_usage(account_id, *span).batches()),
        "paygo --beta": lambda: _count(client.paygo_usage_beta(account_id, *span).batches()),
    }
    if organization_id:
        batches = client.organization_usage(organization_id, *span).batches
        probes["org-usage"] = lambda: _count(batches())
    return probes


async def _probe(name: str, ask: Callable[[], Awaitable[str]]) -> _Probe:
    try:
        return _Probe(name, await ask())
    except BillingError as error:
        status = f" ({error.status})" if error.status else ""
        return _Probe(name, f"no: {error.message}{status}", error)


def _verdict(probes: list[_Probe]) -> tuple[str, int]:
    """Say whether the credential works, and return the exit code."""
    if any(probe.error is None for probe in probes):
        return "yes", OK
    errors = [probe.error for probe in probes if probe.error is not None]
    if any(isinstance(error, AuthenticationError) for error in errors):
        return "no: the service does not accept it", AUTHENTICATION
    codes = {exit_code_of(error) for error in errors}
    if codes == {REFUSED}:
        return "it is accepted, but no endpoint is open to it for this account", REFUSED
    return "unknown: no endpoint answered", max(codes)


async def _check(
    account_id: str | None, organization_id: str | None, connection: Connection
) -> int:
    console = plain_console(soft_wrap=True)
    credentials = credentials_of(connection.token_file)
    console.print(f"Credential  {_kind(credentials, connection.token_file)}")
    account_id = account_id or os.environ.get("CLOUDFLARE_ACCOUNT_ID", "").strip()
    if not account_id:
        raise CommandError("name an account, or set CLOUDFLARE_ACCOUNT_ID, to see what is open")
    # One attempt each and no wait: what fails is to be told, not to be waited for.
    asking = attrs.evolve(connection, attempts=1, max_wait=0.0)
    yesterday = datetime.now(UTC).date() - _DAY
    async with asking.client(credentials) as client:
        asked = _probes(client, account_id, organization_id, yesterday).items()
        probes = [await _probe(name, ask) for name, ask in asked]
        quota = client.quota()
    verdict, code = _verdict(probes)
    console.print(f"Works       {verdict}")
    console.print(f"Quota       {_told(quota)}")
    console.print(_table(account_id, probes))
    return code


def _table(account_id: str, probes: list[_Probe]) -> Table:
    table = Table(title=f"Endpoints for {plain(account_id)}", title_justify="left")
    table.add_column("cfbilling …", no_wrap=True)
    table.add_column("Open")
    for probe in probes:
        table.add_row(probe.name, plain(probe.answer))
    return table
