"""How long what was fetched may still change."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cfbilling.errors import ConfigurationError

__all__ = ["RESTATE", "checked_restate"]

RESTATE: Final = timedelta(days=35)
"""How long after its last day a unit may be restated, unless the caller says otherwise."""

_LONGEST = timedelta(days=3660)


def checked_restate(restate: timedelta) -> timedelta:
    """Return the argument *restate*.

    Raises:
        ConfigurationError: If it is none.
    """
    if not isinstance(restate, timedelta) or not timedelta(0) <= restate <= _LONGEST:
        raise ConfigurationError("restate must be a timedelta of 0 to 3,660 days")
    return restate
