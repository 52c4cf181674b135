"""Slices to Arrow columns straight from their text, where that is exact.

pyarrow's JSON reader takes half the time of records, and is not exact by itself: it wraps a number
that does not fit its column around, makes 0 of some that are tiny and dies of others, and takes
numbers in text and times without an offset. So a slice is looked at before, and of whatever is not
of the documented shape records are made instead, which are exact or an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Optional

import attrs
import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pyarrow.json as pa_json  # type: ignore[import-untyped]  # likewise

from cfbilling._record import Column
from cfbilling.arrow import MOST_DIGITS, RecordColumns
from cfbilling.decoding.converter import UNREADABLE
from cfbilling.decoding.decoder import required_names
from cfbilling.decoding.moments import LAST_MICROSECOND, AwareDatetime
from cfbilling.records import Record

__all__ = ["ColumnReader", "Read"]

_NEGATIVE_END = re.compile(rb"-([0-9]++)[,}\]\s]")
_MOST_MOMENTS = 4096
# What is nearer than this to the largest number that fits may be beyond it, before a float rounds.
_SURELY = 0.99
# The reader raises a ValueError for what it does not take, and so does a message of broken text.
_REFUSED = (pa.ArrowException, ValueError, OverflowError, *UNREADABLE)


@attrs.frozen
class Read:
    """What was read of some slices.

    Attributes:
        batch: The records, a `pyarrow.RecordBatch`.
        missing: Wire names of required fields that were absent or null in some of them.
    """

    batch: Any
    missing: frozenset[str]


class ColumnReader:
    """Reads the slices of one record type.

    Args:
        record_type: The class of the records.
        columns: What they become.
    """

    def __init__(self, record_type: type[Record], columns: RecordColumns) -> None:
        self._schema = columns.schema
        self._has_scope = columns.schema.names[0] != record_type.columns[0].wire_name
        self._required = frozenset(required_names(record_type).values())
        self._moments = {
            c.wire_name for c in record_type.columns if pa.types.is_timestamp(self._kind(c))
        }
        self._is_plain = not record_type.strings_with_numbers
        numbers = [c for c in record_type.columns if c.kind is Decimal]
        self._least_scale = min((self._kind(c).scale for c in numbers), default=0)
        check: Any = msgspec.defstruct(
            f"_{record_type.__name__}Numbers",
            [(c.name, self._bounded(c), None) for c in numbers],
            rename={c.name: c.wire_name for c in numbers},
            gc=False,
        )
        self._numbers: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[check])
        row = pa.struct([(c.wire_name, self._kind_read(c)) for c in record_type.columns])
        self._options = pa_json.ParseOptions(
            explicit_schema=pa.schema([("r", pa.list_(row))]), unexpected_field_behavior="error"
        )

    def _kind(self, column: Column) -> Any:
        return self._schema.field(column.wire_name).type

    def _kind_read(self, column: Column) -> Any:
        if column.kind in (dict, tuple):
            # Then the reader refuses all but null.
            return pa.null()
        return pa.string() if column.kind is datetime else self._kind(column)

    def _bounded(self, column: Column) -> Any:
        bound = _SURELY * 10.0 ** (MOST_DIGITS - self._kind(column).scale)
        return Optional[Annotated[float, msgspec.Meta(gt=-bound, lt=bound)]]  # noqa: UP045 - no type to a checker

    def count(self, text: bytes) -> int | None:
        """Return how many records a slice has; ``None`` if it has to become records.

        Its cost is about half of what decoding takes.
        """
        if not self._is_plain or self._has_tiny_numbers(text):
            return None
        try:
            return len(self._numbers.decode(text))
        except UNREADABLE:
            return None

    def _has_tiny_numbers(self, text: bytes) -> bool:
        """Return whether there may be an exponent that the reader reads wrong, or dies of.

        It scales by a table of 39 powers of ten, and looks behind its end for one beyond. A number
        it takes has at most 38 digits after the point, so an exponent may add the column's scale.
        """
        for found in _NEGATIVE_END.finditer(text):
            if text[found.start() - 1] in b"eE":
                digits = found[1]
                if len(digits) > len(str(MOST_DIGITS)) or int(digits) > self._least_scale:
                    return True
        return False

    def parse(self, slices: Sequence[bytes]) -> Any | None:
        """Parse slices that were counted: blocking, but nearly all without the interpreter.

        Returns:
            What `finish` takes, or ``None`` if they have to become records.
        """
        # One line is one slice. The last line ends too, since the reader cuts at the ends of lines.
        text = b"".join([part for slice_ in slices for part in (b'{"r":', slice_, b"}\n")])
        options = pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        try:
            return pa_json.read_json(pa.BufferReader(text), options, self._options)
        except _REFUSED:
            return None

    def finish(self, parsed: Any, scope_id: str | None = None) -> Read | None:
        """Make columns of what was parsed; it takes about a sixth of the time.

        Returns:
            All of the records, or ``None`` if they have to become records.
        """
        try:
            rows = parsed.combine_chunks().column(0).chunk(0).flatten()
            arrays = {
                field.name: self._finished(field.name, array)
                for field, array in zip(rows.type, rows.flatten(), strict=True)
            }
        except _REFUSED:
            return None
        missing = frozenset(name for name in self._required if arrays[name].null_count)
        columns = [*arrays.values(), pa.nulls(len(rows), pa.string())]
        if self._has_scope:
            columns.insert(0, pa.repeat(pa.scalar(scope_id, pa.string()), len(rows)))
        return Read(pa.record_batch(columns, schema=self._schema), missing)

    def _finished(self, name: str, array: Any) -> Any:
        kind = self._schema.field(name).type
        if name in self._moments:
            return _as_moments(array, kind)
        return array.cast(kind) if pa.types.is_null(array.type) else array


def _as_moments(texts: Any, kind: Any) -> Any:
    """Return the instants that texts name, of which most repeat, as records have them.

    Raises:
        ValueError: If there are too many to be quick, or one may be rounded up.
        msgspec.ValidationError: If one is no date-time with an offset.
    """
    coded = texts.dictionary_encode()
    unique: list[str] = coded.dictionary.to_pylist()
    if len(unique) > _MOST_MOMENTS or LAST_MICROSECOND in "\n".join(unique):
        raise ValueError
    return pa.array(msgspec.convert(unique, list[AwareDatetime]), kind).take(coded.indices)
