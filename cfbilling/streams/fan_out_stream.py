"""What a fan-out is to its consumer: records of many accounts, each with its account's id."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

from cfbilling.errors import AccountFailure, ConfigurationError
from cfbilling.streams.fan_out import FanOut
from cfbilling.streams.record_stream import BatchedStream, column_streams

__all__ = ["FanOutStream"]

R = TypeVar("R")
K = TypeVar("K")
Item = TypeVar("Item")
Batch = TypeVar("Batch")


async def _one_by_one(
    batches: AsyncGenerator[tuple[K, list[R]] | AccountFailure, None],
) -> AsyncGenerator[tuple[K, R] | AccountFailure, None]:
    async with aclosing(batches):
        async for batch in batches:
            if isinstance(batch, AccountFailure):
                yield batch
            else:
                key, records = batch
                for record in records:
                    yield key, record


async def _without_keys(
    items: AsyncGenerator[tuple[Any, Any] | AccountFailure, None],
) -> AsyncGenerator[Any, None]:
    async with aclosing(items):
        async for item in items:
            yield item if isinstance(item, AccountFailure) else item[1]


class FanOutStream(BatchedStream[Item, Batch]):
    """The records of many accounts: each account's in order, the accounts interleaved.

    Yields ``(account_id, record)``, or by `batches` ``(account_id, [records])``; with
    ``on_error="yield"`` also an `AccountFailure` for each account that failed.
    """

    def __init__(self, fan_out: FanOut[Any, Any], *, is_batched: bool = True) -> None:
        self._fan_out = fan_out
        self._is_batched = is_batched
        batches = fan_out.items()
        super().__init__(batches, _one_by_one(batches) if is_batched else batches)  # type: ignore[arg-type]  # the client's overloads say which

    def arrow(
        self, *, decimal_scale: int | None = None, scope: str | None = "scope_id"
    ) -> AsyncIterator[Any]:
        """Yield the records as columns: each a `pyarrow.RecordBatch`, of any accounts.

        As in `RecordStream.arrow`; units of different endpoints have different schemas. With
        ``on_error="yield"`` also an `AccountFailure` for each account that failed.

        Args:
            decimal_scale: As in `RecordStream.arrow`.
            scope: The name of the first column, which says whose each record is.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right, a stream that was
                begun before or has no records, or without pyarrow.
            FanOutError: At the end, if accounts failed and were deferred; with `NumberOutOfRange`
                for each of those with a number that its column cannot hold exactly.
            BillingError: At once, if an account failed and that is to be raised.
        """
        return self._as_columns(column_streams().Columns(decimal_scale, scope))

    async def table(
        self, *, decimal_scale: int | None = None, scope: str | None = "scope_id"
    ) -> Any:
        """Return the records of all accounts as one `pyarrow.Table`, in memory.

        Args:
            decimal_scale: As in `arrow`.
            scope: As in `arrow`.

        Raises:
            ConfigurationError: As in `arrow`; and for units whose records are of several types.
            FanOutError: At the end, if accounts failed, whatever ``on_error``: a table has no
                place for failures.
            BillingError: At once, if an account failed and that is to be raised.
        """
        module = column_streams()
        columns = module.Columns(decimal_scale, scope)
        batches = self._as_columns(columns)
        return await module.table_of(batches, columns, self._fan_out.record_type)

    def _as_columns(self, columns: Any) -> AsyncGenerator[Any, None]:
        if not self._is_batched:
            raise ConfigurationError("what comes of units is no records, and has no columns")
        columns.schema(self._fan_out.record_type)
        batches = _without_keys(self._fan_out.items(columns.batches))
        return self._taken_as(column_streams().joined(batches))
