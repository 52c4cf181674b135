"""Where a unit's object is: hive-style partitions, from the unit alone."""

from __future__ import annotations

import re
from datetime import date

import attrs

from cfbilling.errors import ConfigurationError
from cfbilling.jobs import WorkUnit

__all__ = ["Partition", "folder_of", "key_of", "partition_of", "scope_of"]

_MONTHS = 12
_SCOPE = re.compile(r"scope_id=([\w-]+)")
_NAME = "data"
_KEY = re.compile(
    r"endpoint=(?P<endpoint>[\w-]+)/scope_id=(?P<scope_id>[\w-]+)/month=(?P<month>\d{4}-\d\d)/([^/]+)"
)


@attrs.frozen
class Partition:
    """What a key says.

    Attributes:
        endpoint: The endpoint, with the digest of a unit's parameters, if it has any.
        scope_id: The account or organization.
        month: The UTC month, such as ``2025-01``.
    """

    endpoint: str
    scope_id: str
    month: str


def folder_of(unit: WorkUnit) -> str:
    """Return the partition of the endpoint that a unit is under.

    Units with other parameters are other tables, with as many levels.

    Raises:
        ConfigurationError: If it is no unit.
    """
    if not isinstance(unit, WorkUnit):
        raise ConfigurationError("a unit must be a WorkUnit")
    digest = unit.id.removeprefix(f"{unit.endpoint}/{unit.scope_id}/{unit.start}/{unit.end}")
    return f"endpoint={unit.endpoint}{digest}"


def key_of(unit: WorkUnit, suffix: str) -> str:
    """Return a unit's key: ``endpoint=costs/scope_id=.../month=2025-01/data.parquet``.

    Raises:
        ConfigurationError: If it is no unit of one whole UTC month.
    """
    folder = folder_of(unit)
    first, end = unit.start, unit.end
    following = date.max if first.year == date.max.year and first.month == _MONTHS else None
    following = following or date(first.year + first.month // _MONTHS, first.month % 12 + 1, 1)
    if first.day != 1 or end != following:
        raise ConfigurationError("unit must be one whole month (UTC), as plan makes them")
    return f"{folder}/scope_id={unit.scope_id}/month={first:%Y-%m}/{_NAME}{suffix}"


def partition_of(key: str, suffix: str) -> Partition | None:
    """Return what a key says; ``None`` for what is none of ours, or of another format."""
    found = _KEY.fullmatch(key)
    return (
        None if found is None or found[4] != f"{_NAME}{suffix}" else Partition(**found.groupdict())
    )


def scope_of(name: str) -> str | None:
    """Return whose a folder below an endpoint's is; ``None`` for what is none of ours."""
    found = _SCOPE.fullmatch(name)
    return None if found is None else found[1]
