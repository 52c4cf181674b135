"""The command ``cfbilling report``: what it cost, in the terminal, on a page and as a picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import SOME_FAILED, exit_code_of_all
from cfbilling.cli.options import (
    accounts_argument,
    connection_from,
    connection_options,
    query_from,
    range_options,
    verbosity_from,
    verbosity_options,
)
from cfbilling.cli.output import require_writable
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.process import run
from cfbilling.cli.progress_bar import progress_shown
from cfbilling.cli.query import Query
from cfbilling.cli.report.answer import Answer, add_up
from cfbilling.cli.report.comparison import question_before
from cfbilling.cli.report.dimensions import DIMENSIONS, Dimension
from cfbilling.cli.report.facts import report_of
from cfbilling.cli.report.remarks import remarks
from cfbilling.cli.report.terminal import cost_tables, exact_totals, show_tables, width_of
from cfbilling.cli.span import span_of
from cfbilling.cli.stored_costs import StoredCosts
from cfbilling.cli.stored_options import stored_costs_from, stored_options

__all__ = ["report"]


@click.command(short_help="Add costs up: in the terminal, as a page, as a picture.")
@accounts_argument
@range_options
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
    default=20,
    show_default=True,
    metavar="N",
    help="Lines to show; the others are one line together.",
)
@click.option(
    "--compare",
    is_flag=True,
    help="Ask for the period before too: as many months before whole months, else as many days.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Count what arrived of accounts that failed, and mark it; else they are left out.",
)
@click.option("--html", metavar="FILE", help="Write a page that needs no network to be viewed.")
@click.option("--svg", metavar="FILE", help="Write the daily chart alone.")
@stored_options
@connection_options
@verbosity_options
def report(
    account: tuple[str, ...],
    *,
    metric: str | None,
    by: Dimension,
    top: int,
    compare: bool,
    partial: bool,
    html: str | None,
    svg: str | None,
    **given: Any,
) -> None:
    """Add up the billed cost and the usage of ACCOUNTs: exactly, for each currency and unit.

    The costs are those of 'cfbilling costs', of self-serve accounts as of contracts.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling report $CLOUDFLARE_ACCOUNT_ID --last 90d --html report.html
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def add_up_and_show() -> int:
        connection, verbosity = connection_from(given), verbosity_from(given)
        if html or svg:
            # Before anything is asked.
            _require_charts()
            for path in filter(None, (html, svg)):
                require_writable(path)
        today = datetime.now(UTC).date()
        question = await _question(given, account)
        accounts, span = question.accounts, span_of(question.days, today)
        before = question_before(question, span) if compare else None
        async with progress_shown(verbosity, accounts.count) as bar:
            answer = await add_up(question, connection, bar, [by], metric, counts_partial=partial)
            asked = accounts.asked(bar.accounts_ended)
        if not answer.is_empty(asked):
            if before is not None:
                async with progress_shown(verbosity, accounts.count) as bar:
                    found = await add_up(
                        before, connection, bar, [by], metric, counts_partial=partial
                    )
                answer = answer.compared(found, before.days)
            _show(f"Cost by {by}, {answer.days(question)}", answer, top)
            if html or svg:
                from cfbilling.cli.report.files import write_files  # noqa: PLC0415 - needs the extra

                facts = report_of(question, asked, answer, today, top)
                await write_files(html, svg, facts)
        if answer.incomplete_before and not answer.incomplete:
            return SOME_FAILED
        return exit_code_of_all(asked, answer.errors)

    run(add_up_and_show)


async def _question(given: dict[str, Any], ids: Sequence[str]) -> Query | StoredCosts:
    if given["from_sync"] is not None:
        return await stored_costs_from(given, ids)
    return query_from(given, "costs", ids)


def _require_charts() -> None:
    try:
        import cfbilling.cli.report.files  # noqa: F401, PLC0415 - needs the extra
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pygal":
            raise
        raise CommandError("Charts need an extra: pip install 'cfbilling[report]'") from error


def _show(title: str, answer: Answer, top: int) -> None:
    console, totals = plain_console(), answer.totals[0]
    if not totals.records:
        console.print(title, soft_wrap=True)
    show_tables(console, cost_tables(title, totals, width=width_of(console), top=top))
    for line in (*exact_totals(totals), *remarks(answer)):
        console.print(line, soft_wrap=True)
    sys.stdout.flush()
