"""What Parquet and Arrow share: columns are gathered until there is enough to write."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling import FocusRecord, NumberOutOfRange, Record
from cfbilling.arrow import RecordColumns
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT
from cfbilling.cli.formats.format import account_column

__all__ = ["GatheredColumns", "GatheringFormat", "Sink", "spare_memory"]

# A batch of a few rows takes many times what it says, so that is not for long.
_MOST_BATCHES = 64
_UNWANTED = "(account)"
_POOL = "ARROW_DEFAULT_MEMORY_POOL"


class Sink:
    """A file for pyarrow that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        """Do nothing: what was written is still to be taken."""


def spare_memory() -> None:
    """Have Arrow give back at once what it does not need, unless the environment says otherwise.

    Its usual pools keep three times as much, and are no faster here. This is a process of our own.
    """
    if _POOL not in os.environ:
        pa.set_memory_pool(pa.system_memory_pool())


@attrs.define
class GatheredColumns:
    """Columns that wait to be written.

    Attributes:
        columns: What makes columns of records.
        scope: The name of the first column of what comes as columns, which may not be wanted.
        schema: The schema of what is written, in the order of its columns.
        rows: How many rows wait.
        size: How many bytes they are about.
    """

    columns: RecordColumns
    scope: str
    schema: Any
    rows: int = 0
    size: int = 0
    _short: list[Any] = attrs.field(factory=list, init=False)
    _long: list[Any] = attrs.field(factory=list, init=False)

    @classmethod
    def of(
        cls, record_type: type[Record], *, with_account: bool, scale: int | None
    ) -> GatheredColumns:
        """Return what gathers records of a type, as a format is asked to write them."""
        spare_memory()
        scope = account_column(record_type) if with_account else _UNWANTED
        columns = RecordColumns(record_type, decimal_scale=scale, scope=scope)
        first, *names = columns.schema.names
        if with_account:
            names = [*names, first] if record_type is FocusRecord else [first, *names]
        return cls(columns, scope, pa.schema([columns.schema.field(name) for name in names]))

    def add(self, account_id: str, records: Sequence[Record]) -> None:
        """Add records of an account.

        Raises:
            CommandError: For a number that its column cannot hold exactly.
        """
        try:
            batch = self.columns.batch(records, account_id)
        except NumberOutOfRange as error:
            told = f"{account_id}: {error.message} (see --decimal-scale)"
            raise CommandError(told, OUTPUT) from error
        self.add_columns(batch)

    def add_columns(self, batch: Any) -> None:
        """Add a `pyarrow.RecordBatch`, with or without the column that says whose it is."""
        batch = batch.select(self.schema.names)
        self.rows += batch.num_rows
        self.size += batch.nbytes
        self._short.append(batch)
        if len(self._short) >= _MOST_BATCHES:
            self._long += pa.Table.from_batches(self._short).combine_chunks().to_batches()
            self._short = []

    def take(self) -> Any:
        """Return what waits, as a `pyarrow.Table`."""
        table = pa.Table.from_batches([*self._long, *self._short], self.schema)
        self._long, self._short, self.rows, self.size = [], [], 0, 0
        return table


class GatheringFormat(ABC):
    """Writes columns when enough of them have come together.

    Args:
        record_type: The class of the records.
        with_account: Whether the account's id is a column, for records without one.
        scale: Digits after the point of every number; None for 28 in amounts and prices, 22 in
            quantities.

    Attributes:
        scope: The name of the first column of what comes as columns.
        scale: The digits after the point.
    """

    most_rows: ClassVar[int]
    """Rows that are enough to be written."""
    most_bytes: ClassVar[int]
    """Bytes of columns that are, of fewer rows."""

    def __init__(self, record_type: type[Record], *, with_account: bool, scale: int | None) -> None:
        self._waiting = GatheredColumns.of(record_type, with_account=with_account, scale=scale)
        self.scope, self.scale = self._waiting.scope, scale
        self._sink = Sink()
        self._writer: Any = None

    @abstractmethod
    def _opened(self, file: Any, schema: Any) -> Any:
        """Return pyarrow's writer into a file."""

    def _written(self, table: Any) -> Any:
        """Return a table as it is to be written."""
        return table

    def begin(self) -> bytes:
        """Return what comes before the first columns."""
        self._writer = self._opened(pa.PythonFile(self._sink, mode="w"), self._waiting.schema)
        return self._sink.take()

    def rows(self, account_id: str, records: Sequence[Record]) -> bytes:
        """Return what there is when enough has come together, else nothing yet."""
        self._waiting.add(account_id, records)
        return self._enough()

    def columns(self, batch: Any) -> bytes:
        """Return the same for columns that are made already."""
        self._waiting.add_columns(batch)
        return self._enough()

    def finish(self) -> bytes:
        """Return what is left, and the end."""
        if self._waiting.rows:
            self._write()
        self._writer.close()
        return self._sink.take()

    def _enough(self) -> bytes:
        waiting = self._waiting
        if waiting.rows >= self.most_rows or waiting.size >= self.most_bytes:
            self._write()
        return self._sink.take()

    def _write(self) -> None:
        self._writer.write_table(self._written(self._waiting.take()))
