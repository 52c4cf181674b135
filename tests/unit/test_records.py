import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from cfbilling._record_type import optional, record_class
from cfbilling.decoding.converter import decode_object
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.records import BillingProfile, Column, PaygoRecord, Record, UsageRecord
from tests.unit.strategies import PAYGO, USAGE, Row, array_text, kind_of, numbers, valid_rows

TEXT, NUMBER, MOMENT, TRUTH = str, Decimal, datetime, bool
USAGE_REQUIRED = {
    "BillingAccountId": TEXT,
    "BillingAccountName": TEXT,
    "ChargeCategory": TEXT,
    "ChargeDescription": TEXT,
    "ChargeFrequency": TEXT,
    "ChargePeriodEnd": MOMENT,
    "ChargePeriodStart": MOMENT,
    "ConsumedQuantity": NUMBER,
    "ConsumedUnit": TEXT,
    "HostProviderName": TEXT,
    "InvoiceIssuerName": TEXT,
    "ServiceProviderName": TEXT,
    "x_BillableMetricName": TEXT,
}
USAGE_OPTIONAL = {
    "BilledCost": NUMBER,
    "BillingCurrency": TEXT,
    "BillingPeriodEnd": MOMENT,
    "BillingPeriodStart": MOMENT,
    "ChargeClass": TEXT,
    "ContractedCost": NUMBER,
    "ContractedUnitPrice": NUMBER,
    "EffectiveCost": NUMBER,
    "ListCost": NUMBER,
    "ListUnitPrice": NUMBER,
    "PricingQuantity": NUMBER,
    "PricingUnit": TEXT,
    "RegionId": TEXT,
    "RegionName": TEXT,
    "SubAccountId": TEXT,
    "SubAccountName": TEXT,
    "x_BillableMetricId": TEXT,
    "x_ProductFamilyName": TEXT,
    "x_ZoneId": TEXT,
    "x_ZoneName": TEXT,
}
USAGE_LATER = {"x_ProductCategoryName": TEXT, "x_ProductFamilyId": TEXT}
PAYGO_REQUIRED = {
    "BillingCurrency": TEXT,
    "BillingPeriodStart": MOMENT,
    "ChargePeriodEnd": MOMENT,
    "ChargePeriodStart": MOMENT,
    "ConsumedQuantity": NUMBER,
    "ConsumedUnit": TEXT,
    "ContractedCost": NUMBER,
    "CumulatedContractedCost": NUMBER,
    "CumulatedPricingQuantity": NUMBER,
    "PricingQuantity": NUMBER,
    "ServiceName": TEXT,
}
PAYGO_OPTIONAL = {
    "ServiceFamilyName": TEXT,
    "SubscriptionId": TEXT,
    "ZoneId": TEXT,
    "ZoneName": TEXT,
}
PROFILE_TEXTS = [
    "id",
    "account_type",
    "address",
    "address2",
    "card_number",
    "city",
    "company",
    "country",
    "device_data",
    "edited_on",
    "enterprise_billing_email",
    "enterprise_primary_email",
    "first_name",
    "last_name",
    "next_bill_date",
    "payment_address",
    "payment_address2",
    "payment_city",
    "payment_country",
    "payment_email",
    "payment_first_name",
    "payment_gateway",
    "payment_last_name",
    "payment_nonce",
    "payment_state",
    "payment_zipcode",
    "primary_email",
    "state",
    "tax_id_type",
    "telephone",
    "validation_code",
    "vat",
    "zipcode",
]
PROFILE = dict.fromkeys(PROFILE_TEXTS, TEXT) | {
    "balance": NUMBER,
    "card_expiry_month": NUMBER,
    "card_expiry_year": NUMBER,
    "created_on": MOMENT,
    "is_partner": TRUTH,
    "use_legacy": TRUTH,
}


def types_of(record_type: type[Record], *, without: str = "") -> dict[str, object]:
    """Return each wire name with the type of its value."""
    names = record_type.wire_names.items()
    return {wire: kind_of(record_type, name) for name, wire in names if wire != without}


def required_of(record_type: type[Record]) -> set[str]:
    """Return the wire names that are reported when they are missing."""
    return set(RecordDecoder(record_type).decode(b"[{}]").missing)


def test_usage_has_every_field_of_both_revisions() -> None:
    """The usage record has the 33 fields of the first revision and the 3 of the later one."""
    first = USAGE_REQUIRED | USAGE_OPTIONAL
    assert len(first) == 33
    assert first | USAGE_LATER == types_of(UsageRecord, without="Tags")
    assert UsageRecord.wire_names["tags"] == "Tags"
    assert len(UsageRecord.wire_names) == 36


def test_paygo_has_every_field() -> None:
    """The paygo record has the eleven required fields and the four optional ones."""
    assert PAYGO_REQUIRED | PAYGO_OPTIONAL == types_of(PaygoRecord)
    assert (11, 15) == (len(PAYGO_REQUIRED), len(PaygoRecord.wire_names))


def test_the_profile_has_every_field() -> None:
    """The profile has all documented fields under their own names."""
    assert types_of(BillingProfile) == PROFILE
    assert {name: name for name in PROFILE} == dict(BillingProfile.wire_names)


def test_the_required_fields_are_the_documented_ones() -> None:
    """Exactly the fields that the contract requires are reported when they are missing."""
    assert set(USAGE_REQUIRED) == required_of(UsageRecord)
    assert set(PAYGO_REQUIRED) == required_of(PaygoRecord)


@pytest.mark.parametrize(
    ("wire_name", "name"),
    [
        ("x_BillableMetricName", "x_billable_metric_name"),
        ("x_ZoneId", "x_zone_id"),
        ("BilledCost", "billed_cost"),
        ("ListUnitPrice", "list_unit_price"),
    ],
)
def test_names_are_the_wire_s_in_snake_case(wire_name: str, name: str) -> None:
    """Attributes have the wire's names in snake case, with the prefix kept."""
    assert wire_name == UsageRecord.wire_names[name]


SECRET = "Hunter2"


def full_profile() -> BillingProfile:
    """Return a profile with personal data in every field."""
    wire: dict[str, object] = dict.fromkeys(PROFILE_TEXTS, SECRET)
    wire |= {"balance": "4711.5", "card_expiry_month": 11, "card_expiry_year": 2093}
    wire |= {"created_on": "2014-03-01T12:21:59.3456Z", "is_partner": True, "use_legacy": False}
    wire |= {"id": "the-id", "account_type": "the-type", "country": "the-country"}
    return decode_object(json.dumps(wire | {"unknown": SECRET}).encode(), BillingProfile)


def test_the_profile_shows_no_personal_data() -> None:
    """No text form of a profile, rich's included, has more than its id, type and country."""
    expected = "BillingProfile(id='the-id', account_type='the-type', country='the-country')"
    profile = full_profile()
    assert [expected] * 3 == [repr(profile), str(profile), f"{profile}"]
    assert expected == pretty_repr(profile, max_width=len(expected))


def test_a_profile_goes_back_to_the_wire_as_it_came() -> None:
    """A profile's dict has the wire's names and types, its balance in a string again."""
    wire = full_profile().to_wire()
    assert {*PROFILE, "unknown"} == set(wire)
    found = (wire["balance"], wire["card_expiry_month"], wire["created_on"], wire["is_partner"])
    assert ("4711.5", Decimal(11), "2014-03-01T12:21:59.345600Z", True) == found


def test_a_record_goes_back_to_the_wire_as_it_came() -> None:
    """A record's dict is the wire object, with exact numbers and unknown fields last."""
    wire = USAGE | {"New": [1, None]}
    (record,) = RecordDecoder(UsageRecord).decode(json.dumps([wire]).encode()).records
    assert wire == record.to_wire()
    assert list(record.to_wire())[-1] == "New"
    assert type(record.to_wire()["ConsumedQuantity"]) is Decimal


def test_absent_fields_stay_absent() -> None:
    """What is None is left out of the dict."""
    assert UsageRecord().to_wire() == {}
    assert PaygoRecord(zone_id="z").to_wire() == {"ZoneId": "z"}


def test_moments_go_back_in_utc() -> None:
    """A date-time with any offset goes to the wire as UTC."""
    zone = timezone(timedelta(hours=5, minutes=30))
    record = PaygoRecord(
        charge_period_start=datetime(2025, 1, 1, 5, 30, tzinfo=zone),
        charge_period_end=datetime(2025, 1, 2, 0, 0, 0, 5, tzinfo=UTC),
    )
    expected = {
        "ChargePeriodStart": "2025-01-01T00:00:00Z",
        "ChargePeriodEnd": "2025-01-02T00:00:00.000005Z",
    }
    assert expected == record.to_wire()


@pytest.mark.parametrize(("record_type", "example"), [(UsageRecord, USAGE), (PaygoRecord, PAYGO)])
@pytest.mark.parametrize("unknown", [{}, {"New": {"a": [1]}}])
def test_a_decoded_record_is_a_plain_value(
    record_type: type[Record], example: dict[str, object], unknown: dict[str, object]
) -> None:
    """Decoded by either way, a record is of its class, hashable, frozen, slotted and picklable."""
    text = json.dumps([example | unknown]).encode()
    (record,) = RecordDecoder(record_type).decode(text).records
    (again,) = RecordDecoder(record_type).decode(text).records
    assert record_type is type(record)
    assert {record} == {again}
    assert record == pickle.loads(pickle.dumps(record))  # noqa: S301
    assert unknown == record.extra
    assert not hasattr(record, "__dict__")
    for name in record_type.wire_names:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(record, name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(record, name)


@pytest.mark.parametrize("made", [UsageRecord(), PaygoRecord(), BillingProfile()])
def test_a_record_is_made_by_hand_as_by_decoding(made: Record) -> None:
    """A record takes its fields by name, none of them has to be given, and no others are taken."""
    record_type: Any = type(made)
    name = made.columns[0].name
    record = record_type(**{name: "x"})
    assert made == attrs.evolve(record, **{name: None})
    assert "x" == attrs.asdict(record)[name]
    assert record == copy.copy(record) == copy.deepcopy(record) != made
    with pytest.raises(TypeError):
        record_type(unheard_of="x")
    with pytest.raises(TypeError):
        record_type("x")


def test_a_record_class_may_have_more_fields() -> None:
    """What is made of a record class has its fields first, and its own ones like them."""

    @record_class(kw_only=True)
    class Tenant(PaygoRecord):
        tenant_name: str | None = optional()
        is_own: bool | None = None

    record = Tenant(zone_id="z", tenant_name="t")
    assert record.to_wire() == {"ZoneId": "z", "TenantName": "t"}
    assert [*PaygoRecord.wire_names, "tenant_name", "is_own"] == [*Tenant.wire_names]
    assert record != PaygoRecord(zone_id="z")


def test_each_field_of_a_record_has_a_default() -> None:
    """A field that would have to be given is refused when its class is made."""
    with pytest.raises(TypeError, match=r"Tenant\.tenant_name"):

        @record_class(kw_only=True)
        class Tenant(PaygoRecord):
            tenant_name: str


def test_records_share_no_state() -> None:
    """Each record of a batch has its own dict of unknown fields."""
    text = json.dumps([USAGE, USAGE]).encode()
    first, second = RecordDecoder(UsageRecord).decode(text).records
    assert first.extra is not second.extra


def test_unknown_fields_count() -> None:
    """Records that differ in an unknown field alone are not equal, but hash alike."""
    one, other = UsageRecord(extra={"New": 1}), UsageRecord(extra={"New": 2})
    assert one != other
    assert hash(one) == hash(other)


def test_a_profile_is_hashable_and_picklable() -> None:
    """A profile is a plain value like the other records."""
    profile = full_profile()
    assert {profile} == {full_profile()}
    assert profile == pickle.loads(pickle.dumps(profile))  # noqa: S301


RECORD_TYPES: list[type[Record]] = [UsageRecord, PaygoRecord, BillingProfile]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_columns_are_the_documented_fields(record_type: type[Record]) -> None:
    """Each documented field is a column, in order, with the type that its annotation says."""
    fields = [field.name for field in attrs.fields(record_type) if field.name != "extra"]
    assert fields == [column.name for column in record_type.columns]
    names = {column.name: column.wire_name for column in record_type.columns}
    assert dict(record_type.wire_names) == names
    for column in record_type.columns:
        annotated = kind_of(record_type, column.name)
        assert column.kind is (annotated if isinstance(annotated, type) else dict)


def test_a_column_says_where_a_value_stands() -> None:
    """A column leads from a record's attribute to the field on the wire."""
    assert Column("x_zone_id", "x_ZoneId", str) in UsageRecord.columns
    assert Column("tags", "Tags", dict) in UsageRecord.columns
    assert Column("created_on", "created_on", datetime) in BillingProfile.columns
    assert Record.columns == ()


def exactly(text: bytes | str) -> object:
    """Return what JSON says, each number as its own text."""
    return json.loads(text, parse_float=str, parse_int=str)


@given(
    st.sampled_from([UsageRecord, PaygoRecord]).flatmap(
        lambda t: st.tuples(st.just(t), valid_rows(t))
    )
)
def test_json_is_what_was_decoded(drawn: tuple[type[Record], Row]) -> None:
    """A record's JSON decodes to an equal record, and says what its dict says."""
    record_type, row = drawn
    (record,) = RecordDecoder(record_type).decode(array_text(row)).records
    text = record.to_json()
    assert RecordDecoder(record_type).decode(b"[" + text + b"]").records == [record]
    assert list(record.to_wire()) == list(json.loads(text))


@given(numbers.map(Decimal))
def test_json_keeps_each_digit(number: Decimal) -> None:
    """A number stands in the JSON with exactly the digits and the exponent that it has."""
    record = UsageRecord(billed_cost=number, extra={"New": [number]})
    assert exactly(record.to_json()) == {"BilledCost": str(number), "New": [str(number)]}


@given(numbers.map(Decimal))
def test_json_keeps_a_number_in_its_string(number: Decimal) -> None:
    """A balance stands in a string, as the service sends it."""
    assert json.loads(BillingProfile(balance=number).to_json()) == {"balance": str(number)}


def test_json_leaves_out_what_is_absent() -> None:
    """Absent fields are left out, date-times are in UTC, and unknown fields come last."""
    start = datetime(2025, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    record = PaygoRecord(charge_period_start=start, zone_name="\u20ac", extra={"New": None})
    expected = '{"ChargePeriodStart":"2025-01-01T00:00:00Z","ZoneName":"\u20ac","New":null}'
    assert expected == record.to_json().decode()
    assert Record().to_json() == b"{}"
