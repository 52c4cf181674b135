"""Months as they are typed and told: pure arithmetic, in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import attrs

from cfbilling.cli.errors import CommandError

__all__ = ["MonthRange", "month_range_of", "months_told"]

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_MONTHS = 12
_BEFORE = 12
"""How many months before the current one are kept, unless the caller says otherwise."""


@attrs.frozen
class MonthRange:
    """Whole months.

    Attributes:
        start: The first day of the first month.
        end: The first day of the first month outside.
    """

    start: date
    end: date

    def __len__(self) -> int:
        return _number(self.end) - _number(self.start)


def month_range_of(start: str | None, end: str | None, today: date) -> MonthRange:
    """Return the months that the options name.

    Args:
        start: ``--from``, such as ``2025-01``; by default 12 months before the current one.
        end: ``--to``, the first month outside; by default the one after the current.
        today: The current day in UTC.

    Raises:
        CommandError: If one of them is no month, or there is no month between them.
    """
    current = _number(today)
    first = max(current - _BEFORE, _MONTHS) if start is None else _parsed("--from", start)
    after = current + 1 if end is None else _parsed("--to", end)
    if first >= after:
        until = "the current month ends" if end is None else f"--to {end.strip()}"
        begin = _text(first) if start is None else f"--from {start.strip()}"
        raise CommandError(f"there is no month from {begin} until {until}")
    return MonthRange(_day(first), _day(after))


def months_told(months: Iterable[str]) -> str:
    """Return months such as ``2025-01`` for people: ``2025-01 to 2025-03, 2025-06``."""
    runs: list[tuple[int, int]] = []
    for number in sorted({_number(date.fromisoformat(f"{month}-01")) for month in months}):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return ", ".join(
        _text(first) if first == last else f"{_text(first)} to {_text(last)}"
        for first, last in runs
    )


def _parsed(option: str, text: str) -> int:
    found = _MONTH.fullmatch(text.strip())
    try:
        return _number(date(int(found[1]), int(found[2]), 1)) if found else _no_month(option, text)
    except ValueError:
        return _no_month(option, text)


def _no_month(option: str, text: str) -> int:
    raise CommandError(f"{option} must be a month like 2025-01, not {text!r}")


def _number(day: date) -> int:
    return day.year * _MONTHS + day.month - 1


def _day(number: int) -> date:
    year, month = divmod(number, _MONTHS)
    return date.max if year > date.max.year else date(year, month + 1, 1)


def _text(number: int) -> str:
    year, month = divmod(number, _MONTHS)
    return f"{year:04}-{month + 1:02}"
