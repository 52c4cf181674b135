"""Records from the service into a file or a pipe, as they arrive."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Literal

import attrs

from cfbilling import (
    AccountFailure,
    BillingClient,
    BillingError,
    PaygoRecord,
    RecordStream,
    UsageRecord,
)
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import Range
from cfbilling.cli.exit_codes import code_of_all, complain
from cfbilling.cli.formats.choice import FormatChoice, format_of
from cfbilling.cli.formats.format import Format
from cfbilling.cli.output import Output, opened
from cfbilling.cli.progress_bar import Talk, watching

__all__ = ["Endpoint", "Export", "Question", "batches_of", "run_export"]

Endpoint = Literal["usage", "organization_usage", "paygo_usage", "paygo_usage_beta"]

Batch = tuple[str, Sequence[UsageRecord | PaygoRecord]] | AccountFailure


@attrs.frozen
class Question:
    """What to ask the service.

    Attributes:
        endpoint: Which endpoint.
        accounts: About whom.
        span: Which days.
        metric: The one metric wanted.
    """

    endpoint: Endpoint
    accounts: Accounts
    span: Range
    metric: str | None = None

    @property
    def record_type(self) -> type[PaygoRecord | UsageRecord]:
        """What the answer's records are."""
        return PaygoRecord if self.endpoint.startswith("paygo") else UsageRecord


@attrs.frozen
class Export:
    """What to write, and where to.

    Attributes:
        question: What to ask.
        connection: Whom.
        choice: In which format to write it.
        path: ``-o``; None for standard output.
        talk: How much to say meanwhile.
    """

    question: Question
    connection: Connection
    choice: FormatChoice
    path: str | None
    talk: Talk

    @property
    def prints_to_terminal(self) -> bool:
        """Whether the records themselves go to a terminal."""
        return self.path in (None, "-") and sys.stdout.isatty()


async def batches_of(client: BillingClient, question: Question) -> AsyncIterator[Batch]:
    """Yield the answer's records in lists, and each account that failed."""
    one = not question.accounts.are_many
    source = _batches_of_one if one else _batches_of_many
    async with aclosing(source(client, question)) as batches:
        async for batch in batches:
            yield batch


async def _batches_of_one(client: BillingClient, question: Question) -> AsyncGenerator[Batch, None]:
    # A fan-out of one would do the same, at a higher cost for each batch.
    (account_id,) = question.accounts.ids
    start, end, metric = question.span.start, question.span.end, question.metric
    try:
        stream: RecordStream[UsageRecord] | RecordStream[PaygoRecord]
        match question.endpoint:
            case "usage":
                stream = client.usage(account_id, start, end, metric=metric)
            case "organization_usage":
                stream = client.organization_usage(account_id, start, end, metric=metric)
            case "paygo_usage":
                stream = client.paygo_usage(account_id, start, end)
            case "paygo_usage_beta":
                stream = client.paygo_usage_beta(account_id, start, end)
        async with stream:
            async for records in stream.batches():
                yield account_id, records
    except BillingError as error:
        yield AccountFailure(account_id, error)


async def _batches_of_many(
    client: BillingClient, question: Question
) -> AsyncGenerator[Batch, None]:
    whom, start, end = question.accounts.for_client, question.span.start, question.span.end
    match question.endpoint:
        case "paygo_usage" | "paygo_usage_beta" as paygo:
            records = client.fan_out(whom, start, end, endpoint=paygo, on_error="yield")
            async with records:
                async for batch in records.batches():
                    yield batch
        case "usage" | "organization_usage" as usage:
            metric = question.metric
            stream = client.fan_out(
                whom, start, end, metric=metric, endpoint=usage, on_error="yield"
            )
            async with stream:
                async for records_of_one in stream.batches():
                    yield records_of_one


class _Writing:
    """Writes batches, and remembers what failed and how much of it was written."""

    def __init__(self, shape: Format, output: Output) -> None:
        self._shape = shape
        self._output = output
        self._written: Counter[str] = Counter()
        self.errors: list[BillingError] = []

    async def take(self, batch: Batch) -> None:
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
        complain(f"{failure.account_id} failed: {failure.error}{partly}")


async def run_export(export: Export) -> int:
    """Run an export and return the exit code.

    Raises:
        BillingError: What the client raises at once.
        CommandError: If the output cannot be opened.
        OSError: If the output cannot be written.
    """
    question = export.question
    ids = question.accounts.ids
    many = question.accounts.are_many and question.record_type is PaygoRecord
    shape = format_of(export.choice, export.path, question.record_type, with_account=many)
    with opened(export.path) as output:
        shows = watching(export.talk, len(ids), prints_to_terminal=export.prints_to_terminal)
        async with (
            shows as watch,
            export.connection.client(question.accounts.credentials, watch) as client,
        ):
            writing = _Writing(shape, output)
            await output.write(shape.begin())
            async for batch in batches_of(client, question):
                await writing.take(batch)
            await output.write(shape.finish())
        code = code_of_all(len(ids), writing.errors)
        # What the other accounts gave is worth keeping; nothing at all is not.
        if len(writing.errors) < len(ids):
            output.commit()
    return code
