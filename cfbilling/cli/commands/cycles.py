"""The command ``cfbilling cycles``: whether version 1 covers accounts, and how it bills them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from cfbilling import BillingClient, DateChunk, Record, split_range
from cfbilling.cli.account_list import AccountList
from cfbilling.cli.cycle_lines import CycleLine, cycle_lines
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    accounts_from,
    connection_options,
    days_from,
    export_from,
    format_options,
    range_options,
    verbosity_options,
)
from cfbilling.cli.process import run

__all__ = ["cycles"]

_DAY = timedelta(days=1)


@click.command(short_help="Billing cycles of self-serve accounts.")
@accounts_argument
@range_options
@format_options()
@connection_options
@verbosity_options
def cycles(account: tuple[str, ...], **given: Any) -> None:
    """Write whether ACCOUNTs are covered by version 1, their subscriptions and billing cycles.

    There is a line for each cycle of a subscription that touches the days; without days, for the
    current one. The lines are made here, so they are the same in every format.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling cycles $CLOUDFLARE_ACCOUNT_ID --last 90d
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    def question() -> AccountList:
        today = datetime.now(UTC).date()
        days = _chunk(days_from(given), today)

        async def ask(client: BillingClient, account_id: str) -> Sequence[Record]:
            found = await client.billing_cycles(account_id)
            return cycle_lines(account_id, found, days, today)

        return AccountList(accounts_from(given, account), CycleLine, ask)

    run(lambda: run_export(export_from(given, question())))


def _chunk(days: DateRange, today: date) -> DateChunk | None:
    if days.start is None:
        return None
    chunks = split_range(days.start, days.end or today + _DAY)
    return DateChunk(chunks[0].start, chunks[-1].end)
