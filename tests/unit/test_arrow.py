"""Records as columns: every digit of a number that fits, and a name for one that does not."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import (
    ConfigurationError,
    NumberOutOfRange,
    Record,
    Subscription,
    UsageRecord,
)
from cfbilling.arrow import MOST_DIGITS, RecordColumns, schema
from cfbilling.decoding.decoder import RecordDecoder
from tests.unit.strategies import USAGE, array_text, numbers, row_of

BIG = Decimal("1e40")
NAMED = "x_BillableMetricName " + "m" * 100


def _records(**changes: str) -> list[UsageRecord]:
    return RecordDecoder(UsageRecord).decode(array_text(row_of(USAGE) | changes)).records


@pytest.mark.parametrize("scale", [-1, MOST_DIGITS + 1, True, "22", 1.0])
def test_a_scale_that_is_none_is_refused(scale: Any) -> None:
    """A column has 0 to 38 digits after the point; what else is given is named."""
    with pytest.raises(ConfigurationError, match="decimal_scale"):
        schema(UsageRecord, decimal_scale=scale)
    with pytest.raises(ConfigurationError, match="decimal_scale"):
        RecordColumns(UsageRecord, decimal_scale=scale)


def test_columns_have_the_names_of_the_wire() -> None:
    """Numbers are decimals, moments are UTC, and what no column is for is text at the end."""
    found = schema(UsageRecord)
    assert [*UsageRecord.wire_names.values(), "extra"] == found.names
    assert pa.decimal128(38, 28) == found.field("BilledCost").type
    assert pa.decimal128(38, 22) == found.field("ConsumedQuantity").type
    assert pa.timestamp("us", tz="UTC") == found.field("ChargePeriodStart").type
    assert pa.string() == found.field("Tags").type


def test_one_scale_is_for_every_number() -> None:
    """A caller whose numbers are others sets the digits after the point."""
    found = schema(UsageRecord, decimal_scale=5)
    kinds = {field.type for field in found if pa.types.is_decimal(field.type)}
    assert {pa.decimal128(38, 5)} == kinds


def test_whose_records_they_are_is_a_first_column() -> None:
    """The records of many accounts in one table say whose they are."""
    columns = RecordColumns(UsageRecord, scope="account_id")
    batch = columns.batch(_records() * 2, "a" * 32)
    assert "account_id" == batch.schema.names[0]
    assert ["a" * 32] * 2 == batch.column("account_id").to_pylist()
    assert schema(UsageRecord, scope="account_id") == batch.schema


@given(text=numbers, scale=st.integers(0, MOST_DIGITS))
def test_a_number_is_exact_or_refused(text: str, scale: int) -> None:
    """Nothing is rounded: a number comes back equal, or the error names column and record."""
    columns = RecordColumns(UsageRecord, decimal_scale=scale)
    records = _records(ConsumedQuantity=text)
    number = records[0].consumed_quantity
    assert number is not None
    try:
        batch = columns.batch(_records(ConsumedQuantity="0") + records)
    except NumberOutOfRange as error:
        assert "ConsumedQuantity" == error.column
        assert str(USAGE["BillingAccountId"]) in str(error)
        least, most = Fraction(1, 10**scale), Fraction(10 ** (MOST_DIGITS - scale))
        is_fine = (Fraction(number) / least).denominator > 1
        assert is_fine or abs(number) >= most
    else:
        assert number == batch.column("ConsumedQuantity").to_pylist()[1]


def test_parts_of_a_record_are_text_with_every_digit() -> None:
    """Tags and fields to come are JSON, and a number in them is as it came; nothing is null."""
    digits = "0.12345678901234567890123456789012345678901"
    records = _records(x_New=f'{{"rate": {digits}}}', Tags='{"team": "edge"}')
    batch = RecordColumns(UsageRecord).batch(records + _records(Tags="null"))
    extra, none = batch.column("extra").to_pylist()
    assert none is None
    assert Decimal(digits) == json.loads(extra, parse_float=Decimal)["x_New"]["rate"]
    tags = batch.column("Tags").to_pylist()
    assert ({"team": "edge"}, None) == (json.loads(tags[0]), tags[1])


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (Subscription(price=BIG), "price 1E+40 does not fit decimal128(38, 28)"),
        (
            UsageRecord(list_cost=BIG, x_billable_metric_name="m" * 1000),
            f"ListCost 1E+40 does not fit decimal128(38, 28), in the record with {NAMED}",
        ),
    ],
)
def test_an_error_says_whose_number_it_is_in_few_words(record: Record, told: str) -> None:
    """What tells the record is named as far as it has it, and no long text in full."""
    with pytest.raises(NumberOutOfRange) as caught:
        RecordColumns(type(record)).batch([record])
    assert told == caught.value.message
