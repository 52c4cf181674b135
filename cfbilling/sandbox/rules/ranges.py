"""Which days a query asks for, and whether the vendor would let it."""

import re
from collections.abc import Mapping
from datetime import date

from attrs import frozen

from cfbilling.sandbox.data.days import ONE_DAY, month_start

__all__ = ["DayRange", "InvalidQueryError", "RangeRules", "given_dates", "metric_of"]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_METRIC_LENGTH = 128


class InvalidQueryError(ValueError):
    """A query that the vendor answers with status 400 and code 1183."""


@frozen
class DayRange:
    """Half-open days ``[start, end)``."""

    start: date
    end: date


@frozen
class RangeRules:
    """How the server reads ``from`` and ``to``.

    Attributes:
        max_days: The longest range of the usage endpoints.
        to_inclusive: Whether the day of ``to`` belongs to the answer.
        counts_inclusively: Whether both ends count towards the longest range.
    """

    max_days: int
    to_inclusive: bool
    counts_inclusively: bool

    def days_of(self, query: Mapping[str, str], today: date, *, limited: bool) -> DayRange:
        """Return the days that *query* asks for.

        Args:
            query: The parameters of the request.
            today: The last day of a query without dates.
            limited: Whether the longest range applies.

        Raises:
            InvalidQueryError: The vendor would refuse the query.
        """
        dates = given_dates(query)
        if dates is None:
            return DayRange(month_start(today), today + ONE_DAY)
        start, last = dates
        length = (last - start).days + (1 if self.counts_inclusively else 0)
        if limited and length > self.max_days:
            raise InvalidQueryError(f"the date range must not exceed {self.max_days} days")
        if self.to_inclusive and last < date.max:
            last += ONE_DAY
        return DayRange(start, last)


def given_dates(query: Mapping[str, str]) -> tuple[date, date] | None:
    """Return ``from`` and ``to`` of *query*, or None if it has neither.

    Raises:
        InvalidQueryError: One is missing, is no date, or they are the wrong way round.
    """
    if ("from" in query) != ("to" in query):
        raise InvalidQueryError("from and to must be given together")
    if "from" not in query:
        return None
    start, last = _day(query["from"]), _day(query["to"])
    if last < start:
        raise InvalidQueryError("to must not be before from")
    return start, last


def metric_of(query: Mapping[str, str]) -> str | None:
    """Return the metric that *query* filters by.

    Raises:
        InvalidQueryError: The filter is too long.
    """
    metric = query.get("metric") or None
    if metric is not None and len(metric) > _METRIC_LENGTH:
        raise InvalidQueryError(f"metric must not be longer than {_METRIC_LENGTH} characters")
    return metric


def _day(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidQueryError(f"not a day of the calendar: {text}") from error
    raise InvalidQueryError(f"not a date of the form YYYY-MM-DD: {text}")
