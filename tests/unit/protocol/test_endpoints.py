from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.chunk import DateChunk
from cfbilling.cycles import BillingCycles
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.endpoints import ENDPOINTS
from cfbilling.protocol.requests import Query
from cfbilling.records import (
    Account,
    BillableMetric,
    BillableUsageRecord,
    BillingCredits,
    BillingHistoryItem,
    BillingProfile,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)

ID = "023e105f4ecef8ad9ca31a8372d0c353"
CHUNK = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
A = "account_id"
V2 = f"/accounts/{ID}/billable/usage"
V1 = f"/accounts/{ID}/billable-usage"
TABLE: list[tuple[str, str | None, str, type[Record], int | None, str | None]] = [
    ("billing_profile", A, f"/accounts/{ID}/billing/profile", BillingProfile, None, None),
    ("usage", A, V2, UsageRecord, 31, "alpha"),
    ("usage_query", A, V2, UsageRecord, 31, "alpha"),
    ("billable_metrics", A, f"{V2}/billable-metrics", BillableMetric, 31, "alpha"),
    (
        "organization_usage",
        "organization_id",
        f"/organizations/{ID}/billable/usage",
        UsageRecord,
        31,
        "alpha",
    ),
    ("paygo_usage", A, f"/accounts/{ID}/paygo-usage", PaygoRecord, None, "alpha"),
    ("paygo_usage_beta", A, f"/accounts/{ID}/billing/usage/paygo", PaygoRecord, None, "beta"),
    ("billable_usage", A, V1, BillableUsageRecord, None, None),
    ("billing_cycles", A, f"{V1}/info", BillingCycles, None, None),
    ("billing_history", A, f"/accounts/{ID}/billing/history", BillingHistoryItem, None, None),
    ("billing_credits", A, f"/accounts/{ID}/billing/credits", BillingCredits, None, None),
    ("subscriptions", A, f"/accounts/{ID}/subscriptions", Subscription, None, None),
    ("accounts", None, "/accounts", Account, None, None),
]
RANGED = [
    "usage",
    "billable_metrics",
    "organization_usage",
    "paygo_usage",
    "paygo_usage_beta",
    "billable_usage",
]


def test_the_table_is_the_documented_one() -> None:
    """Every row has the documented path, scope, record, limit and stage, and there is no other."""
    found = [
        (
            row.name,
            row.scope,
            Query(row).about(ID).target,
            row.record_type,
            row.max_days,
            row.stage,
        )
        for row in ENDPOINTS.values()
        if not row.sources
    ]
    assert TABLE == found
    assert [*(row[0] for row in TABLE), "costs"] == list(ENDPOINTS)


def test_only_what_is_documented_is_taken() -> None:
    """Each endpoint takes the documented parameters, and one is asked by POST."""
    found = {row.name: set(row.parameters) for row in ENDPOINTS.values() if row.parameters}
    assert {
        "usage": {"metric"},
        "organization_usage": {"metric"},
        "usage_query": {"cost", "filter_by", "group_by"},
        "billing_history": {"status"},
    } == found
    assert ["usage_query"] == [row.name for row in ENDPOINTS.values() if row.method == "POST"]


def test_costs_come_from_the_query_or_from_version_1() -> None:
    """The sources of costs are those two, the better first."""
    assert ["usage_query", "billable_usage"] == [row.name for row in ENDPOINTS["costs"].sources]


@pytest.mark.parametrize("name", RANGED)
def test_a_range_goes_out_as_from_and_to(name: str) -> None:
    """A chunk's ends are the query, exactly."""
    target = Query(ENDPOINTS[name], CHUNK).about(ID).target
    path = next(row[2] for row in TABLE if row[0] == name)
    assert f"{path}?from=2025-01-01&to=2025-02-01" == target


def test_moments_go_out_as_the_days_that_hold_them() -> None:
    """A chunk of datetimes asks for whole UTC days."""
    chunk = DateChunk(datetime(2025, 1, 1, 12, tzinfo=UTC), datetime(2025, 1, 2, 1, tzinfo=UTC))
    target = Query(ENDPOINTS["usage"], chunk).about(ID).target
    assert f"/accounts/{ID}/billable/usage?from=2025-01-01&to=2025-01-03" == target


def test_a_metric_is_quoted() -> None:
    """What a metric has that a URL has not is quoted."""
    target = Query(ENDPOINTS["usage"], CHUNK, "R2 & \u00e9/#?=").about(ID).target
    expected = "from=2025-01-01&to=2025-02-01&metric=R2+%26+%C3%A9%2F%23%3F%3D"
    assert f"/accounts/{ID}/billable/usage?{expected}" == target


@given(st.text(min_size=1, max_size=128))
def test_any_metric_arrives_as_it_was(metric: str) -> None:
    """A metric read back from the URL is the metric that was asked for, and nothing else is."""
    target = Query(ENDPOINTS["usage"], None, metric).about(ID).target
    parts = urlsplit(target)
    assert (f"/accounts/{ID}/billable/usage", "") == (parts.path, parts.fragment)
    assert [("metric", metric)] == parse_qsl(parts.query, keep_blank_values=True)


@pytest.mark.parametrize("metric", ["", "m" * 129, "\ud800", 7, b"m", True])
def test_what_is_no_metric_is_refused(metric: str) -> None:
    """A metric that is empty, too long or no text is refused by its name."""
    with pytest.raises(ConfigurationError, match="metric"):
        Query(ENDPOINTS["usage"], None, metric).about(ID)


def test_a_metric_needs_an_endpoint_that_filters() -> None:
    """An endpoint that is not documented to take a metric is not sent one."""
    with pytest.raises(ConfigurationError, match="metric"):
        Query(ENDPOINTS["paygo_usage"], CHUNK, "metric").about(ID)


@pytest.mark.parametrize(
    "scope_id",
    [
        "",
        ID[:-1],
        ID + "0",
        ID.upper(),
        ID[:-1] + "g",
        ID + "\n",
        "\n" + ID,
        "../" + ID[3:],
        ID[:-1] + "\uff11",
        ID.encode(),
        None,
        7,
    ],
)
@pytest.mark.parametrize(("name", "scope"), [(row[0], row[1]) for row in TABLE if row[1]])
def test_what_is_no_id_is_refused(name: str, scope: str, scope_id: str) -> None:
    """An id that is not 32 lower-case hexadecimal digits is refused by its name, not shown."""
    with pytest.raises(ConfigurationError) as caught:
        Query(ENDPOINTS[name]).about(scope_id)
    assert f"{scope} must be 32 lower-case hexadecimal digits" == str(caught.value)


def test_a_request_tells_what_it_is() -> None:
    """Errors and events get the endpoint's name, the id and the chunk."""
    request = Query(ENDPOINTS["usage"], CHUNK).about(ID)
    assert {"endpoint": "usage", "scope_id": ID, "chunk": CHUNK} == request.facts


@pytest.mark.parametrize("name", [name for name, e in ENDPOINTS.items() if e.names_account])
def test_records_of_an_account_name_it_in_one_attribute(name: str) -> None:
    """Records that name the account asked about all have the attribute that is looked at."""
    assert "billing_account_id" in ENDPOINTS[name].record_type.wire_names
