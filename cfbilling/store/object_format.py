"""What a format of objects is: batches of a stream in, one file out, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, BinaryIO, Protocol

from cfbilling.records import Record
from cfbilling.store.facts import ObjectFacts
from cfbilling.streams.record_stream import RecordStream

__all__ = ["ObjectFormat", "ObjectWriter"]


class ObjectWriter(Protocol):
    """Writes one object; equal records in equal order make equal bytes, however they came."""

    def add(self, batch: Any) -> None:
        """Take a list of records, or whatever else the format takes of a stream.

        Raises:
            NumberOutOfRange: For a number that a column cannot hold.
        """
        ...

    @property
    def is_full(self) -> bool:
        """Whether there is enough to flush."""
        ...

    def flush(self) -> None:
        """Write what is enough; blocking."""
        ...

    def finish(self, facts: ObjectFacts) -> ObjectFacts:
        """Write the rest, and the facts with what the content is, which it returns; blocking."""
        ...

    def abandon(self) -> None:
        """Let go of the file, whatever was written; blocking."""
        ...


class ObjectFormat(Protocol):
    """Makes writers, and reads what they wrote; all of it blocking.

    Attributes:
        suffix: How the names of its objects end.
        decimal_scale: The digits after the point of each number; ``None`` for the usual.
    """

    suffix: str
    decimal_scale: int | None

    def batches_of(self, stream: RecordStream[Any]) -> AsyncIterator[Any]:
        """Return a stream's batches as the writers like them best."""
        ...

    def writer(self, file: BinaryIO, record_type: type[Record], facts: ObjectFacts) -> ObjectWriter:
        """Return a writer into an empty file; the facts at the end are of about this length."""
        ...

    def facts(self, file: BinaryIO) -> ObjectFacts | None:
        """Return the facts of an object; ``None`` if it is none of this version."""
        ...

    def read(self, file: BinaryIO, record_type: type[Record]) -> Iterator[list[Record]]:
        """Yield the records of an object, piece by piece."""
        ...
