"""NDJSON objects: a record a line, gzipped, the facts in gzip's own place for such."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

import attrs

from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.records import Record
from cfbilling.store.content import Content
from cfbilling.store.facts import ObjectFacts
from cfbilling.streams.record_stream import RecordStream

__all__ = ["NdjsonObjects"]

_LEVEL: Final = 6
_FULL_BYTES: Final = 2**20
_READ_ROWS: Final = 256
# RFC 1952: magic, deflate, a field of extra data, no time, nothing said of the system.
_MAGIC: Final = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff"
_SUBFIELD: Final = b"cf"
# The lengths of the field and of its one part; what the facts may grow while records come.
_LENGTHS: Final = struct.Struct("<H2sH")
_ROOM: Final = 96
_END: Final = struct.Struct("<II")


def _head(facts: ObjectFacts, length: int) -> bytes:
    told = facts.to_json().ljust(length)
    return _MAGIC + _LENGTHS.pack(len(told) + 4, _SUBFIELD, len(told)) + told


class _NdjsonWriter:
    def __init__(self, file: BinaryIO, facts: ObjectFacts) -> None:
        self._file = file
        self._length = len(facts.to_json()) + _ROOM
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._content = Content()
        self._lines: list[bytes] = []
        self._waiting = 0
        self._crc = self._written = 0
        file.write(_head(facts, self._length))

    def add(self, batch: Sequence[Record]) -> None:
        """Take records; where batches end changes no byte."""
        self._content.add(batch)
        lines = [record.to_json() + b"\n" for record in batch]
        self._lines += lines
        self._waiting += sum(map(len, lines))

    @property
    def is_full(self) -> bool:
        """Whether there is a megabyte to write."""
        return self._waiting >= _FULL_BYTES

    def flush(self) -> None:
        """Compress and write what there is."""
        text = b"".join(self._lines)
        self._lines, self._waiting = [], 0
        self._crc = zlib.crc32(text, self._crc)
        self._written += len(text)
        self._file.write(self._deflate.compress(text))

    def finish(self, facts: ObjectFacts) -> ObjectFacts:
        """Write the rest, and the facts into the room that was left for them."""
        self.flush()
        self._file.write(self._deflate.flush())
        self._file.write(_END.pack(self._crc, self._written % 2**32))
        self._file.seek(0)
        content = self._content
        told = attrs.evolve(facts, records=content.records, digest=content.digest)
        self._file.write(_head(told, self._length))
        return told

    def abandon(self) -> None:
        """Do nothing: what is left is memory."""


class NdjsonObjects:
    """Objects that any program reads; JSON readers that make floats of numbers change digits."""

    suffix = ".ndjson.gz"
    decimal_scale: int | None = None

    def batches_of(self, stream: RecordStream[Any]) -> AsyncIterator[Any]:
        """Return its records."""
        return stream.batches()

    def writer(
        self,
        file: BinaryIO,
        record_type: type[Record],  # noqa: ARG002 - each line says what it is
        facts: ObjectFacts,
    ) -> _NdjsonWriter:
        """Return a writer."""
        return _NdjsonWriter(file, facts)

    def facts(self, file: BinaryIO) -> ObjectFacts | None:
        """Return the facts in the header."""
        head = file.read(len(_MAGIC) + _LENGTHS.size)
        if len(head) < len(_MAGIC) + _LENGTHS.size or not head.startswith(_MAGIC):
            return None
        _, name, length = _LENGTHS.unpack_from(head, len(_MAGIC))
        return ObjectFacts.from_json(file.read(length)) if name == _SUBFIELD else None

    def read(self, file: BinaryIO, record_type: type[Record]) -> Iterator[list[Record]]:
        """Yield the records, digit for digit."""
        decoder = RecordDecoder(record_type)
        with gzip.open(file) as lines:
            while piece := list(islice(lines, _READ_ROWS)):
                yield decoder.decode(b"[" + b",".join(piece) + b"]").records
