"""What it cost: in the terminal, on a page and as a picture, all from the same sums."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal

import attrs
from rich.console import Console
from rich.table import Table

from cfbilling import AccountFailure, UsageRecord
from cfbilling.cli.connection import Connection
from cfbilling.cli.exit_codes import CommandError, code_of_all, complain
from cfbilling.cli.export import Question, batches_of
from cfbilling.cli.output import write_whole
from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.progress_bar import Talk, watching
from cfbilling.cli.report.amounts import money, quantities, share
from cfbilling.cli.report.totals import Dimension, Row, Totals

__all__ = ["Reporting", "run_report"]

_BAR_WIDTH = 20


@attrs.frozen
class Reporting:
    """What to report, and where.

    Attributes:
        question: What to ask.
        connection: Whom.
        by: What each line is about.
        top: How many lines.
        html: Where the page goes, if anywhere.
        svg: Where the picture goes, if anywhere.
        talk: How much to say meanwhile.
    """

    question: Question
    connection: Connection
    by: Dimension
    top: int
    html: str | None
    svg: str | None
    talk: Talk


async def run_report(reporting: Reporting) -> int:
    """Add up, show and write, and return the exit code.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If the extra is not installed, or amounts cannot be added.
        OSError: If a file cannot be written.
    """
    if reporting.html or reporting.svg:
        _need_charts()
    totals, failures = await _added_up(reporting)
    asked = len(reporting.question.accounts.ids)
    code = code_of_all(asked, [failure.error for failure in failures])
    if len(failures) < asked:
        rows = totals.rows(reporting.top)
        _show(reporting, totals, rows)
        await _write(reporting, totals, rows, failures)
    return code


async def _added_up(reporting: Reporting) -> tuple[Totals, list[AccountFailure]]:
    totals, failures = Totals(reporting.by), list[AccountFailure]()
    accounts = reporting.question.accounts
    async with (
        watching(reporting.talk, len(accounts.ids)) as watch,
        reporting.connection.client(accounts.credentials, watch) as client,
    ):
        async for batch in batches_of(client, reporting.question):
            if isinstance(batch, AccountFailure):
                failures.append(batch)
                complain(f"{batch.account_id} failed: {batch.error}")
                continue
            account_id, records = batch
            for record in records:
                if isinstance(record, UsageRecord):
                    totals.add(account_id, record)
    return totals, failures


def _need_charts() -> None:
    try:
        import cfbilling.cli.report.chart  # noqa: F401, PLC0415 - needs the extra
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pygal":
            raise
        raise CommandError("Charts need an extra: pip install 'cfbilling[report]'") from error


def _show(reporting: Reporting, totals: Totals, rows: Sequence[Row]) -> None:
    currencies = totals.currencies
    table = Table(title=f"Cost by {reporting.by}, {reporting.question.span}", title_justify="left")
    table.add_column(reporting.by.capitalize())
    for currency in currencies:
        table.add_column(plain(currency), justify="right", no_wrap=True)
        table.add_column("", width=_BAR_WIDTH, no_wrap=True)
    table.add_column("Used")
    table.add_column("Records", justify="right")
    for row in rows:
        table.add_row(*_cells(row, rows, currencies))
    table.add_section()
    table.add_row(*_cells(totals.total, (), currencies))
    console = Console(highlight=False, markup=False)
    console.print(table)
    for currency in currencies:
        console.print(f"Total, exactly: {plain_number(totals.total.costs[currency])} {currency}")
    if totals.unpriced:
        console.print(f"{totals.unpriced:,} records have no cost.")
    sys.stdout.flush()


def _cells(row: Row, rows: Sequence[Row], currencies: Sequence[str]) -> list[str]:
    cells = [plain(row.name)]
    for currency in currencies:
        cost = row.costs.get(currency)
        top = max((other.costs.get(currency, Decimal(0)) for other in rows), default=Decimal(0))
        length = 0 if cost is None else round(share(cost, top) * _BAR_WIDTH)
        cells += ["" if cost is None else money(cost), "█" * length]
    return [*cells, plain(quantities(row.used)), f"{row.records:,}"]


async def _write(
    reporting: Reporting,
    totals: Totals,
    rows: Sequence[Row],
    failures: Sequence[AccountFailure],
) -> None:
    if not (reporting.html or reporting.svg):
        return
    from cfbilling.cli.report.chart import chart_of  # noqa: PLC0415 - needs the extra
    from cfbilling.cli.report.page import Report, page  # noqa: PLC0415 - likewise
    from cfbilling.cli.report.picture import picture  # noqa: PLC0415 - likewise

    charts = [chart_of(currency, totals.daily[currency]) for currency in sorted(totals.daily)]
    if reporting.html:
        accounts = reporting.question.accounts.ids
        whose = f"account {accounts[0]}" if len(accounts) == 1 else f"{len(accounts)} accounts"
        notes = [f"Incomplete: account {failure.account_id} failed." for failure in failures]
        facts = [str(reporting.question.span), whose, f"{totals.total.records:,} records"]
        if totals.unpriced:
            facts.append(f"{totals.unpriced:,} of them without a cost")
        shown = Report(
            "Cloudflare cost and usage",
            facts,
            reporting.by.capitalize(),
            totals.currencies,
            rows,
            totals.total,
            notes,
        )
        await write_whole(reporting.html, page(shown, charts))
    if reporting.svg:
        await write_whole(reporting.svg, picture(charts))
