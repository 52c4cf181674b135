"""The command ``cfbilling demo``: 13 months of costs, streamed, added up and shown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import click

from cfbilling import ApiToken, BillingError, ConfigurationError, credentials_from_env
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.errors import print_error
from cfbilling.cli.exit_codes import OK, SOME_FAILED
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.process import run
from cfbilling.cli.progress_bar import Verbosity, progress_shown
from cfbilling.cli.query import Query
from cfbilling.cli.report.answer import add_up
from cfbilling.cli.report.terminal import cost_tables, exact_totals, show_tables, width_of
from cfbilling.sandbox import Fault, Sandbox

__all__ = ["demo"]

_MONTHS = 13


@click.command(short_help="Show 13 months of costs, from invented accounts.")
@click.option(
    "--live",
    is_flag=True,
    help="Ask the real API, with CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.",
)
def demo(*, live: bool) -> None:
    """Stream 13 months of costs, of contracts and of self-serve accounts, and show them.

    Without --live, a sandbox of invented accounts answers, on this machine:

      cfbilling demo
    """

    async def show() -> int:
        try:
            return await _demo(live=live)
        except BillingError as error:
            print_error(error)
            return SOME_FAILED

    run(show)


def _last_months(today: date) -> DateRange:
    first = today.year * 12 + today.month - 1 - _MONTHS
    return DateRange(date(first // 12, first % 12 + 1, 1), today.replace(day=1))


@asynccontextmanager
async def _sandbox() -> AsyncIterator[tuple[Connection, Accounts]]:
    async with Sandbox(accounts=4, records_per_day=20) as sandbox:
        # As real ones are: some have a contract, the others serve themselves.
        for index, account_id in enumerate(sandbox.account_ids):
            sandbox.set_kind(account_id, "self_serve" if index % 2 else "contract")
        # What a long job meets sooner or later, so that the retries are not only told about.
        sandbox.faults.add(Fault(status=503), Fault(reset_at=5_000), Fault(status=502, html=True))
        accounts = Accounts(sandbox.account_ids, ApiToken(sandbox.api_token), are_many=True)
        yield Connection(sandbox.base_url), accounts


@asynccontextmanager
async def _real_api() -> AsyncIterator[tuple[Connection, Accounts]]:
    account_id = os.environ.get("CLOUDFLARE_ACCOUNT_ID", "").strip()
    if not account_id:
        raise ConfigurationError("--live needs CLOUDFLARE_ACCOUNT_ID, the account to ask about")
    yield Connection(), Accounts([account_id], credentials_from_env())


async def _demo(*, live: bool) -> int:
    console = plain_console()
    days = _last_months(datetime.now(UTC).date())
    async with _real_api() if live else _sandbox() as (connection, accounts):
        where = "the real API" if live else "a sandbox of invented accounts on this machine"
        console.print(f"Costs from {days}, from {where}:")
        async with progress_shown(Verbosity(), len(accounts.ids)) as observer:
            query = Query("costs", accounts, days)
            answer = await add_up(query, connection, observer, ["product", "month", "source"])
    if answer.incomplete:
        return SOME_FAILED
    by_product, by_month, by_source = answer.totals
    progress = observer.progress
    width = width_of(console)
    title = "Cost and usage by product"
    show_tables(console, cost_tables(title, by_product, width=width, shows_trend=True))
    for totals in (by_month, by_source):
        title = f"Cost by {totals.by}"
        show_tables(console, cost_tables(title, totals, width=width, shows_usage=False))
    console.print(
        *exact_totals(by_product),
        f"Fetched {progress.chunks} chunks of {len(accounts.ids)} accounts: "
        f"{progress.records:,} records in {progress.requests} requests "
        f"({progress.retries} retries), in {progress.seconds:.1f} s: "
        f"{progress.rate:,.0f} records/s.",
        sep="\n",
        soft_wrap=True,
    )
    return OK
