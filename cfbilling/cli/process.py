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

__all__ = ["run"]


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
        # Python would flush standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = OK
    sys.exit(code)


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
    except BrokenPipeError:
        raise
    except OSError as error:
        print_error(f"cannot write: {error}")
        return OUTPUT


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
