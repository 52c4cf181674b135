"""The period before the one that a report is about."""

from __future__ import annotations

from datetime import date, datetime, time

import attrs

from cfbilling import DateChunk
from cfbilling.cli.date_range import DateRange
from cfbilling.cli.errors import CommandError
from cfbilling.cli.query import Query
from cfbilling.cli.stored_costs import StoredCosts

__all__ = ["question_before", "span_before"]

_MONTHS = 12


def span_before(span: DateChunk) -> DateChunk:
    """Return as many months before whole months, and as many days before other days.

    Raises:
        CommandError: If that would begin before the year 1.
    """
    lower, upper = span.lower, span.upper
    try:
        start = lower - (upper - lower)
        if all(moment.day == 1 and moment.time() == time() for moment in (lower, upper)):
            months = 2 * _months(lower) - _months(upper)
            start = start.replace(year=months // _MONTHS, month=months % _MONTHS + 1, day=1)
    except (OverflowError, ValueError):
        raise CommandError("--compare: the period before begins before the year 1") from None
    return DateChunk(_day(start), _day(lower))


def question_before(question: Query | StoredCosts, span: DateChunk) -> Query | StoredCosts:
    """Return the same question about the period before.

    Args:
        question: The question.
        span: Its days as a range.

    Raises:
        CommandError: If that would begin before the year 1.
    """
    before = span_before(span)
    days = DateRange(before.start, before.end)
    if isinstance(question, StoredCosts):
        return attrs.evolve(question, days=days, span=before)
    return attrs.evolve(question, days=days)


def _months(moment: date) -> int:
    return moment.year * _MONTHS + moment.month - 1


def _day(moment: datetime) -> date:
    return moment.date() if moment.time() == time() else moment
