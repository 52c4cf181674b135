"""What the tests of this folder generate: JSON text in the shapes of the wire, valid and not."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import attrs
from hypothesis import strategies as st

from cfbilling.records import (
    Account,
    BillableUsageRecord,
    BillingCredits,
    BillingHistoryItem,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)

T = TypeVar("T")
Row = dict[str, str]
"""Wire names to JSON text, so that a number keeps the digits that were meant."""

USAGE = {
    "BillingAccountId": "023e105f4ecef8ad9ca31a8372d0c353",
    "BillingAccountName": "My Account",
    "ChargeCategory": "Usage",
    "ChargeDescription": "Workers Standard Requests \u2014 daily usage",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2025-05-02T00:00:00Z",
    "ChargePeriodStart": "2025-05-01T00:00:00Z",
    "ConsumedQuantity": 150000,
    "ConsumedUnit": "Requests",
    "HostProviderName": "Cloudflare",
    "InvoiceIssuerName": "Cloudflare",
    "ServiceProviderName": "Cloudflare",
    "x_BillableMetricName": "Workers Standard Requests",
    "BilledCost": 0,
    "Tags": {"team": "edge", "shared": True},
    "x_BillableMetricId": "workers_standard_requests",
}
PAYGO = {
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2025-02-01T00:00:00Z",
    "ChargePeriodEnd": "2025-02-02T00:00:00Z",
    "ChargePeriodStart": "2025-02-01T00:00:00Z",
    "ConsumedQuantity": 150000,
    "ConsumedUnit": "GB-months",
    "ContractedCost": 3,
    "CumulatedContractedCost": 7,
    "CumulatedPricingQuantity": 4500000,
    "PricingQuantity": 150000,
    "ServiceName": "Workers Standard",
}
BILLABLE = {
    "BilledCost": 0,
    "BillingAccountId": "023e105f4ecef8ad9ca31a8372d0c353",
    "BillingAccountName": None,
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2025-02-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": None,
    "ChargeDescription": "R2 Data Storage",
    "ChargePeriodEnd": "2025-02-28T23:59:59Z",
    "ChargePeriodStart": "2025-02-28T00:00:00Z",
    "ConsumedQuantity": 150000,
    "ConsumedUnit": "",
    "ContractedCost": 3,
    "CumulatedContractedCost": 7,
    "CumulatedPricingQuantity": 4500000,
    "EffectiveCost": 0,
    "HostProviderName": "Cloudflare",
    "InvoiceIssuerName": "Cloudflare",
    "ListCost": 3,
    "PricingQuantity": 150000,
    "PricingUnit": "GB-months",
    "ServiceName": "R2",
    "ServiceProviderName": "Cloudflare",
}
_EXAMPLES: Mapping[type[Record], Mapping[str, object]] = {
    UsageRecord: USAGE,
    PaygoRecord: PAYGO,
    BillableUsageRecord: BILLABLE,
    BillingHistoryItem: {},
    BillingCredits: {},
    Subscription: {},
    Account: {},
}
RECORD_TYPES = list(_EXAMPLES)

TORMENTS = (
    "}],{",
    '"result": [',
    '"result":[{',
    "}",
    "}}}}}}}}",
    "},{",
    "]}",
    '\\"}],"success":true}',
    "\\",
    '"',
    "\u20ac\U0001f600",
    "\u0000\n",
)


def row_of(example: Mapping[str, object]) -> Row:
    """Return an example as a row."""
    return {name: json.dumps(value) for name, value in example.items()}


def row_text(row: Mapping[str, str]) -> str:
    """Return a row as a JSON object."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in row.items()) + "}"


def array_text(*rows: Mapping[str, str]) -> bytes:
    """Return rows as a JSON array."""
    return ("[" + ",".join(map(row_text, rows)) + "]").encode()


def usage_array(**changes: str) -> bytes:
    """Return an array of one usage record with some fields' JSON text replaced."""
    return array_text(row_of(USAGE) | changes)


def kind_of(record_type: type[Record], name: str) -> Any:
    """Return the type of an attribute's value when it is not ``None``."""
    hints = get_args(get_type_hints(record_type)[name])
    return next(part for part in hints if part is not NoneType)


def exact(record: Record) -> dict[str, str]:
    """Return a record as text, so that digits and offsets count, too."""
    fields = [field.name for field in attrs.fields(type(record))]
    return {name: repr(getattr(record, name)) for name in fields}


numbers = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.integers(-(10**60), 10**60).map(str),
    st.sampled_from(
        ["-0", "-0.0", "0.10", "1e400", "1E-400", "18446744073709551616", "-9223372036854775809"]
    ),
)
fractions = st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,12}", fullmatch=True))
offsets = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-11:00", "+14:00", "-12:45"])


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Generate a date-time of RFC 3339, as JSON text."""
    moment = draw(st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001 - the offset is text
    separator = draw(st.sampled_from("Tt "))
    head = moment.replace(microsecond=0).isoformat(separator)
    return f'"{head}{draw(fractions)}{draw(offsets)}"'


@st.composite
def strings(draw: st.DrawFn) -> str:
    """Generate text as JSON text, escaped or as it is."""
    text = draw(st.one_of(st.text(max_size=12), st.sampled_from(TORMENTS)))
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


json_texts = st.recursive(
    st.one_of(numbers, strings(), st.sampled_from(["null", "true", "false"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.dictionaries(st.text(max_size=6), inner, max_size=3).map(row_text),
    ),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=6), json_texts, max_size=3).map(row_text)
tags = st.dictionaries(
    st.text(max_size=6), st.one_of(strings(), st.sampled_from(["true", "false"])), max_size=3
).map(row_text)

VALID: Mapping[type, st.SearchStrategy[str]] = {
    str: strings(),
    Decimal: numbers,
    datetime: moments(),
    bool: st.sampled_from(["true", "false"]),
    Mapping[str, object]: objects,
}
ODD = st.one_of(
    st.sampled_from(
        ["null", "true", "[]", "{}", '"1"', "1", '"x"', "NaN", "Infinity", "-Infinity", '"NaN"', ""]
    ),
    json_texts,
)


@st.composite
def valid_rows(draw: st.DrawFn, record_type: type[Record]) -> Row:
    """Generate a row with every required field and some optional ones, all of the right type."""
    row = row_of(_EXAMPLES[record_type])
    names = sorted(record_type.wire_names.items())
    for name, wire_name in draw(st.lists(st.sampled_from(names), max_size=8, unique=True)):
        row[wire_name] = draw(VALID.get(kind_of(record_type, name), tags))
    return row


@st.composite
def mutated_rows(draw: st.DrawFn, record_type: type[Record]) -> Row:
    """Generate a row that may lack fields, have unknown ones, nulls or values of wrong types."""
    row = draw(valid_rows(record_type))
    wire_names = sorted(record_type.wire_names.values())
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["null", "missing", "unknown", "wrong"]))
        if kind == "unknown":
            row[draw(st.text(max_size=8))] = draw(json_texts)
        elif kind == "missing":
            row.pop(draw(st.sampled_from(wire_names)), None)
        else:
            row[draw(st.sampled_from(wire_names))] = "null" if kind == "null" else draw(ODD)
    return row


@st.composite
def cut_up(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """Generate a way to split bytes into pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def outcome_of(call: Callable[[], T], *expected: type[Exception]) -> T | None:
    """Return what a call gives, or ``None`` for an expected exception."""
    try:
        return call()
    except expected:
        return None
