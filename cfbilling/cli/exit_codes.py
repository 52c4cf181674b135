"""The exit codes of the command, and which error ends with which."""

from __future__ import annotations

from collections.abc import Iterable

from cfbilling import (
    ApiError,
    AuthenticationError,
    BillingError,
    ConfigurationError,
    NumberOutOfRange,
    RateLimited,
    ServerError,
    StoreError,
)

__all__ = [
    "AUTHENTICATION",
    "HUNG_UP",
    "INTERRUPTED",
    "NETWORK",
    "OK",
    "OUTPUT",
    "OVER",
    "RATE_LIMITED",
    "REFUSED",
    "SOME_FAILED",
    "TERMINATED",
    "USAGE",
    "exit_code_of",
    "exit_code_of_all",
]

OK = 0
SOME_FAILED = 1
USAGE = 2
AUTHENTICATION = 3
REFUSED = 4
RATE_LIMITED = 5
NETWORK = 6
OUTPUT = 7
OVER = 8
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143

_CODES: tuple[tuple[type[BillingError], int], ...] = (
    (ConfigurationError, USAGE),
    (AuthenticationError, AUTHENTICATION),
    (RateLimited, RATE_LIMITED),
    (ServerError, NETWORK),
    (ApiError, REFUSED),
    (StoreError, OUTPUT),
    (NumberOutOfRange, OUTPUT),
)


def exit_code_of(error: BillingError) -> int:
    """Return the exit code for an error; an answer that is of no use counts as the network's."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), NETWORK)


def exit_code_of_all(asked: int, errors: Iterable[BillingError]) -> int:
    """Return the exit code when some of the *asked* accounts failed with these errors.

    When every account failed for one reason, that reason says more than "some failed".
    """
    codes = [exit_code_of(error) for error in errors]
    if not codes:
        return OK
    return codes[0] if len(codes) >= asked and len(set(codes)) == 1 else SOME_FAILED
