"""The error of the command line, and the one line that shows any error."""

from __future__ import annotations

import sys

from cfbilling.cli.exit_codes import USAGE
from cfbilling.cli.plain_text import plain

__all__ = ["CommandError", "print_error"]


class CommandError(Exception):
    """Something that only the command line can meet.

    Attributes:
        exit_code: The exit code of the command that meets it.
    """

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def print_error(message: object) -> None:
    """Say what is wrong, on one line of standard error."""
    print(f"cfbilling: {plain(str(message))}", file=sys.stderr, flush=True)
