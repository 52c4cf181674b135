"""The records of units as Arrow tables, each unit only when all of it is there."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling.arrow import RecordColumns
from cfbilling.client import BillingClient
from cfbilling.errors import AccountFailure
from cfbilling.jobs import WorkUnit
from cfbilling.records import ChargeRecord
from cfbilling.streams.record_stream import RecordStream

__all__ = ["WholeUnit", "whole_units"]

_ROWS: Final = 8192


class WholeUnit:
    """A unit's records in an unnamed temporary file.

    Args:
        unit: The unit.
        columns: How records become columns.

    Attributes:
        unit: The unit.
    """

    def __init__(self, unit: WorkUnit, columns: RecordColumns) -> None:
        self.unit = unit
        self._columns = columns
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._writer: Any = pa.ipc.new_stream(self._file, columns.schema)

    def add(self, records: Sequence[ChargeRecord]) -> None:
        """Add records.

        Raises:
            NumberOutOfRange: For a number that its column cannot hold exactly.
        """
        # Into the system's cache; the loop is here for nothing else.
        self._writer.write_batch(self._columns.batch(records, self.unit.id))

    def tables(self) -> Iterator[Any]:
        """Yield the records as `pyarrow.Table`, thousands at a time; none if there are none."""
        self._writer.close()
        self._file.seek(0)
        waiting: list[Any] = []
        for batch in pa.ipc.open_stream(self._file):
            waiting.append(batch)
            if sum(map(len, waiting)) >= _ROWS:
                yield pa.Table.from_batches(waiting)
                waiting = []
        if waiting:
            yield pa.Table.from_batches(waiting)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()


async def whole_units(
    units: Iterable[WorkUnit], make_client: Callable[[], BillingClient], columns: RecordColumns
) -> AsyncGenerator[WholeUnit | AccountFailure, None]:
    """Yield each unit when all of it is there, or that it failed; they come as they end.

    Args:
        units: The units.
        make_client: Makes the client, which is opened and closed here.
        columns: How records become columns.
    """
    held: set[WholeUnit] = set()

    async def work(unit: WorkUnit, stream: RecordStream[ChargeRecord]) -> WholeUnit:
        whole = WholeUnit(unit, columns)
        held.add(whole)
        try:
            async for records in stream.batches():
                whole.add(records)
        except BaseException:
            held.discard(whole)
            whole.close()
            raise
        return whole

    try:
        async with (
            make_client() as client,
            client.process(units, work, on_error="yield") as outcomes,
        ):
            async for outcome in outcomes:
                if isinstance(outcome, AccountFailure):
                    yield outcome
                else:
                    whole = outcome[1]
                    yield whole
                    held.discard(whole)
                    whole.close()
    finally:
        for whole in held:
            whole.close()
