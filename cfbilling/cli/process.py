"""The process of a command: its event loop, its signals and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from cfbilling import BillingError
from cfbilling.cli.errors import CommandError, print_error
from cfbilling.cli.exit_codes import (
    HUNG_UP,
    INTERRUPTED,
    OK,
    OUTPUT,
    TERMINATED,
    exit_code_of,
)
from cfbilling.cli.waiting import failure_told

__all__ = ["cannot_write", "run"]


Command = Callable[[], Coroutine[Any, Any, int]]

_ENDINGS = ((signal.SIGTERM, TERMINATED), (signal.SIGHUP, HUNG_UP))


def run(command: Command) -> NoReturn:
    """Run *command* and exit with the code that it returns, or that its error stands for.

    A closed pipe (``| head``) is not an error: whoever read it has had enough.
    """
    try:
        code = _exit_code(command)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_what_is_left()
        code = OK
    except OSError as error:
        code = cannot_write(error)
    sys.exit(code)


def cannot_write(error: OSError) -> int:
    """Say that the output cannot be written, and return the exit code for that."""
    print_error(f"cannot write: {error}")
    _give_up_what_is_left()
    return OUTPUT


def _give_up_what_is_left() -> None:
    """Leave nothing for Python to write at its end, which would fail once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(command: Command) -> int:
    try:
        return asyncio.run(_until_ended(command()))
    except KeyboardInterrupt:
        print_error("interrupted")
        return INTERRUPTED
    except CommandError as error:
        print_error(error)
        return error.exit_code
    except BillingError as error:
        print_error(failure_told(error))
        return exit_code_of(error)


async def _until_ended(command: Coroutine[Any, Any, int]) -> int:
    """Let SIGTERM and SIGHUP end the command as cleanly as Ctrl-C does."""
    task = asyncio.ensure_future(command)
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        task.cancel()

    for number, code in _ENDINGS:
        # What nohup began is to go on.
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, end, code)
    try:
        return await task
    except asyncio.CancelledError:
        if not codes:
            raise
        return codes[0]
