"""How the command ends: exit codes, and the one line that says why."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from cfbilling import (
    ApiError,
    AuthenticationError,
    BillingError,
    ConfigurationError,
    RateLimited,
    ServerError,
)
from cfbilling.cli.plain_text import plain

__all__ = [
    "AUTHENTICATION",
    "INTERRUPTED",
    "NETWORK",
    "OK",
    "OUTPUT",
    "RATE_LIMITED",
    "REFUSED",
    "SOME_FAILED",
    "TERMINATED",
    "USAGE",
    "CommandError",
    "code_of",
    "code_of_all",
    "complain",
]

OK = 0
SOME_FAILED = 1
USAGE = 2
AUTHENTICATION = 3
REFUSED = 4
RATE_LIMITED = 5
NETWORK = 6
OUTPUT = 7
INTERRUPTED = 130
TERMINATED = 143


class CommandError(Exception):
    """Something that only the command line can meet.

    Attributes:
        code: What to exit with.
    """

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[BillingError], int], ...] = (
    (ConfigurationError, USAGE),
    (AuthenticationError, AUTHENTICATION),
    (RateLimited, RATE_LIMITED),
    (ServerError, NETWORK),
    (ApiError, REFUSED),
)


def code_of(error: BillingError) -> int:
    """Return the exit code for an error; an answer that is of no use counts as the network's."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), NETWORK)


def code_of_all(asked: int, errors: Iterable[BillingError]) -> int:
    """Return the exit code when these accounts of *asked* failed.

    When every account failed for one reason, that reason says more than "some failed".
    """
    codes = [code_of(error) for error in errors]
    if not codes:
        return OK
    return codes[0] if len(codes) >= asked and len(set(codes)) == 1 else SOME_FAILED


def complain(message: object) -> None:
    """Say what is wrong, on one line of standard error."""
    print(f"cfbilling: {plain(str(message))}", file=sys.stderr, flush=True)
