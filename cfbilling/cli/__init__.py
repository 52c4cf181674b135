"""The command ``cfbilling``, on the public interface only."""

import io
import logging
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from cfbilling.cli.program import program  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in {"click", "rich"}:
            raise
        print("The command line needs an extra: pip install 'cfbilling[cli]'", file=sys.stderr)
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        # What the encoding lacks is replaced, such as a line of a table; Python would end with it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # A command tells what happens in lines of its own; without any handler, Python would print
    # the client's warnings beside them.
    logging.getLogger("cfbilling").addHandler(logging.NullHandler())
    program(prog_name="cfbilling")
