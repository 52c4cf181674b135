"""FOCUS rows: the same name means the same thing, and nothing is invented."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cfbilling.cycles import BillingCycles, BillingSubscription
from cfbilling.errors import ConfigurationError
from cfbilling.focus import SERVICE_CATEGORIES, FocusRecord, focus_rows
from cfbilling.records import BillableUsageRecord, PaygoRecord, UsageRecord

# https://focus.finops.org/focus-specification/ names these and no others.
CATEGORIES = {
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Multicloud",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
}


def moment(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_category_is_one_of_focus() -> None:
    """The table names no category that FOCUS does not have."""
    assert set(SERVICE_CATEGORIES.values()) <= CATEGORIES


@pytest.mark.parametrize(
    ("name", "category", "subcategory"),
    [
        ("Workers", "Compute", "Serverless Compute"),
        ("WORKERS  kv Reads", "Databases", "NoSQL Databases"),
        ("Workers AI", "AI and Machine Learning", "AI Platforms"),
        ("Workers Analytics Engine", "Analytics", "Other (Analytics)"),
        ("R2 Data Storage", "Storage", "Object Storage"),
        ("R22", "Other", "Other (Other)"),
        ("", "Other", "Other (Other)"),
        (None, "Other", "Other (Other)"),
    ],
)
def test_the_longest_beginning_decides(name: str | None, category: str, subcategory: str) -> None:
    """Whole words, in any case; what is not in the table is ``Other``."""
    (row,) = focus_rows()([BillableUsageRecord(service_name=name)], None)
    assert (category, subcategory) == (row.service_category, row.service_subcategory)


def test_a_name_of_very_many_words_is_looked_up_at_once() -> None:
    """Only as many of its words count as a name of the table has; else this takes for ever."""
    (row,) = focus_rows()([BillableUsageRecord(service_name="Workers KV " + "of " * 10**6)], None)
    assert "Databases" == row.service_category


def test_a_subcategory_is_of_its_category() -> None:
    """Where one's own table has another category, this package's subcategory is not its."""
    rows = focus_rows({"workers": "Web", "r2": "Storage"})
    names = ("Workers", "R2", "D1")
    found = [rows([BillableUsageRecord(service_name=name)], None)[0] for name in names]
    assert [
        ("Web", "Other (Web)"),
        ("Storage", "Object Storage"),
        ("Other", "Other (Other)"),
    ] == [(row.service_category, row.service_subcategory) for row in found]


def test_a_service_has_one_category() -> None:
    """Whatever is metered of a service, FOCUS allows it one category only."""
    records = [
        UsageRecord(
            billed_cost=Decimal(1), x_product_family_name="Elsewhere", x_billable_metric_name=name
        )
        for name in ("Workers Requests", "R2 Storage")
    ]
    assert {"Other"} == {row.service_category for row in focus_rows()(records, None)}


def test_focus_s_columns_come_first() -> None:
    """Then what is none of them, by its prefix; either in the order of the alphabet."""
    names = [*FocusRecord.wire_names.values(), FocusRecord.extra_name]
    custom = [name for name in names if name.startswith("x_")]
    known = names[: -len(custom)]
    assert sorted(known) == known
    assert sorted(custom[:-1]) == custom[:-1]
    assert custom == names[-len(custom) :]
    assert {"x_Extra"} == set(custom) - set(FocusRecord.wire_names.values())


def test_there_is_no_empty_text() -> None:
    """What is empty is null, for FOCUS knows no other way to say nothing."""
    names = [
        name
        for name in BillableUsageRecord.wire_names
        if name.endswith(("_id", "_name", "_unit", "_class", "_description", "_category"))
    ]
    record = BillableUsageRecord(**dict.fromkeys(names, ""))  # type: ignore[arg-type]
    (row,) = focus_rows()([record], None)
    made = {"ServiceCategory", "ServiceSubcategory", "x_Source"}
    assert made == set(row.to_wire())


def test_moments_are_whole_seconds() -> None:
    """FOCUS writes moments without parts of a second."""
    record = UsageRecord(
        billed_cost=Decimal(1),
        charge_period_start=moment("2025-01-01T00:00:00.25"),
        charge_period_end=moment("2025-01-01T12:00:00.999"),
        billing_period_start=moment("2025-01-01T00:00:00.5"),
        billing_period_end=moment("2025-02-01T00:00:00.5"),
    )
    (row,) = focus_rows()([record], None)
    assert {
        "ChargePeriodStart": "2025-01-01T00:00:00Z",
        "ChargePeriodEnd": "2025-01-01T12:00:00Z",
        "BillingPeriodStart": "2025-01-01T00:00:00Z",
        "BillingPeriodEnd": "2025-02-01T00:00:00Z",
    }.items() <= row.to_wire().items()


def test_what_both_versions_of_focus_demand_is_there() -> None:
    """The provider has another name in FOCUS 1.2, and its publisher too."""
    record = BillableUsageRecord(service_provider_name="Cloudflare", charge_category="Usage")
    (row,) = focus_rows()([record], None)
    assert {"Cloudflare"} == {row.provider_name, row.publisher_name, row.service_provider_name}
    assert "Usage-Based" == row.charge_frequency
    (other,) = focus_rows()([BillableUsageRecord(charge_category="Credit")], None)
    assert other.charge_frequency is None


def test_all_that_a_record_tells_is_kept() -> None:
    """Each column keeps its value, version 1's own ones and unknown ones included."""
    record = BillableUsageRecord(
        billed_cost=Decimal("0.10"),
        cumulated_contracted_cost=Decimal(7),
        subscription_id="s",
        zone_name="example.com",
        charge_period_start=moment("2025-02-28T00:00:00"),
        charge_period_end=moment("2025-02-28T23:59:59"),
        extra={"New": 1},
    )
    (row,) = focus_rows()([record], None)
    assert (
        FocusRecord(
            billed_cost=Decimal("0.10"),
            x_cumulated_contracted_cost=Decimal(7),
            x_subscription_id="s",
            x_zone_name="example.com",
            x_source="v1",
            service_category="Other",
            service_subcategory="Other (Other)",
            charge_period_start=moment("2025-02-28T00:00:00"),
            charge_period_end=moment("2025-03-01T00:00:00"),
            extra={"New": 1},
        )
        == row
    )
    assert {"New": 1} == row.extra


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2025-02-28T23:59:59Z", "2025-03-01T00:00:00Z"),
        ("2025-02-28T23:59:59.999999Z", "2025-03-01T00:00:00Z"),
        ("2025-03-01T00:00:00Z", "2025-03-01T00:00:00Z"),
        ("2025-02-28T18:59:59-05:00", "2025-03-01T00:00:00Z"),
        ("2025-03-01T05:29:59+05:30", "2025-03-01T00:00:00Z"),
        ("2025-02-28T19:00:00-05:00", "2025-03-01T00:00:00Z"),
        # The end of an hour of UTC is the end of no day.
        ("2025-02-28T23:59:59-05:00", "2025-02-28T23:59:59-05:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
    ],
)
def test_a_charge_period_ends_with_a_day_of_utc(end: str, expected: str) -> None:
    """The last second of a day of UTC is its end, whatever offset it is written with."""
    record = BillableUsageRecord(charge_period_end=datetime.fromisoformat(end))
    (row,) = focus_rows()([record], None)
    assert datetime.fromisoformat(expected) == row.charge_period_end


def test_the_product_stands_for_the_service() -> None:
    """Version 2 names products, and knows no billing period that it does not send."""
    record = UsageRecord(
        x_product_family_name="R2",
        x_billable_metric_name="Class A",
        tags={"a": True},
        list_cost=Decimal(0),
    )
    (row,) = focus_rows()([record], None)
    assert ("R2", "Storage", "v2") == (row.service_name, row.service_category, row.x_source)
    assert {"a": True} == row.tags
    assert row.billing_period_end is None


def test_a_period_ends_with_its_subscription_s_cycle() -> None:
    """Of several subscriptions, the record's own; where that is not known, only what is sure."""

    def subscription(name: str, day: int) -> BillingSubscription:
        anchor = datetime(2024, 1, day, 5, tzinfo=UTC)
        return BillingSubscription(
            id=name, billing_cycle_anchor_timestamp=anchor, start_timestamp=anchor
        )

    cycles = BillingCycles(
        covered=True, subscriptions=(subscription("a", 31), subscription("b", 28))
    )

    def end_of(start: str, name: str | None) -> datetime | None:
        record = BillableUsageRecord(billing_period_start=moment(start), subscription_id=name)
        (row,) = focus_rows()([record], cycles)
        return row.billing_period_end

    assert moment("2025-02-28T00:00:00") == end_of("2025-01-31T00:00:00", "a")
    assert moment("2025-02-28T00:00:00") == end_of("2025-01-31T00:00:00", None)
    assert moment("2025-03-31T00:00:00") == end_of("2025-02-28T00:00:00", "a")
    assert moment("2025-03-28T00:00:00") == end_of("2025-02-28T00:00:00", "b")
    assert end_of("2025-02-28T00:00:00", None) is None
    assert end_of("2025-02-10T00:00:00", None) is None


def test_records_without_costs_are_no_costs() -> None:
    """What is neither version's record with costs is refused, not made up."""
    with pytest.raises(ConfigurationError, match="PaygoRecord, which does not tell the costs"):
        focus_rows()([PaygoRecord()], None)
    usage = UsageRecord(consumed_quantity=Decimal(1))
    with pytest.raises(ConfigurationError, match="UsageRecord without costs: take those of costs"):
        focus_rows()([usage], None)
    (row,) = focus_rows(is_priced=True)([usage], None)
    assert row.billed_cost is None
