"""The facts of a report, whatever it is shown on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import attrs

from cfbilling.cli.query import CostQuestion
from cfbilling.cli.report.answer import Incomplete
from cfbilling.cli.report.remarks import remarks
from cfbilling.cli.report.rows import Row
from cfbilling.cli.report.totals import Totals

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
        dimension: The heading of the lines' names.
        breakdowns: One for each currency.
        notes: What has to be said beside the numbers.
        is_complete: Whether no account failed.
    """

    title: str
    facts: Sequence[str]
    dimension: str
    breakdowns: Sequence[Breakdown]
    notes: Sequence[str]
    is_complete: bool = True


def report_of(
    question: CostQuestion,
    asked: int,
    totals: Totals,
    top: int | None,
    incomplete: Sequence[Incomplete],
) -> Report:
    """Return the report on the answer to a question about so many accounts."""
    ids = question.accounts.ids
    scope = f"account {ids[0]}" if len(ids) == 1 else f"{asked} accounts"
    facts = [str(question.days), scope, f"{totals.records:,} records"]
    if totals.unpriced:
        facts.append(f"{totals.unpriced:,} of them without a cost")
    return Report(
        title="Cloudflare cost and usage",
        facts=facts,
        dimension=totals.by.capitalize(),
        breakdowns=[_breakdown(totals, currency, top) for currency in totals.tables],
        notes=list(remarks(totals, incomplete)),
        is_complete=not incomplete,
    )


def _breakdown(totals: Totals, currency: str | None, top: int | None) -> Breakdown:
    daily = {} if currency is None else totals.daily(currency)
    return Breakdown(currency, totals.rows(currency, top), totals.total(currency), daily)
