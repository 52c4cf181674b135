"""The facts of a report, whatever it is shown on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import attrs

from cfbilling.cli.date_range import DateRange
from cfbilling.cli.query import CostQuestion
from cfbilling.cli.report.answer import Answer
from cfbilling.cli.report.remarks import remarks
from cfbilling.cli.report.rows import Row
from cfbilling.cli.report.totals import Totals
from cfbilling.cli.span import span_of

__all__ = ["Breakdown", "Report", "report_of"]


@attrs.frozen
class Breakdown:
    """What was spent in one currency.

    Attributes:
        currency: The currency; None for records that have neither a cost nor a currency.
        rows: The lines of the breakdown.
        total: The line of all records.
        daily: The cost by series of the chart, and day.
    """

    currency: str | None
    rows: Sequence[Row]
    total: Row
    daily: Mapping[str, Mapping[str, Decimal]]


@attrs.frozen
class Report:
    """The facts that are shown.

    Attributes:
        title: The heading.
        facts: Short phrases beneath it, such as the range of days.
        span: The first and the last day, as far as they are not to come.
        dimension: The heading of the lines' names.
        breakdowns: One for each currency.
        notes: What has to be said beside the numbers.
        is_complete: Whether no account failed.
    """

    title: str
    facts: Sequence[str]
    span: tuple[date, date] | None
    dimension: str
    breakdowns: Sequence[Breakdown]
    notes: Sequence[str]
    is_complete: bool = True


def report_of(
    question: CostQuestion,
    asked: int,
    answer: Answer,
    today: date,
    top: int | None,
) -> Report:
    """Return the report on the answer to a question.

    Args:
        question: The question.
        asked: The number of accounts that were asked about.
        answer: The answer; its first sums are shown.
        today: The present UTC day.
        top: The number of lines of each breakdown; None for all.

    Raises:
        BillingError: If the days are no range.
    """
    totals, ids = answer.totals[0], question.accounts.ids
    scope = _account(ids[0], answer.names) if len(ids) == 1 else f"{asked} accounts"
    facts = [answer.days(question), scope, f"{totals.records:,} records"]
    if totals.unpriced:
        facts.append(f"{totals.unpriced:,} of them without a cost")
    return Report(
        title="Cloudflare cost and usage",
        facts=facts,
        span=_span(question.days, today),
        dimension=totals.by.capitalize(),
        breakdowns=[_breakdown(totals, currency, top) for currency in totals.tables],
        notes=list(remarks(answer)),
        is_complete=not answer.incomplete,
    )


def _account(account_id: str, names: Mapping[str, str]) -> str:
    name = names.get(account_id)
    return f"account {account_id}" if name is None else f"account {name} ({account_id})"


def _span(days: DateRange, today: date) -> tuple[date, date] | None:
    chunk = span_of(days, today)
    last = min(chunk.day_after - timedelta(days=1), today)
    return (chunk.first_day, last) if chunk.first_day <= last else None


def _breakdown(totals: Totals, currency: str | None, top: int | None) -> Breakdown:
    daily = {} if currency is None else totals.daily(currency)
    return Breakdown(currency, totals.rows(currency, top), totals.total(currency), daily)
