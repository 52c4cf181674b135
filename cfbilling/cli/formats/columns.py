"""What Parquet and Arrow share: records as columns, gathered until there is enough to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling import FocusRecord, NumberOutOfRange, Record
from cfbilling.arrow import RecordColumns
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import OUTPUT
from cfbilling.cli.formats.format import account_column

__all__ = ["GatheredColumns", "Sink"]

# A batch of a few rows takes many times what it says, so that is not for long.
_MOST_BATCHES = 64


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


@attrs.define
class GatheredColumns:
    """Records as columns that wait to be written.

    Attributes:
        columns: What makes columns of records.
        schema: The schema of what is written, in the order of its columns.
        rows: How many rows wait.
        size: How many bytes they are about.
    """

    columns: RecordColumns
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
        scope = account_column(record_type) if with_account else None
        columns = RecordColumns(record_type, decimal_scale=scale, scope=scope)
        names = columns.schema.names
        if with_account and record_type is FocusRecord:
            names = [*names[1:], names[0]]
        return cls(columns, pa.schema([columns.schema.field(name) for name in names]))

    def add(self, account_id: str, records: Sequence[Record]) -> None:
        """Add records of an account.

        Raises:
            CommandError: For a number that its column cannot hold exactly.
        """
        try:
            batch = self.columns.batch(records, account_id).select(self.schema.names)
        except NumberOutOfRange as error:
            raise CommandError(f"{error.message} (see --decimal-scale)", OUTPUT) from error
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
