"""A file or stream while it is written: begun by the first record, or when all came to an end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cfbilling import Record
from cfbilling.cli.formats.format import ColumnarFormat, Format
from cfbilling.cli.output import Output

__all__ = ["Writing"]


class Writing:
    """Writes records, in a format, to an output.

    A header would say that there are no records where it is not known.

    Args:
        shape: The format.
        output: The output.

    Attributes:
        has_begun: Whether anything was written.
    """

    def __init__(self, shape: Format, output: Output) -> None:
        self._shape = shape
        self._output = output
        self.has_begun = False

    async def rows(self, account_id: str, records: Sequence[Record]) -> None:
        """Write records of an account."""
        await self._begin()
        await self._output.write(self._shape.rows(account_id, records))

    async def columns(self, batch: Any) -> None:
        """Write a `pyarrow.RecordBatch`, in a format that takes such."""
        if not isinstance(self._shape, ColumnarFormat):
            raise TypeError("the format takes no columns")
        await self._begin()
        await self._output.write(self._shape.columns(batch))

    async def finish(self) -> None:
        """Write the end, and the beginning too if there was no record."""
        await self._begin()
        await self._output.write(self._shape.finish())

    async def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self._output.write(self._shape.begin())
