"""Runs a command's coroutine, and turns whatever ends it into an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from cfbilling import BillingError
from cfbilling.cli.exit_codes import (
    INTERRUPTED,
    OK,
    OUTPUT,
    TERMINATED,
    CommandError,
    code_of,
    complain,
)

__all__ = ["run"]


def run(command: Coroutine[Any, Any, int]) -> NoReturn:
    """Run *command* and exit with the code that it returns, or that its error stands for.

    A closed pipe (``| head``) is no error: whoever read it has had enough.
    """
    try:
        code = _outcome(command)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = OK
    sys.exit(code)


def _outcome(command: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(_ended_by_signal(command))
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except CommandError as error:
        complain(error)
        return error.code
    except BillingError as error:
        complain(error)
        return code_of(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"cannot write: {error}")
        return OUTPUT


async def _ended_by_signal(command: Coroutine[Any, Any, int]) -> int:
    """Let SIGTERM end the command as cleanly as Ctrl-C does."""
    task = asyncio.ensure_future(command)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if not terminated:
            raise
        return TERMINATED
