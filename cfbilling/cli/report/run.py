"""A run of the report: ask, add up, show."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date

import attrs

from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import SOME_FAILED, exit_code_of_all
from cfbilling.cli.plain_text import plain_console
from cfbilling.cli.progress_bar import Verbosity, progress_shown
from cfbilling.cli.query import Query
from cfbilling.cli.report.answer import Answer, add_up
from cfbilling.cli.report.comparison import question_before
from cfbilling.cli.report.data import cell, safe_cell, write_data
from cfbilling.cli.report.dimensions import Dimension
from cfbilling.cli.report.facts import report_of
from cfbilling.cli.report.remarks import remarks
from cfbilling.cli.report.terminal import cost_tables, exact_totals, show_tables, width_of
from cfbilling.cli.span import span_of
from cfbilling.cli.stored_costs import StoredCosts

__all__ = ["ReportJob", "require_charts", "run_report"]

_TOP = 20


@attrs.frozen(kw_only=True)
class ReportJob:
    """What to report on, and how.

    Attributes:
        question: The question, for costs or for an organization's usage.
        connection: The way to the service.
        verbosity: How much to say meanwhile.
        today: The present UTC day.
        by: What the lines are about.
        metric: The only billable metric to add up.
        top: The number of lines; None for all as data, else for the first ones.
        compare: Whether to ask for the period before.
        partial: Whether what arrived of accounts that failed counts.
        shape: The format of standard output, or of *output*.
        spreadsheet_safe: Whether CSV text that a spreadsheet would run gets an apostrophe.
        output: The file for data; None or ``-`` for standard output.
        html: The file for a page, if there is to be one.
        svg: The file for a picture, if there is to be one.
    """

    question: Query | StoredCosts
    connection: Connection
    verbosity: Verbosity
    today: date
    by: Dimension
    metric: str | None
    top: int | None
    compare: bool
    partial: bool
    shape: str
    spreadsheet_safe: bool
    output: str | None
    html: str | None
    svg: str | None


async def run_report(job: ReportJob) -> int:
    """Run a report, and return the exit code.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If options are wrong together, amounts cannot be added exactly, or a file
            cannot be opened.
        OSError: If a file cannot be written.
    """
    question = job.question
    span = span_of(question.days, job.today)
    before = question_before(question, span) if job.compare else None
    answer, ended = await _answer(job, question)
    asked = question.accounts.asked(ended)
    if answer.is_empty(asked):
        return exit_code_of_all(asked, answer.errors)
    days: dict[str, str | None] = {"From": str(span.start), "To": str(span.end)}
    if before is not None:
        answer = await _compared(job, before, answer, asked)
    if answer.days_before is not None:
        start, end = answer.days_before.start, answer.days_before.end
        days |= {"FromBefore": str(start), "ToBefore": str(end)}
    await _show(job, answer, asked, days)
    if answer.incomplete_before and not answer.incomplete:
        return SOME_FAILED
    return exit_code_of_all(asked, answer.errors)


async def _answer(job: ReportJob, question: Query | StoredCosts) -> tuple[Answer, int]:
    """Return the answer to a question, and how many of several accounts came to their end."""
    async with progress_shown(job.verbosity, question.accounts.count) as bar:
        answer = await add_up(
            question, job.connection, bar, [job.by], job.metric, counts_partial=job.partial
        )
        return answer, bar.accounts_ended


async def _compared(
    job: ReportJob, before: Query | StoredCosts, answer: Answer, asked: int
) -> Answer:
    """Return an answer with what there was before, if the same accounts are in both."""
    if answer.incomplete and not job.partial:
        return attrs.evolve(answer, is_comparable=False)
    found, _ = await _answer(job, before)
    if found.is_empty(asked) or (found.incomplete and not job.partial):
        return attrs.evolve(answer, incomplete_before=found.incomplete, is_comparable=False)
    return answer.compared(found, before.days)


async def _show(job: ReportJob, answer: Answer, asked: int, days: Mapping[str, str | None]) -> None:
    top = job.top or _TOP
    if job.shape == "table":
        _print(f"Cost by {job.by}, {answer.days(job.question)}", answer, top)
    else:
        cells = safe_cell if job.spreadsheet_safe else cell
        await write_data(job.shape, job.output, answer, days, job.top, cells=cells)
    if job.html or job.svg:
        from cfbilling.cli.report.files import write_files  # noqa: PLC0415 - needs the extra

        facts = report_of(job.question, asked, answer, job.today, top)
        await write_files(job.html, job.svg, facts)


def _print(title: str, answer: Answer, top: int) -> None:
    console, totals = plain_console(), answer.totals[0]
    if not totals.records:
        console.print(title, soft_wrap=True)
    show_tables(console, cost_tables(title, totals, width=width_of(console), top=top))
    for line in (*exact_totals(totals), *remarks(answer)):
        console.print(line, soft_wrap=True)
    sys.stdout.flush()


def require_charts() -> None:
    """Make sure that charts can be drawn, before anything is asked.

    Raises:
        CommandError: If the extra is missing.
    """
    try:
        import cfbilling.cli.report.files  # noqa: F401, PLC0415 - needs the extra
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "pygal":
            raise
        raise CommandError("Charts need an extra: pip install 'cfbilling[report]'") from error
