"""An export: records from the service into a file or a pipe, as they arrive."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs

from cfbilling import AccountFailure, BillableUsageRecord, BillingError, NumberOutOfRange, Record
from cfbilling.cli.connection import Connection
from cfbilling.cli.errors import print_error
from cfbilling.cli.exit_codes import exit_code_of_all
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.formats.format import ColumnarFormat, Format
from cfbilling.cli.formats.writing import Writing
from cfbilling.cli.output import opened
from cfbilling.cli.progress_bar import Verbosity, progress_shown
from cfbilling.cli.query import Batch, ColumnBatch, ColumnQuestion, Question
from cfbilling.cli.waiting import failure_told
from cfbilling.events import Observer

__all__ = ["Export", "run_export"]


@attrs.frozen
class Export:
    """What to write, and where to.

    Attributes:
        question: The question to the service.
        connection: The way to the service.
        choice: The format of the output.
        path: The file, ``-o``; None for standard output.
        verbosity: How much to say meanwhile.
    """

    question: Question
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

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._written: Counter[str] = Counter()
        self.errors: list[BillingError] = []

    async def write(self, batch: Batch | ColumnBatch) -> None:
        if isinstance(batch, AccountFailure):
            self._fail(batch)
        elif isinstance(batch, ColumnBatch):
            self._written.update(batch.rows)
            await self._writing.columns(batch.batch)
        else:
            account_id, records = batch
            self._written[account_id] += len(records)
            await self._writing.rows(account_id, records)

    def _fail(self, failure: AccountFailure) -> None:
        self.errors.append(failure.error)
        written = self._written[failure.account_id]
        partly = f" (incomplete: {written:,} records were written before)" if written else ""
        help_ = " (see --decimal-scale)" if isinstance(failure.error, NumberOutOfRange) else ""
        print_error(f"{failure.account_id} failed: {failure_told(failure.error)}{help_}{partly}")


async def run_export(export: Export) -> int:
    """Run an export and return the exit code.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If the output cannot be opened, or there is no account.
        OSError: If the output cannot be written.
    """
    question = export.question
    accounts, record_type = question.accounts, question.record_type
    shape = format_of(
        export.choice,
        export.path,
        record_type,
        with_account=accounts.are_many and not _says_whose_it_is(record_type),
        has_column="BillingAccountId" in record_type.wire_names.values(),
    )
    with opened(export.path) as output:
        async with progress_shown(
            export.verbosity,
            accounts.count,
            prints_to_terminal=export.prints_to_terminal,
            has_chunks=question.has_chunks,
        ) as bar:
            writing = Writing(shape, output)
            writer = _Writer(writing)
            async with aclosing(_batches(question, shape, export.connection, bar)) as batches:
                async for batch in batches:
                    await writer.write(batch)
            asked = accounts.asked(bar.accounts_ended)
            is_worth_keeping = len(writer.errors) < asked
            if is_worth_keeping or writing.has_begun:
                await writing.finish()
        # What the other accounts gave is worth keeping; nothing at all is not.
        if is_worth_keeping:
            output.commit()
    return exit_code_of_all(asked, writer.errors)


def _batches(
    question: Question, shape: Format, connection: Connection, observer: Observer
) -> AsyncGenerator[Batch | ColumnBatch, None]:
    """Return the answer in the form that is the fastest to write."""
    if isinstance(shape, ColumnarFormat) and isinstance(question, ColumnQuestion):
        return question.columns(connection, observer, scope=shape.scope, scale=shape.scale)
    return question.batches(connection, observer)


def _says_whose_it_is(record_type: type[Record]) -> bool:
    # Version 1 always names the account; version 2 does not where rows are of a whole contract.
    return record_type is BillableUsageRecord or "AccountId" in record_type.wire_names.values()
