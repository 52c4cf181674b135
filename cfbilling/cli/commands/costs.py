"""The command ``cfbilling costs``: what the usage of accounts cost, in the columns of FOCUS."""

from __future__ import annotations

from typing import Any

import attrs
import click

from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    connection_options,
    export_from,
    format_options,
    query_from,
    range_options,
    source_option,
    verbosity_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.query import Question, Source
from cfbilling.cli.stored_options import stored_costs_from, stored_options

__all__ = ["costs"]


@click.command(short_help="What usage cost, of any account, as FOCUS rows.")
@accounts_argument
@range_options
@source_option
@stored_options
@format_options()
@connection_options
@verbosity_options
def costs(account: tuple[str, ...], *, source: Source, **given: Any) -> None:
    """Write what the usage of ACCOUNTs cost: FOCUS rows, whichever version lets an account in.

    Without days, the current month (UTC) through today. The column x_Source says which version a
    row comes from. CSV and Parquet are FOCUS 1.2 and 1.3 datasets.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling costs $CLOUDFLARE_ACCOUNT_ID --month 2025-01 -o january.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def write() -> int:
        question: Question
        if given["from_sync"] is not None:
            question = await stored_costs_from(given, account, source)
        else:
            question = attrs.evolve(query_from(given, "costs", account), source=source)
        return await run_export(export_from(given, question))

    run(write)
