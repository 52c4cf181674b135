"""The range of days that options name: pure arithmetic on what was typed, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import attrs

from cfbilling import ConfigurationError, split_range
from cfbilling.cli.errors import CommandError

__all__ = ["DateRange", "date_range_of"]

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_LAST = re.compile(r"([1-9]\d{0,5})([dw])", re.ASCII)
_DAYS = {"d": 1, "w": 7}
_DECEMBER = 12
_LENGTH_OF_A_DAY = len("2025-01-31")


@attrs.frozen
class DateRange:
    """A half-open range of days, as the client takes it.

    Attributes:
        start: The first day inside; None leaves the range to the service.
        end: The first day outside; None for the end of today.
    """

    start: date | str | None = None
    end: date | str | None = None

    def __str__(self) -> str:
        if self.start is None:
            return "the current period"
        return f"{self.start} to {self.end or 'today'}" + (" (exclusive)" if self.end else "")


def date_range_of(
    start: str | None, end: str | None, month: str | None, last: str | None, today: date
) -> DateRange:
    """Return the range that the options name.

    Args:
        start: ``--from``: the first day inside.
        end: ``--to``: the first day outside.
        month: ``--month``: such as ``2025-01``.
        last: ``--last``: such as ``90d`` or ``12w``; today is the last of these days.
        today: The current day in UTC.

    Raises:
        CommandError: If options exclude each other, or do not make a range; it names the option.
    """
    ways = [name for name, given in _ways(start, end, month, last) if given]
    if len(ways) > 1:
        raise CommandError(f"give one of {' and '.join(ways)}, not both")
    if end is not None and start is None:
        raise CommandError("--to needs --from")
    if month is not None:
        return _month(month)
    if last is not None:
        return _last(last, today)
    if start is not None:
        _check(start, end, today)
    return DateRange(start, end)


def _check(start: str, end: str | None, today: date) -> None:
    first = _moment("--from", start)
    after = _through(first, today) if end is None else _moment("--to", end)
    if isinstance(first, datetime) != isinstance(after, datetime):
        raise CommandError("--from and --to must both be days or both be times")
    if first >= after:
        until = "through today" if end is None else f"until --to {end.strip()}"
        raise CommandError(f"there is no day from --from {start.strip()} {until}")
    try:
        split_range(first, after)
    except ConfigurationError:
        # A time whose offset leads out of the calendar.
        raise CommandError("--from or --to is outside the years 1 to 9999 in UTC") from None


def _through(first: date, today: date) -> date:
    """Return the end of today, as a time if the range begins with one."""
    end = today + timedelta(days=1)
    if isinstance(first, datetime):
        return datetime(end.year, end.month, end.day, tzinfo=UTC)
    return end


def _moment(option: str, text: str) -> date:
    given = text.strip()
    parse = date.fromisoformat if len(given) <= _LENGTH_OF_A_DAY else datetime.fromisoformat
    try:
        moment = parse(given)
    except ValueError:
        raise CommandError(f"{option} must be a day like 2025-01-31, not {text!r}") from None
    if isinstance(moment, datetime) and moment.utcoffset() is None:
        raise CommandError(f"{option} {given} lacks a time zone, such as Z for UTC")
    return moment


def _ways(
    start: str | None, end: str | None, month: str | None, last: str | None
) -> list[tuple[str, bool]]:
    dated = start is not None or end is not None
    return [("--from/--to", dated), ("--month", month is not None), ("--last", last is not None)]


def _month(text: str) -> DateRange:
    found = _MONTH.fullmatch(text.strip())
    try:
        first = date(int(found[1]), int(found[2]), 1) if found else None
        if first is None:
            raise ValueError
        years, months = divmod(first.month, _DECEMBER)
        return DateRange(first, date(first.year + years, months + 1, 1))
    except ValueError:
        raise CommandError(f"--month must be like 2025-01, not {text!r}") from None


def _last(text: str, today: date) -> DateRange:
    found = _LAST.fullmatch(text.strip())
    if not found:
        raise CommandError(f"--last must be like 90d or 12w, not {text!r}")
    tomorrow = today + timedelta(days=1)
    try:
        return DateRange(tomorrow - timedelta(days=int(found[1]) * _DAYS[found[2]]), tomorrow)
    except OverflowError:
        raise CommandError(f"--last {text} begins before the year 1") from None
