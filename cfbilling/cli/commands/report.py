"""The command ``cfbilling report``: what it cost, in the terminal, on a page and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from cfbilling.cli.completion import files
from cfbilling.cli.errors import CommandError
from cfbilling.cli.options import (
    accounts_argument,
    connection_from,
    connection_options,
    query_from,
    range_options,
    spreadsheet_option,
    verbosity_from,
    verbosity_options,
)
from cfbilling.cli.output import require_writable
from cfbilling.cli.process import run
from cfbilling.cli.query import Query
from cfbilling.cli.report.data import SHAPES, shape_of
from cfbilling.cli.report.dimensions import DIMENSIONS
from cfbilling.cli.report.run import ReportJob, require_charts, run_report
from cfbilling.cli.stored_costs import StoredCosts
from cfbilling.cli.stored_options import stored_costs_from, stored_options

__all__ = ["report"]


@click.command(short_help="Add costs up: in the terminal, as a page, as a picture, as data.")
@accounts_argument
@click.option(
    "--organization",
    metavar="ID",
    help="In place of ACCOUNTs: the usage of all accounts of an organization; of its costs, what "
    "the service tells.",
)
@range_options
@click.option(
    "--compare",
    is_flag=True,
    help="Ask for the period before too: as many months before whole months, else as many days.",
)
@click.option(
    "--metric",
    metavar="M",
    help="Only this billable metric, by id or name; of self-serve accounts, this service.",
)
@click.option(
    "--by", type=click.Choice(DIMENSIONS), default="product", show_default=True, help="What to sum."
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Lines to show, in each currency; the others are one line together. By default 20, and "
    "as data all.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Count what arrived of accounts that failed, and mark it; else they are left out.",
)
@click.option(
    "-f",
    "--format",
    "shape",
    type=click.Choice(SHAPES),
    help="The lines as data, on standard output. By default what FILE's name says, or a table.",
)
@click.option(
    "-o", "--output", metavar="FILE", shell_complete=files, help="Write the data to FILE."
)
@spreadsheet_option
@click.option(
    "--html",
    metavar="FILE",
    shell_complete=files,
    help="Write a page that needs no network to be viewed.",
)
@click.option("--svg", metavar="FILE", shell_complete=files, help="Write the chart alone.")
@stored_options
@connection_options
@verbosity_options
def report(account: tuple[str, ...], **given: Any) -> None:
    """Add up the billed cost and the usage of ACCOUNTs: exactly, for each currency and unit.

    The costs are those of 'cfbilling costs', of self-serve accounts as of contracts.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling report $CLOUDFLARE_ACCOUNT_ID --last 90d --html report.html
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def add_up_and_show() -> int:
        connection, verbosity = connection_from(given), verbosity_from(given)
        # What cannot be written is told before anything is asked.
        shape = shape_of(given["shape"], given["output"])
        if given["html"] or given["svg"]:
            require_charts()
        for path in filter(None, (given["output"], given["html"], given["svg"])):
            require_writable(path)
        same = (
            "by",
            "metric",
            "top",
            "compare",
            "partial",
            "spreadsheet_safe",
            "output",
            "html",
            "svg",
        )
        job = ReportJob(
            question=await _question(given, account),
            connection=connection,
            verbosity=verbosity,
            today=datetime.now(UTC).date(),
            shape=shape,
            **{name: given[name] for name in same},
        )
        return await run_report(job)

    run(add_up_and_show)


async def _question(given: dict[str, Any], ids: Sequence[str]) -> Query | StoredCosts:
    if given["organization"] is not None:
        others = given["all_accounts"], given["accounts_file"], given["from_sync"]
        if ids or any(others):
            raise CommandError("--organization goes with neither accounts nor --from-sync")
        return query_from({**given, "metric": None}, "organization_usage", [given["organization"]])
    if given["from_sync"] is not None:
        return await stored_costs_from(given, ids)
    return query_from({**given, "metric": None}, "costs", ids)
