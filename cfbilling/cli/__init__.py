"""The command ``cfbilling``, on the public interface only."""

import io
import logging
import os
import sys
from typing import TextIO

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from cfbilling.cli.process import cannot_write  # noqa: PLC0415 - needs the extra
        from cfbilling.cli.program import program  # noqa: PLC0415 - likewise
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in {"click", "rich"}:
            raise
        print("The command line needs an extra: pip install 'cfbilling[cli]'", file=sys.stderr)
        sys.exit(2)
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        # What the encoding lacks is replaced, such as a line of a table; Python would end with it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # A command tells what happens in lines of its own; without any handler, Python would print
    # the client's warnings beside them.
    logging.getLogger("cfbilling").addHandler(logging.NullHandler())
    try:
        program(prog_name="cfbilling")
    except OSError as error:
        # Only of --help and the like: a command tells it itself.
        sys.exit(cannot_write(error))


def _open_what_is_closed() -> None:
    """Have standard streams that were closed, such as by ``>&-``, which Python does without."""
    # Whatever its annotation says.
    stdout: TextIO | None = sys.stdout
    stderr: TextIO | None = sys.stderr
    if stdout is None:
        # What cannot be written to, so that to print is an error, and nothing else is; without a
        # buffer, which Python would try to write once more at its end.
        file = io.FileIO(os.open(os.devnull, os.O_RDONLY), "w", closefd=False)
        sys.stdout = io.TextIOWrapper(file, write_through=True)
    if stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)
