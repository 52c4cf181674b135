"""What a report is broken down by: which line a record belongs to, and what that line is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from cfbilling import FocusRecord
from cfbilling.cycles import utc_day

__all__ = [
    "DIMENSIONS",
    "Dimension",
    "Place",
    "metric_of",
    "own_name",
    "place_of",
    "product_of",
    "shown_names",
    "start_of",
]

Dimension = Literal["product", "metric", "zone", "account", "source", "day", "month"]
DIMENSIONS: tuple[str, ...] = get_args(Dimension)

_NO_DATE = "(no date)"
_DAY, _MONTH = len("2025-01-31"), len("2025-01")
_SOURCES: Mapping[str | None, str] = {"v1": "Version 1, self-serve", "v2": "Version 2, contract"}


Place = tuple[str, str | None]
"""What tells a line from others, and what people call it if that is known, several maybe alike."""


def metric_of(record: FocusRecord) -> str | None:
    """Return the name of what was used; in version 1, that is the service's."""
    return record.x_billable_metric_name or record.x_billable_metric_id or record.service_name


def own_name(account_id: str, record: FocusRecord) -> str | None:
    """Return what an account is called, if a record of it says."""
    # What another account is called, such as one that pays for this, is not its name.
    is_own = record.billing_account_id in (None, account_id)
    return record.billing_account_name if is_own else None


def product_of(record: FocusRecord) -> str:
    """Return the name of the product, or of what is known that belongs to it."""
    # What is a family in one version is the family of a service in the other.
    return (
        record.x_product_family_name
        or record.x_service_family_name
        or record.service_name
        or metric_of(record)
        or "(no product)"
    )


def start_of(record: FocusRecord, length: int = _DAY) -> str:
    """Return the day of a charge in UTC, or so many characters of it."""
    start = record.charge_period_start
    return _NO_DATE if start is None else utc_day(start).isoformat()[:length]


_NAMES: Mapping[str, Callable[[FocusRecord], str]] = {
    "product": product_of,
    "metric": lambda r: metric_of(r) or "(no metric)",
    "source": lambda r: _SOURCES.get(r.x_source, "(no source)"),
    "day": start_of,
    "month": lambda r: start_of(r, _MONTH),
}


def place_of(by: Dimension, account_id: str | None, record: FocusRecord) -> Place:
    """Return the line of a record.

    Args:
        by: What the lines are about.
        account_id: The account that was asked about; None if it was an organization.
        record: The record; not every revision says whose it is.
    """
    if by == "account":
        own_id = account_id or record.billing_account_id
        # Of an organization, what is measured for a whole contract is of no account.
        return (own_id, own_name(own_id, record)) if own_id else ("(no account)", None)
    if by == "zone":
        name = record.x_zone_name
        return record.x_zone_id or name or "(no zone)", name
    name = _NAMES[by](record)
    return name, name


def shown_names(by: Dimension, names: Mapping[str, str | None]) -> dict[str, str]:
    """Return what each line is called, of which no two are the same.

    Args:
        by: What the lines are about.
        names: What records call each line, by its key.
    """
    called = Counter(names.values())

    def shown(key: str, name: str | None) -> str:
        if name is None or name == key:
            return key
        return f"{name} ({key})" if by == "account" or called[name] > 1 else name

    return {key: shown(key, name) for key, name in names.items()}
