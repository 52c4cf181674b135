"""What is written is read: every digit, null and twin, by this package and by any other."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import BinaryIO

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import FocusRecord, NumberOutOfRange, Record
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.focus import focus_rows
from cfbilling.records import BillableUsageRecord, PaygoRecord, UsageRecord
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.ndjson import NdjsonObjects
from cfbilling.store.object_format import ObjectFormat
from cfbilling.store.parquet import ParquetObjects
from tests.unit.strategies import USAGE as EXAMPLE
from tests.unit.strategies import Row, array_text, row_of, valid_rows

FACTS = ObjectFacts(unit_id="usage/a", fetched=datetime(2025, 6, 1, tzinfo=UTC), is_complete=True)
SHAPES: list[ObjectFormat] = [NdjsonObjects(), ParquetObjects()]


def written(shape: ObjectFormat, records: list[Record], record_type: type[Record]) -> bytes:
    """Return an object of some records."""
    file = io.BytesIO()
    writer = shape.writer(file, record_type, FACTS)
    for record in records:
        writer.add([record])
        if writer.is_full:
            writer.flush()
    told = writer.finish(FACTS)
    writer.abandon()
    assert (FACTS.unit_id, len(records)) == (told.unit_id, told.records)
    whole = file.getvalue()
    assert told == shape.facts(io.BytesIO(whole))
    return whole


def read(shape: ObjectFormat, whole: bytes, record_type: type[Record]) -> list[Record]:
    """Return the records of an object."""
    return [record for piece in shape.read(io.BytesIO(whole), record_type) for record in piece]


def decoded(record_type: type[Record], *rows: Row) -> list[Record]:
    """Return records as they come over the wire."""
    return list(RecordDecoder(record_type).decode(array_text(*rows)).records)


@pytest.mark.parametrize("record_type", [UsageRecord, PaygoRecord, BillableUsageRecord])
@given(data=st.data())
def test_ndjson_keeps_whatever_comes(record_type: type[Record], data: st.DataObject) -> None:
    """Any record of the wire comes back as it was, of any length, order and number of digits."""
    rows = data.draw(st.lists(valid_rows(record_type), max_size=5))
    rows += data.draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    records = decoded(record_type, *rows)
    whole = written(NdjsonObjects(), records, record_type)
    assert records == read(NdjsonObjects(), whole, record_type)
    lines = gzip.decompress(whole).splitlines()
    assert [record.to_json() for record in records] == lines


@pytest.mark.parametrize("record_type", [UsageRecord, PaygoRecord, BillableUsageRecord])
@given(data=st.data())
def test_parquet_keeps_whatever_fits(record_type: type[Record], data: st.DataObject) -> None:
    """Any record whose numbers its columns hold comes back equal; any other is refused by name."""
    rows = data.draw(st.lists(valid_rows(record_type), max_size=4))
    records = decoded(record_type, *rows)
    try:
        whole = written(ParquetObjects(), records, record_type)
    except NumberOutOfRange as error:
        values = [record.to_wire().get(error.column) for record in records]
        assert any(value is not None for value in values), "the column that is named has a number"
        return
    assert records == read(ParquetObjects(), whole, record_type)


@pytest.mark.parametrize("shape", SHAPES)
def test_costs_come_back(shape: ObjectFormat) -> None:
    """Rows of FOCUS, which no service sends, come back as they were made."""
    usage = [r for r in decoded(UsageRecord, row_of(EXAMPLE)) if isinstance(r, UsageRecord)]
    rows = list(focus_rows()(usage, None))
    assert rows == read(shape, written(shape, [*rows], FocusRecord), FocusRecord)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_records_are_an_object(shape: ObjectFormat) -> None:
    """An empty unit has its facts and its schema."""
    whole = written(shape, [], UsageRecord)
    assert [] == read(shape, whole, UsageRecord)
    if isinstance(shape, ParquetObjects):
        names = pq.read_schema(io.BytesIO(whole)).names
        assert [*UsageRecord.wire_names.values(), "extra"] == names


def test_numbers_without_a_fraction_are_written_without_one() -> None:
    """What fills up a column's scale is not read as digits of the number."""
    texts = ["0", "150000", "0.10", "1e3", "-0.000000000001", "9999999999999999"]
    rows = [row_of(EXAMPLE) | {"ConsumedQuantity": text} for text in texts]
    records = decoded(UsageRecord, *rows)
    found = read(ParquetObjects(), written(ParquetObjects(), records, UsageRecord), UsageRecord)
    told = [str(r.consumed_quantity) for r in found if isinstance(r, UsageRecord)]
    assert ["0", "150000", "0.1", "1000", "-1E-12", "9999999999999999"] == told
    assert [Decimal(text) for text in texts] == [Decimal(text) for text in told]


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        (None, "1234567.8901234567890123456789"),
        (None, f"{'9' * 10}.{'9' * 28}"),
        (None, f"-{'9' * 10}.{'9' * 28}"),
        (0, "9" * 38),
        (0, f"1{'0' * 37}"),
        (38, f"0.{'9' * 38}"),
    ],
)
def test_the_longest_numbers_of_a_column_are_read_exactly(scale: int | None, text: str) -> None:
    """A column has more digits than Python's decimals have by default: each of them is read."""
    records = decoded(UsageRecord, row_of(EXAMPLE) | {"ListCost": text, "ConsumedQuantity": "0"})
    shape = ParquetObjects(scale)
    assert records == read(shape, written(shape, records, UsageRecord), UsageRecord)


def test_row_groups_are_of_a_bounded_length() -> None:
    """A long unit is many row groups, which end at the same rows wherever batches end."""
    long = row_of(EXAMPLE) | {"ChargeDescription": json.dumps("x" * 2**20)}
    records = decoded(UsageRecord, *[long] * 40)
    file = pq.ParquetFile(io.BytesIO(written(ParquetObjects(), records, UsageRecord)))
    assert [16, 16, 8] == [file.metadata.row_group(n).num_rows for n in range(3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("foreign", [b"", b"PAR1", b"PAR1" * 9, b"\x1f\x8b", b"x" * 99, b"\0" * 20])
def test_what_is_none_of_ours_has_no_facts(shape: ObjectFormat, foreign: bytes) -> None:
    """Whatever lies under a key, nothing is raised, and nothing is believed of it."""
    assert shape.facts(io.BytesIO(foreign)) is None


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_cut_off_has_no_facts_or_no_end(shape: ObjectFormat) -> None:
    """Wherever an object is cut off, that is seen at the latest when it is read."""
    records = decoded(UsageRecord, *[row_of(EXAMPLE)] * 3)
    whole = written(shape, records, UsageRecord)
    for length in range(0, len(whole), 7):
        cut = whole[:length]
        if shape.facts(io.BytesIO(cut)) is not None:
            with pytest.raises(Exception, match=r".+"):
                read(shape, cut, UsageRecord)


def test_others_have_no_facts_of_ours() -> None:
    """A Parquet or a gzip of somebody else, whole as it is, is none of ours."""
    table = pq.read_table(io.BytesIO(written(ParquetObjects(), [], UsageRecord)))
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({}), file)
    assert ParquetObjects().facts(io.BytesIO(file.getvalue())) is None
    assert NdjsonObjects().facts(io.BytesIO(gzip.compress(b"{}\n"))) is None


class _Broken(io.BytesIO):
    def read(self, *_: object) -> bytes:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_disk_that_fails_is_not_an_object_of_no_facts(shape: ObjectFormat) -> None:
    """What cannot be read may well be ours: that it cannot be read is told."""
    file: BinaryIO = _Broken(b"x" * 99)
    with pytest.raises(OSError, match="Input/output"):
        shape.facts(file)
