from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox, WireRecord
from cfbilling.sandbox.data.catalogue import METRICS
from cfbilling.sandbox.data.product_families import family_id
from cfbilling.sandbox.data.tags import TAG_KEYS

START, END = date(2025, 5, 1), date(2025, 5, 4)
COSTS = (
    "BilledCost",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
    "PricingQuantity",
    "ConsumedQuantity",
)
REQUIRED = {
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "HostProviderName",
    "InvoiceIssuerName",
    "ServiceProviderName",
    "x_BillableMetricId",
}
SANDBOX = Sandbox(records_per_day=100)
ACCOUNT = SANDBOX.account_ids[0]
GROUPINGS = [
    *(("TAG", key) for key in sorted(TAG_KEYS)),
    *(("DIMENSION", key) for key in ("account_id", "zone_id", "region")),
]
Totals = dict[tuple[object, object, str], Decimal]


def totals(records: Iterable[WireRecord], names: Iterable[str] = COSTS) -> Totals:
    """Add up each number of each metric and day, without any rounding."""
    names = tuple(names)
    sums: Totals = defaultdict(Decimal)
    with localcontext(Context(prec=200, traps=[Inexact])):
        for record in records:
            for name in names:
                number = record[name]
                assert isinstance(number, Decimal)
                key = record["x_BillableMetricId"], str(record["ChargePeriodStart"])[:10], name
                sums[key] += number
    return sums


WHOLE = SANDBOX.usage_query(ACCOUNT, START, END, cost=True)


def test_without_groups_there_is_one_record_for_each_metric_and_day() -> None:
    """Metric and day are a key, and the usage is that of the endpoint without a query."""
    keys = {(str(row["x_BillableMetricId"]), str(row["ChargePeriodStart"])) for row in WHOLE}
    assert len(keys) == len(WHOLE) == 3 * len(METRICS)
    later = Sandbox(records_per_day=100, revision="later")
    names = ["ConsumedQuantity"]
    assert totals(later.expected_usage(ACCOUNT, START, END), names) == totals(WHOLE, names)


@settings(deadline=None, max_examples=40)
@given(group_by=st.lists(st.sampled_from(GROUPINGS), max_size=2, unique=True))
def test_groups_add_up(group_by: list[tuple[str, str]]) -> None:
    """Whatever records are told apart by, they add up to the records without groups."""
    parts = SANDBOX.usage_query(ACCOUNT, START, END, cost=True, group_by=group_by)  # type: ignore[arg-type]
    assert totals(WHOLE) == totals(parts)
    told = {str(sorted((k, str(v)) for k, v in part.items() if k not in COSTS)) for part in parts}
    assert len(told) == len(parts)


@pytest.mark.parametrize("key", sorted(TAG_KEYS))
def test_filters_add_up(key: str) -> None:
    """A filter by one tag gives exactly those groups that have one of its values."""
    groups = SANDBOX.usage_query(ACCOUNT, START, END, cost=True, group_by=[("TAG", key)])
    found = [tags.get(key) for record in groups if isinstance(tags := record["Tags"], dict)]
    values = {"" if value is True else str(value) for value in found if value is not None}
    wanted = sorted(values)[:2]
    assert wanted
    matching = [
        record
        for record, value in zip(groups, found, strict=True)
        if ("" if value is True else value) in wanted
    ]
    filtered = SANDBOX.usage_query(ACCOUNT, START, END, cost=True, tags={key: wanted})
    assert totals(matching) == totals(filtered)
    assert not any("Tags" in record for record in filtered)


def test_several_tags_must_all_match() -> None:
    """Keys are joined by and, their values by or."""
    groups = SANDBOX.usage_query(
        ACCOUNT, START, END, cost=True, group_by=[("TAG", "team"), ("TAG", "critical")]
    )
    found = [tags for row in groups if isinstance(tags := row["Tags"], dict) and len(tags) == 2]
    team = str(found[0]["team"])
    both = SANDBOX.usage_query(
        ACCOUNT, START, END, tags={"team": [team, "nobody"], "critical": [""]}, cost=True
    )
    matching = [row for row in groups if row["Tags"] == {"team": team, "critical": True}]
    assert totals(matching) == totals(both)


def test_metrics_and_families_select() -> None:
    """Only the metrics and the families that are asked for are answered, and both must match."""
    chosen = SANDBOX.usage_query(ACCOUNT, START, END, metric_ids=["kv_reads", "d1_rows_read"])
    assert {"kv_reads", "d1_rows_read"} == {str(row["x_BillableMetricId"]) for row in chosen}
    family = SANDBOX.usage_query(ACCOUNT, START, END, product_family_ids=[family_id("R2")])
    assert {"R2"} == {str(row["x_ProductFamilyName"]) for row in family}
    assert {family_id("R2")} == {str(row["x_ProductFamilyId"]) for row in family}
    assert [] == SANDBOX.usage_query(
        ACCOUNT, START, END, metric_ids=["kv_reads"], product_family_ids=[family_id("R2")]
    )


def test_costs_come_only_if_asked_for() -> None:
    """Eleven fields are always there; costs, prices and the currency come with the costs only."""
    usage = SANDBOX.usage_query(ACCOUNT, START, END)
    assert REQUIRED == set.intersection(*map(set, usage)) - {
        "SubAccountId",
        "SubAccountName",
        "x_ProductCategoryName",
        "x_ProductFamilyId",
        "x_ProductFamilyName",
    }
    added = {
        name
        for with_cost, plain in zip(WHOLE, usage, strict=True)
        for name in with_cost.keys() - plain.keys()
    }
    assert added == {
        *COSTS[:-1],
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ContractedUnitPrice",
        "ListUnitPrice",
        "PricingUnit",
    }


def test_usage_of_a_contract_has_no_account() -> None:
    """Some metrics belong to no account and to no zone, even if records are told apart by them."""
    plain = SANDBOX.usage_query(ACCOUNT, START, END)
    assert {True, False} == {"BillingAccountId" in record for record in plain}
    group_by = [("DIMENSION", "account_id"), ("DIMENSION", "zone_id")]
    apart = SANDBOX.usage_query(ACCOUNT, START, END, group_by=group_by)  # type: ignore[arg-type]
    nowhere = [record for record in apart if "BillingAccountId" not in record]
    assert nowhere
    assert not any("x_ZoneId" in record for record in nowhere)
    zones = SANDBOX.usage_query(ACCOUNT, START, END, group_by=[("DIMENSION", "zone_id")])
    assert not any("BillingAccountId" in record for record in zones)
    assert {True, False} == {"x_ZoneName" in record for record in zones}
    regions = SANDBOX.usage_query(ACCOUNT, START, END, group_by=[("DIMENSION", "region")])
    assert {True, False} == {"RegionName" in record for record in regions}


def test_tags_with_and_without_values_occur() -> None:
    """Each tag has values, is there without one, or is missing, and each of it comes up."""
    values = set()
    for key in TAG_KEYS:
        records = SANDBOX.usage_query(ACCOUNT, START, END, group_by=[("TAG", key)])
        values |= {str(record["Tags"]) for record in records}
    assert "{}" in values
    assert {"{'critical': True}", "{'team': '検索'}", "{'env': True}"} <= values
