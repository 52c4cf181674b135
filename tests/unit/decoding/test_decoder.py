import decimal
import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfbilling.decoding.converter import decode_object
from cfbilling.decoding.decoder import Batch, RecordDecoder
from cfbilling.decoding.structs import Refused
from cfbilling.errors import DecodeError
from cfbilling.records import BillingProfile, PaygoRecord, Record, UsageRecord
from tests.unit.strategies import (
    RECORD_TYPES,
    TORMENTS,
    USAGE,
    Row,
    array_text,
    exact,
    json_texts,
    mutated_rows,
    numbers,
    outcome_of,
    row_of,
    strings,
    usage_array,
    valid_rows,
)

USAGES, PAYGOS = RecordDecoder(UsageRecord), RecordDecoder(PaygoRecord)
DECODERS: dict[type[Record], RecordDecoder[Any]] = {
    **{record_type: RecordDecoder(record_type) for record_type in RECORD_TYPES},
    UsageRecord: USAGES,
    PaygoRecord: PAYGOS,
}
UNHURRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WAYS = [USAGES.decode, USAGES.decode_tolerantly]
STRUCTS_REFUSE = (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
record_types = st.sampled_from(RECORD_TYPES)


@st.composite
def valid_arrays(draw: st.DrawFn) -> tuple[type[Record], list[Row]]:
    """Generate a record type and valid rows of it."""
    record_type = draw(record_types)
    return record_type, draw(st.lists(valid_rows(record_type), max_size=3))


@st.composite
def mutated_arrays(draw: st.DrawFn) -> tuple[type[Record], list[Row]]:
    """Generate a record type and rows of it, most of them off the documented shape."""
    record_type = draw(record_types)
    return record_type, draw(st.lists(mutated_rows(record_type), max_size=3))


def told(batch: Batch[Any]) -> tuple[list[dict[str, str]], set[str]]:
    """Return all that a batch tells, digit for digit."""
    return [exact(record) for record in batch.records], set(batch.missing)


@UNHURRIED
@given(valid_arrays())
def test_the_structs_accept_what_is_documented(array: tuple[type[Record], list[Row]]) -> None:
    """Rows of the documented shape take the fast path, and both decoders agree on each digit."""
    record_type, rows = array
    decoder, text = DECODERS[record_type], array_text(*rows)
    assert decoder._structs is not None
    fast = Batch(*decoder._structs.decode(text))
    assert told(decoder.decode_tolerantly(text)) == told(fast)


@UNHURRIED
@given(mutated_arrays())
def test_the_decoders_agree(array: tuple[type[Record], list[Row]]) -> None:
    """Whatever the structs accept, the tolerant decoder reads alike, digit by digit."""
    record_type, rows = array
    decoder, text = DECODERS[record_type], array_text(*rows)
    structs = decoder._structs
    assert structs is not None
    fast = outcome_of(lambda: Batch(*structs.decode(text)), *STRUCTS_REFUSE)
    slow = outcome_of(lambda: decoder.decode_tolerantly(text), DecodeError)
    if fast is not None:
        assert slow is not None
        assert told(slow) == told(fast)
    either = outcome_of(lambda: decoder.decode(text), DecodeError)
    assert (slow and told(slow)) == (either and told(either))


@UNHURRIED
@given(mutated_arrays())
def test_encoding_loses_nothing(array: tuple[type[Record], list[Row]]) -> None:
    """A record that is encoded and decoded again is the same record, with the same digits."""
    record_type, rows = array
    decoder = DECODERS[record_type]
    batch = outcome_of(lambda: decoder.decode(array_text(*rows)), DecodeError)
    for record in batch.records if batch else ():
        (again,) = decoder.decode(b"[" + record.to_json() + b"]").records
        assert record == again
        for name in record_type.wire_names:
            expected, found = getattr(record, name), getattr(again, name)
            # JSON's integer zero has no sign to keep: "-0" is read as 0.
            if isinstance(expected, Decimal) and str(expected) != "-0":
                assert str(expected) == str(found)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_edge_is_refused_or_survives(moment: str) -> None:
    """A date-time that UTC cannot hold is refused, or else it can be encoded again."""
    text = usage_array(ChargePeriodStart=json.dumps(moment))
    batch = outcome_of(lambda: USAGES.decode(text), DecodeError)
    records = batch.records if batch else []
    assert records == [USAGES.decode(b"[" + r.to_json() + b"]").records[0] for r in records]


@UNHURRIED
@given(valid_arrays(), st.data())
def test_damaged_bytes_only_raise_decode_errors(
    array: tuple[type[Record], list[Row]], data: st.DataObject
) -> None:
    """Valid bytes with some replaced, lost or added give records or a decode error."""
    record_type, rows = array
    text = bytearray(array_text(*rows))
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 3)))
        text[begin:end] = data.draw(st.binary(max_size=3))
    batch = outcome_of(lambda: DECODERS[record_type].decode(bytes(text)), DecodeError)
    assert batch is None or isinstance(batch, Batch)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        json_texts.map(str.encode),
        st.text(alphabet='[]{},:"\\utrue0-.eE ', max_size=60).map(str.encode),
    )
)
def test_arbitrary_bytes_only_raise_decode_errors(text: bytes) -> None:
    """Bytes of any origin give a batch, a profile or a decode error, by either way."""
    for way in WAYS:
        batch = outcome_of(lambda way=way: way(text), DecodeError)  # type: ignore[misc]
        assert batch is None or isinstance(batch, Batch)
    profile = outcome_of(lambda: decode_object(text, BillingProfile), DecodeError)
    assert profile is None or isinstance(profile, BillingProfile)


@settings(max_examples=200, deadline=None)
@given(numbers.filter(lambda text: text != "-0"))
def test_numbers_keep_their_digits(text: str) -> None:
    """A number is the exact decimal that its own text says, sign and exponent included."""
    for way in WAYS:
        (record,) = way(usage_array(ConsumedQuantity=text)).records
        assert str(Decimal(text)) == str(record.consumed_quantity)


@pytest.mark.parametrize("way", WAYS)
def test_a_negative_zero_keeps_its_sign_where_it_has_digits(
    way: Callable[[bytes], Batch[UsageRecord]],
) -> None:
    """Minus nothing with a fraction keeps its digits; as an integer it is zero, either way."""
    for sent, got in (("-0.0", "-0.0"), ("-0.00", "-0.00"), ("-0", "0")):
        assert str(way(usage_array(ConsumedQuantity=sent)).records[0].consumed_quantity) == got


@pytest.mark.parametrize("way", WAYS)
def test_a_huge_integer_is_exact_or_refused(way: Callable[[bytes], Batch[UsageRecord]]) -> None:
    """An integer of many digits is exact; one of more digits than Python reads is an error."""
    (record,) = way(usage_array(ConsumedQuantity="1" * 4000)).records
    assert Decimal("1" * 4000) == record.consumed_quantity
    with pytest.raises(DecodeError, match="out of range"):
        way(usage_array(ConsumedQuantity="1" * 5000))


@settings(max_examples=100, deadline=None)
@given(strings())
def test_text_is_what_was_sent(text: str) -> None:
    """Text of any kind, escaped or not, comes out as it went in."""
    for way in WAYS:
        (record,) = way(usage_array(ChargeDescription=text)).records
        assert json.loads(text) == record.charge_description


@pytest.mark.parametrize("torment", TORMENTS)
def test_text_that_looks_like_json_is_text(torment: str) -> None:
    """Braces, quotes and keys inside of text stay text."""
    (record,) = USAGES.decode(usage_array(ChargeDescription=json.dumps(torment))).records
    assert torment == record.charge_description


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-05-01T00:00:00Z", datetime(2025, 5, 1, tzinfo=UTC)),
        ("2025-05-01T02:00:00+02:00", datetime(2025, 5, 1, tzinfo=UTC)),
        ("2025-04-30T23:30:00.5-00:30", datetime(2025, 5, 1, microsecond=500000, tzinfo=UTC)),
        ("2014-03-01T12:21:59.3456Z", datetime(2014, 3, 1, 12, 21, 59, 345600, tzinfo=UTC)),
        ("2025-05-01T00:00:00.000000001Z", datetime(2025, 5, 1, tzinfo=UTC)),
        ("2025-04-30T23:59:59.9999999Z", datetime(2025, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2025-04-30T23:59:59.99999949Z", datetime(2025, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        (
            "2025-05-01T01:59:59.9999999+02:00",
            datetime(2025, 4, 30, 23, 59, 59, 999999, tzinfo=UTC),
        ),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2025-06-30T23:59:60Z", datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2025-06-30T23:59:60.25Z", datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2025-07-01T01:59:60+02:00", datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_moments_are_aware(
    way: Callable[[bytes], Batch[UsageRecord]], text: str, expected: datetime
) -> None:
    """A date-time of any offset and fraction is an aware datetime."""
    (record,) = way(usage_array(ChargePeriodStart=json.dumps(text))).records
    assert expected == record.charge_period_start


WRONG = [
    ("ConsumedQuantity", "true"),
    ("ConsumedQuantity", '"31337"'),
    ("ConsumedQuantity", '"NaN"'),
    ("ConsumedQuantity", "[31337]"),
    ("ConsumedQuantity", '{"a":31337}'),
    ("BilledCost", "false"),
    ("ChargeDescription", "31337"),
    ("ChargeDescription", "true"),
    ("x_ZoneName", '["31337"]'),
    ("x_BillableMetricName", "31337"),
    ("ChargePeriodStart", "31337"),
    ("ChargePeriodStart", '"31337"'),
    ("ChargePeriodStart", '"2025-05-01T00:00:00"'),
    ("ChargePeriodStart", '"2025-05-01"'),
    ("BillingPeriodEnd", '"2025-05-31337"'),
    ("Tags", "31337"),
    ("Tags", '{"a":31337}'),
    ("Tags", '{"31337":null}'),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("wire_name", "text"), WRONG)
def test_a_wrong_value_has_its_place_told(
    way: Callable[[bytes, int], Batch[UsageRecord]], wire_name: str, text: str
) -> None:
    """A wrong type is a decode error with its path and without the value, in a traceback, too."""
    good = row_of(USAGE)
    body = array_text(good, good | {wire_name: text}, good)
    with pytest.raises(DecodeError) as caught:
        way(body, 2)
    assert caught.value.path == f"result[3].{wire_name}"
    assert str(caught.value).endswith(f" @ result[3].{wire_name}")
    assert "31337" not in "".join(traceback.format_exception(caught.value))
    assert "31337" not in repr(caught.value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "nan", "1e1000000000000000000"])
def test_no_number_is_not_finite(way: Callable[[bytes], Batch[UsageRecord]], text: str) -> None:
    """What is not a finite number is refused, also where a decimal context traps nothing."""
    for traps in ([], [decimal.InvalidOperation, decimal.Overflow, decimal.Inexact]):
        with decimal.localcontext(decimal.Context(prec=3, traps=traps)):
            with pytest.raises(DecodeError):
                way(usage_array(ConsumedQuantity=text))
            with pytest.raises(DecodeError):
                way(usage_array(New=text))


@pytest.mark.parametrize("way", WAYS)
def test_the_caller_s_precision_does_not_count(way: Callable[[bytes], Batch[UsageRecord]]) -> None:
    """Digits survive a decimal context that is coarse and traps what is inexact."""
    digits = "123456789.123456789123456789"
    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact])):
        (record,) = way(usage_array(ConsumedQuantity=digits, BilledCost="12345678901")).records
    assert (digits, "12345678901") == (str(record.consumed_quantity), str(record.billed_cost))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "result[7:]"),
        (b"[", "result[7:]"),
        (b"[]x", "result[7:]"),
        (b"[{}", "result[7:]"),
        (b"null", "result"),
        (b"{}", "result"),
        (b"1", "result"),
        (b'"31337"', "result"),
        (b"[1]", "result[7]"),
        (b"[{},null]", "result[8]"),
        (b"[{},{},[]]", "result[9]"),
    ],
)
def test_a_wrong_shape_has_its_place_told(
    way: Callable[[bytes, int], Batch[UsageRecord]], body: bytes, path: str
) -> None:
    """What is no array of objects is a decode error that says where."""
    with pytest.raises(DecodeError) as caught:
        way(body, 7)
    assert path == caught.value.path
    assert "31337" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "body",
    [
        usage_array(New="[" * 100_000 + "]" * 100_000),
        usage_array(New='{"a":' * 100_000),
        b"[" * 1_000_000,
        usage_array(ChargeDescription='"\\ud800"'),
        usage_array(New='"\\udc00x"'),
        usage_array(ChargeDescription='"@"').replace(b"@", b"\xff"),
        usage_array(ChargeDescription='"@"').replace(b"@", b"\xed\xa0\x80"),
        usage_array(**{"@": "1"}).replace(b"@", b"\xc3"),
    ],
)
def test_text_that_is_none_is_a_decode_error(
    way: Callable[[bytes], Batch[UsageRecord]], body: bytes
) -> None:
    """Endless nesting, half a surrogate pair and broken UTF-8 are decode errors."""
    with pytest.raises(DecodeError):
        way(body)


@pytest.mark.parametrize("way", WAYS)
def test_broken_text_is_not_shown(way: Callable[[bytes], Batch[UsageRecord]]) -> None:
    """An error about broken UTF-8 holds nothing of the body."""
    body = usage_array(ChargeDescription='"31337@"').replace(b"@", b"\xff")
    with pytest.raises(DecodeError) as caught:
        way(body)
    assert "31337" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire_name", sorted(RecordDecoder(UsageRecord).decode(b"[{}]").missing))
def test_a_missing_required_field_is_none_and_told(
    way: Callable[[bytes], Batch[UsageRecord]], wire_name: str
) -> None:
    """A required field that is absent or null is None and named, in one record of several."""
    name = next(n for n, wire in UsageRecord.wire_names.items() if wire == wire_name)
    whole = row_of(USAGE)
    absent = {key: value for key, value in whole.items() if key != wire_name}
    for row in (absent, whole | {wire_name: "null"}):
        batch = way(array_text(whole, row, whole))
        assert {wire_name} == batch.missing
        found = [getattr(record, name) is None for record in batch.records]
        assert [False, True, False] == found


@pytest.mark.parametrize("way", WAYS)
def test_optional_fields_may_be_missing(way: Callable[[bytes], Batch[UsageRecord]]) -> None:
    """Optional fields that are absent or null are None, and nobody is told."""
    batch = way(usage_array(BilledCost="null", Tags="null", RegionId="null"))
    (record,) = batch.records
    assert frozenset() == batch.missing
    found = (record.billed_cost, record.tags, record.region_id, record.list_cost)
    assert (None, None, None, None) == found


@pytest.mark.parametrize("way", WAYS)
def test_unknown_fields_are_kept(way: Callable[[bytes], Batch[UsageRecord]]) -> None:
    """Fields that are not known are kept by their wire names, numbers in them exact."""
    batch = way(usage_array(New='{"a":[1.10,null,true]}', extra="1", charge_category='"x"'))
    expected = {"New": {"a": [Decimal("1.10"), None, True]}, "extra": 1, "charge_category": "x"}
    assert expected == batch.records[0].extra
    assert repr(batch.records[0].extra["New"]) == "{'a': [Decimal('1.10'), None, True]}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", ["null", "{}", '{"a":1}', "[]", '"a"', "true"])
def test_an_unknown_field_may_be_called_like_its_place(
    way: Callable[[bytes], Batch[UsageRecord]], text: str
) -> None:
    """A field that the wire calls ``extra`` is an unknown one among the others."""
    (record,) = way(usage_array(extra=text)).records
    assert record.extra == {"extra": json.loads(text)}


def test_tags_may_be_text_or_truth() -> None:
    """Tags come as a dict of text or booleans."""
    (record,) = USAGES.decode(usage_array(Tags='{"a":"b","c":true}')).records
    assert record.tags == {"a": "b", "c": True}


def test_the_memory_for_numbers_is_exact_when_full() -> None:
    """More different numbers than are remembered are decoded as exactly as the first."""
    texts = [f"{index}.50" for index in range(9000)] * 2
    row = row_of(USAGE)
    text = array_text(*(row | {"ListCost": text} for text in texts))
    assert USAGES._structs is not None
    records, _ = USAGES._structs.decode(text)
    assert texts == [str(record.list_cost) for record in records]


@pytest.mark.parametrize(
    ("text", "expected"),
    [('"0"', "0"), ('"1.50"', "1.50"), ('"-12E+3"', "-1.2E+4"), ("null", "None")],
)
def test_a_balance_is_a_number_in_text(text: str, expected: str) -> None:
    """The profile's balance is the exact number that its text says."""
    profile = decode_object(f'{{"balance":{text}}}'.encode(), BillingProfile)
    assert expected == str(profile.balance)


@pytest.mark.parametrize(
    "text", ["1", "true", "[]", '""', '"NaN"', '"Infinity"', '"1_0"', '"true"', '"1 USD"', '"[1]"']
)
def test_a_balance_that_is_no_number_is_refused(text: str) -> None:
    """Any other balance is a decode error that names it."""
    with pytest.raises(DecodeError) as caught:
        decode_object(f'{{"balance":{text}}}'.encode(), BillingProfile)
    assert caught.value.path == "result.balance"


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"'])
def test_a_profile_must_be_an_object(body: bytes) -> None:
    """A result that is no object is a decode error."""
    with pytest.raises(DecodeError) as caught:
        decode_object(body, BillingProfile)
    assert caught.value.path == "result"


@pytest.mark.parametrize(
    ("field", "text"), [("is_partner", "1"), ("first_name", "31337"), ("card_number", "31337")]
)
def test_a_profile_s_error_shows_no_value(field: str, text: str) -> None:
    """A wrong type in a profile is told by its path alone."""
    with pytest.raises(DecodeError) as caught:
        decode_object(f'{{"{field}":{text}}}'.encode(), BillingProfile)
    assert f"result.{field}" == caught.value.path
    assert "31337" not in "".join(traceback.format_exception(caught.value))
