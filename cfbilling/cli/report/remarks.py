"""What has to be said beside the numbers, on each output."""

from __future__ import annotations

from collections.abc import Iterator

from cfbilling.cli.plain_text import plain, plain_number
from cfbilling.cli.report.answer import Answer

__all__ = ["remarks"]


def remarks(answer: Answer) -> Iterator[str]:
    """Yield what has to be said of an answer, of whose sums the first are shown."""
    totals = answer.totals[0]
    if not totals.records:
        yield "No records in this period."
    for currency in totals.currencies:
        total = totals.total(currency)
        # Most accounts that serve themselves use less than what is included.
        if total.cost == 0 and total.list_cost:
            cost = f"{plain_number(total.list_cost)} {plain(currency)}"
            yield (
                f"Nothing was billed in {plain(currency)}; "
                f"the list cost of these records is {cost}."
            )
    # Of all accounts that a credential sees, an id may be any text of the service.
    yield from (plain(str(account)) for account in answer.incomplete)
    yield from map(plain, answer.unfinished)
    for account in answer.incomplete_before:
        yield plain(f"In the period before: {account}")
    if not answer.is_comparable:
        yield "Not compared with the period before, since accounts failed."
