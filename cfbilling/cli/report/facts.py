"""The facts of a report, for the page."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cfbilling import AccountFailure
from cfbilling.cli.query import CostQuestion
from cfbilling.cli.report.totals import Row, Totals

__all__ = ["Report", "report_of"]


@attrs.frozen
class Report:
    """The facts that the page shows.

    Attributes:
        title: The heading.
        facts: Short phrases beneath it, such as the range of days.
        dimension: The heading of the lines' names.
        currencies: Every currency that occurs.
        rows: The lines of the breakdown.
        total: The line of all records.
        notes: Warnings to the reader, such as accounts that failed.
    """

    title: str
    facts: Sequence[str]
    dimension: str
    currencies: Sequence[str]
    rows: Sequence[Row]
    total: Row
    notes: Sequence[str]


def report_of(
    question: CostQuestion,
    asked: int,
    totals: Totals,
    rows: Sequence[Row],
    failures: Sequence[AccountFailure],
) -> Report:
    """Return the report on the answer to a question about so many accounts."""
    ids, total = question.accounts.ids, totals.total
    scope = f"account {ids[0]}" if len(ids) == 1 else f"{asked} accounts"
    facts = [str(question.days), scope, f"{total.records:,} records"]
    if totals.unpriced:
        facts.append(f"{totals.unpriced:,} of them without a cost")
    return Report(
        title="Cloudflare cost and usage",
        facts=facts,
        dimension=totals.by.capitalize(),
        currencies=totals.currencies,
        rows=rows,
        total=total,
        notes=[f"Incomplete: account {failure.account_id} failed." for failure in failures],
    )
