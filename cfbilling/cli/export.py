"""An export: records from the service into a file or a pipe, as they arrive."""

from __future__ import annotations

import sys
from collections import Counter

import attrs

from cfbilling import AccountFailure, BillingError, PaygoRecord
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.exit_codes import exit_code_of_all
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.formats.format import Format
from cfbilling.cli.output import Output, opened
from cfbilling.cli.progress_bar import Verbosity, progress_shown
from cfbilling.cli.query import Batch, Query, batches_of

__all__ = ["Export", "run_export"]


@attrs.frozen
class Export:
    """What to write, and where to.

    Attributes:
        query: The question to the service.
        connection: The way to the service.
        choice: The format of the output.
        path: The file, ``-o``; None for standard output.
        verbosity: How much to say meanwhile.
    """

    query: Query
    connection: Connection
    choice: FormatChoice
    path: str | None
    verbosity: Verbosity

    @property
    def prints_to_terminal(self) -> bool:
        """Whether the records themselves go to a terminal."""
        return self.path in (None, "-") and sys.stdout.isatty()


class _Writer:
    """Writes batches, and remembers what failed and how much of it was written."""

    def __init__(self, shape: Format, output: Output) -> None:
        self._shape = shape
        self._output = output
        self._written: Counter[str] = Counter()
        self.errors: list[BillingError] = []

    async def write(self, batch: Batch) -> None:
        if isinstance(batch, AccountFailure):
            self._fail(batch)
            return
        account_id, records = batch
        self._written[account_id] += len(records)
        await self._output.write(self._shape.rows(account_id, records))

    def _fail(self, failure: AccountFailure) -> None:
        self.errors.append(failure.error)
        written = self._written[failure.account_id]
        partly = f" (incomplete: {written:,} records were written before)" if written else ""
        print_error(f"{failure.account_id} failed: {failure.error}{partly}")


async def run_export(export: Export) -> int:
    """Run an export and return the exit code.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If the output cannot be opened.
        OSError: If the output cannot be written.
    """
    query = export.query
    ids = query.accounts.ids
    with_account = query.accounts.are_many and query.record_type is PaygoRecord
    shape = format_of(export.choice, export.path, query.record_type, with_account=with_account)
    with opened(export.path) as output:
        progress = progress_shown(
            export.verbosity, len(ids), prints_to_terminal=export.prints_to_terminal
        )
        async with (
            progress as observer,
            export.connection.client(query.accounts.credentials, observer) as client,
        ):
            writer = _Writer(shape, output)
            await output.write(shape.begin())
            async for batch in batches_of(client, query):
                await writer.write(batch)
            await output.write(shape.finish())
        code = exit_code_of_all(len(ids), writer.errors)
        # What the other accounts gave is worth keeping; nothing at all is not.
        if len(writer.errors) < len(ids):
            output.commit()
    return code
