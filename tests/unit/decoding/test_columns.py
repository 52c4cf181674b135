"""Columns read from the text are those of its records, digit for digit, or they are not read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfbilling.arrow import RecordColumns
from cfbilling.decoding.columns import ColumnReader, Read
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.errors import DecodeError, NumberOutOfRange
from cfbilling.records import BillingProfile, Record, UsageRecord
from tests.unit.strategies import (
    RECORD_TYPES,
    TORMENTS,
    USAGE,
    Row,
    array_text,
    mutated_rows,
    row_of,
    strings,
    usage_array,
    valid_rows,
)

UNHURRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCOPE = "a" * 32

plausible = st.from_regex(
    r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
scales = st.one_of(st.none(), st.integers(0, 38))
NUMBERS = [column.wire_name for column in UsageRecord.columns if column.kind is Decimal]


class Ways:
    """The two ways from a text to columns of one schema."""

    def __init__(
        self,
        record_type: type[Record] = UsageRecord,
        scale: int | None = None,
        scope: str | None = None,
    ) -> None:
        self.columns = RecordColumns(record_type, decimal_scale=scale, scope=scope)
        self.reader = ColumnReader(record_type, self.columns)
        self.decoder = RecordDecoder(record_type)

    def read(self, *slices: bytes) -> Read | None:
        """Return what is read of slices, if they may be and can."""
        if any(self.reader.count(text) is None for text in slices):
            return None
        parsed = self.reader.parse(slices)
        return None if parsed is None else self.reader.finish(parsed, SCOPE)

    def by_records(self, text: bytes) -> tuple[Any, frozenset[str]]:
        """Return the columns by way of records, and what is missing."""
        batch = self.decoder.decode(text)
        if not batch.records:
            return self.columns.schema.empty_table().to_batches(), batch.missing
        return self.columns.batch(batch.records, SCOPE), batch.missing

    def check(self, *slices: bytes) -> bool:
        """Assert that whatever is read is what records would have been; say if it was read."""
        read = self.read(*slices)
        if read is None:
            return False
        whole = b"[" + b",".join(text[1:-1] for text in slices if text != b"[]") + b"]"
        if read.batch.num_rows:
            expected, missing = self.by_records(whole)
            assert expected.to_pylist() == read.batch.to_pylist()
            assert expected.equals(read.batch)
            assert (self.columns.schema, missing) == (read.batch.schema, read.missing)
        read.batch.validate(full=True)
        return True


@st.composite
def arrays(draw: st.DrawFn) -> tuple[type[Record], list[list[Row]]]:
    """Generate a record type and slices of rows, some of them off the documented shape."""
    record_type = draw(st.sampled_from(RECORD_TYPES))
    rows = st.one_of(valid_rows(record_type), mutated_rows(record_type))
    return record_type, draw(st.lists(st.lists(rows, max_size=3), min_size=1, max_size=3))


@UNHURRIED
@given(arrays(), scales)
def test_what_is_read_is_what_records_would_be(
    array: tuple[type[Record], list[list[Row]]], scale: int | None
) -> None:
    """Whatever the text holds, either the columns are those of its records, or it is not read."""
    record_type, slices = array
    Ways(record_type, scale, "scope").check(*(array_text(*rows) for rows in slices))


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from(NUMBERS), plausible), min_size=1), scales)
def test_a_number_is_read_digit_for_digit(
    numbers: list[tuple[str, str]], scale: int | None
) -> None:
    """A number of any length keeps its value; one that does not fit its column is not read."""
    ways = Ways(scale=scale)
    for name, number in numbers:
        text = usage_array(Tags="null", **{name: number})
        if not ways.check(text):
            continue
        (found,) = ways.read(text).batch.column(name).to_pylist()  # type: ignore[union-attr]  # it was read
        assert Decimal(number) == found


@settings(max_examples=200, deadline=None)
@given(strings())
def test_text_is_read_as_it_was_sent(text: str) -> None:
    """Text of any kind, escaped or not, is read as records have it."""
    assert Ways().check(usage_array(Tags="null", ChargeDescription=text))


@pytest.mark.parametrize("torment", TORMENTS)
def test_text_that_looks_like_json_is_text(torment: str) -> None:
    """Braces, quotes and line ends inside of text end no record."""
    text = usage_array(Tags="null", ChargeDescription=json.dumps(torment))
    assert Ways().check(text, text)


READ = [
    ("ConsumedQuantity", "0.000000000000000000001"),
    ("ConsumedQuantity", "-1e-7"),
    ("ConsumedQuantity", "1.5E+3"),
    ("ConsumedQuantity", "12e-22"),
    ("ConsumedQuantity", "9888888888888888.0000000000000000000001"),
    ("ConsumedQuantity", "-0.0"),
    ("BilledCost", "null"),
    ("BilledCost", "-12"),
    ("ChargePeriodStart", '"2025-05-01T02:00:00.25+02:00"'),
    ("ChargePeriodStart", '"2014-03-01t12:21:59.3456789z"'),
    ("ChargePeriodEnd", "null"),
    ("ConsumedUnit", "null"),
    ("x_ZoneName", '""'),
    ("x_ZoneName", '"\\u0000\\ud83d\\ude00"'),
]


@pytest.mark.parametrize(("name", "value"), READ)
def test_what_is_documented_is_read(name: str, value: str) -> None:
    """The documented shape is read, so that it is worth being looked at."""
    row = row_of(USAGE) | {"Tags": "null"}
    assert Ways().check(array_text(row, row | {name: value}), array_text(row))


# What pyarrow would read, but otherwise, or die of.
MISREAD = [
    ("ConsumedQuantity", "34799869434955415"),
    ("ConsumedQuantity", "10000000000000000"),
    ("BilledCost", "-7739460398542"),
    ("ConsumedQuantity", "1e-61"),
    ("ConsumedQuantity", "1E-61"),
    ("ConsumedQuantity", "12345678901234567890123456789012345678e-61"),
    ("ConsumedQuantity", "0E-999999999"),
    ("ConsumedQuantity", "0.0e-0000000000000000000099"),
    ("ConsumedQuantity", '"1.50"'),
    ("ConsumedQuantity", "true"),
    ("Tags", '"text"'),
    ("ChargePeriodStart", '"2025-05-01"'),
    ("ChargePeriodStart", '"2025-05-01T00:00:00"'),
    ("ChargePeriodStart", '"2025-05-01T00:00Z"'),
    ("ChargePeriodStart", '"2025-04-30T23:59:59.9999999Z"'),
]


@pytest.mark.parametrize("is_spaced", [False, True])
@pytest.mark.parametrize(("name", "value"), MISREAD)
def test_what_would_be_misread_is_not_read(name: str, value: str, *, is_spaced: bool) -> None:
    """What pyarrow alone reads otherwise than records, or dies of, is left to the records."""
    row = row_of(USAGE) | {"Tags": "null", name: value}
    text = array_text(row)
    assert (
        Ways().read(text.replace(b",", b"\n,\t").replace(b":", b" : ") if is_spaced else text)
        is None
    )


def test_a_name_may_be_escaped() -> None:
    """A number in text is found under whatever spelling of its column's name."""
    text = usage_array(Tags="null").replace(b'"BilledCost":0', b'"Billed\\u0043ost":"0"')
    assert b"\\u0043" in text
    assert Ways().read(text) is None
    assert Ways().check(text.replace(b'"0"', b"0"))


@pytest.mark.parametrize("scale", [0, 5, 38])
def test_what_does_not_fit_is_not_read(scale: int) -> None:
    """With any scale, what is beyond the column is refused by records, and not read."""
    ways = Ways(scale=scale)
    for number in (f"1{'0' * (38 - scale)}", f"-1{'0' * (38 - scale)}", f"1e-{scale + 1}"):
        text = usage_array(Tags="null", ConsumedQuantity=number)
        with pytest.raises(NumberOutOfRange, match="ConsumedQuantity"):
            ways.by_records(text)
        assert ways.read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"[null]",
        b'[{"ChargeDescription":"a"},null]',
        b"[[]]",
        usage_array(Tags="null", New="1"),
        usage_array(Tags="null", extra='"x"'),
        usage_array(),
        usage_array(Tags="null").replace(b'"BilledCost":0', b'"BilledCost":0,"BilledCost":1'),
        usage_array(New="[" * 100_000 + "]" * 100_000),
    ],
)
def test_what_is_not_of_the_shape_is_not_read(text: bytes) -> None:
    """Nulls among records, unknown fields, tags and names that come twice are left to records."""
    assert Ways().read(text) is None


def test_spaces_and_order_do_not_count() -> None:
    """JSON that is spread over lines, with its keys in any order, is read like any other."""
    rows = [{**USAGE, "Tags": None}, dict(reversed({**USAGE, "Tags": None}.items()))]
    assert Ways().check(json.dumps(rows, indent=2).encode(), json.dumps(rows).encode())


def test_many_moments_are_not_read() -> None:
    """Times of which few repeat would be slow, and are left to records."""
    row = row_of(USAGE) | {"Tags": "null"}
    rows = [row | {"ChargePeriodStart": f'"2025-05-01T00:00:00.{n:06}Z"'} for n in range(5000)]
    assert Ways().read(array_text(*rows)) is None
    assert Ways().check(array_text(*rows[:4000]))


def test_a_number_in_text_by_nature_is_not_read() -> None:
    """A record type whose numbers stand in text is left to records."""
    assert Ways(BillingProfile).read(b'[{"balance":"1"}]') is None


def test_what_is_missing_is_told() -> None:
    """Required fields that are absent or null in some record are named, as records name them."""
    ways = Ways()
    row = row_of(USAGE) | {"Tags": "null"}
    lacking = {name: value for name, value in row.items() if name != "ConsumedUnit"}
    read = ways.read(array_text(row, lacking), array_text(row | {"ChargeCategory": "null"}))
    assert read is not None
    assert {"ConsumedUnit", "ChargeCategory"} == read.missing


def test_the_scope_is_the_first_column() -> None:
    """Asked for, the scope's id is in a first column, whichever way it came."""
    ways = Ways(scope="account")
    text = usage_array(Tags="null")
    read = ways.read(text, text)
    assert read is not None
    assert [SCOPE, SCOPE] == read.batch.column("account").to_pylist()
    assert ways.check(text, text)
    assert pa.string() == read.batch.schema.field(0).type


def test_a_wrong_type_is_the_records_error() -> None:
    """What neither way can read is the records' error, with its place."""
    text = usage_array(Tags="null", ConsumedQuantity='"1"')
    with pytest.raises(DecodeError) as caught:
        Ways().by_records(text)
    assert caught.value.path == "result[0].ConsumedQuantity"
