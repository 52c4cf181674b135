"""FOCUS rows: the same name means the same thing, and nothing is invented."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cfbilling.cycles import BillingCycles, BillingSubscription
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
    ("name", "category"),
    [
        ("Workers", "Compute"),
        ("WORKERS  kv Reads", "Databases"),
        ("Workers AI", "AI and Machine Learning"),
        ("R2 Data Storage", "Storage"),
        ("R22", "Other"),
        ("", "Other"),
        (None, "Other"),
    ],
)
def test_the_longest_beginning_decides(name: str | None, category: str) -> None:
    """Whole words, in any case; what is not in the table is ``Other``."""
    (row,) = focus_rows()([BillableUsageRecord(service_name=name)], None)
    assert category == row.service_category


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
        x_product_family_name="R2", x_billable_metric_name="Class A", tags={"a": True}
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
    with pytest.raises(TypeError, match="PaygoRecord"):
        focus_rows()([PaygoRecord()], None)
