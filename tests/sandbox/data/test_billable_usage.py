from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox, Subscription, WireRecord
from cfbilling.sandbox.data.doubles import double_text

START, END = date(2025, 1, 1), date(2025, 4, 1)
TODAY = date(2025, 6, 15)
OPTIONAL = {"ServiceFamilyName", "SubscriptionId", "ZoneId", "ZoneName"}
NUMBERS = {
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "CumulatedContractedCost",
    "CumulatedPricingQuantity",
    "EffectiveCost",
    "ListCost",
    "PricingQuantity",
}


def usage(sandbox: Sandbox) -> list[WireRecord]:
    """Return a quarter of every account."""
    return [
        record
        for account in sandbox.account_ids
        for record in sandbox.billable_usage(account, START, END)
    ]


def test_records_have_their_fields() -> None:
    """27 fields are all there is; four may be absent, three may be null, eight are numbers."""
    records = usage(Sandbox(today=TODAY, records_per_day=50))
    assert len(set().union(*records)) == 27
    required = set.intersection(*map(set, records))
    assert OPTIONAL == set().union(*records) - required
    nulls = {name for record in records for name, value in record.items() if value is None}
    assert {"BillingAccountName", "ChargeClass", "ChargeDescription"} == nulls
    assert all(isinstance(record[name], Decimal) for record in records for name in NUMBERS)
    assert any(record["ConsumedUnit"] == "" for record in records)
    assert all(record["PricingUnit"] for record in records)


def test_numbers_are_shortest_doubles() -> None:
    """Each number is a double's shortest text; there are integers, exponents and long fractions."""
    records = usage(Sandbox(today=TODAY, records_per_day=50))
    numbers = [record[name] for record in records for name in NUMBERS]
    texts = {str(number) for number in numbers}
    assert all(float(text) == float(repr(float(text))) for text in texts)
    assert all(len(Decimal(text).as_tuple().digits) <= 17 or "." not in text for text in texts)
    assert any("E-" in text for text in texts)
    assert any(text.isdigit() for text in texts)
    assert max(len(text.partition(".")[2]) for text in texts if "E" not in text) >= 20
    billed = Counter(bool(record["BilledCost"]) for record in records)
    assert billed[False] > 3 * billed[True] > 0
    assert sum(bool(record["ListCost"]) for record in records) > len(records) / 2


def test_rows_have_no_key() -> None:
    """Some rows differ in numbers only, and some rows do not differ at all."""
    sandbox = Sandbox(today=TODAY)
    account = sandbox.account_ids[0]
    rows = sandbox.billable_usage(account, START, START + timedelta(days=1))
    whole = Counter(map(str, rows))
    keys = Counter(
        (row["ServiceName"], row.get("ZoneId"), row["ChargePeriodStart"]) for row in rows
    )
    assert len(rows) == 12
    assert 2 in whole.values()
    assert len(keys) < len(whole)


def test_totals_grow_within_a_period() -> None:
    """The running totals of a service never fall within a billing period."""
    sandbox = Sandbox(today=TODAY, records_per_day=5, subscription_ids="all")
    latest: dict[object, Decimal] = {}
    # Positions are stable, so that the fifth row of each day continues the fifth of the day before.
    for number, row in enumerate(sandbox.billable_usage(sandbox.account_ids[0], START, END)):
        key = number % 5, row["BillingPeriodStart"]
        total = row["CumulatedPricingQuantity"]
        assert isinstance(total, Decimal)
        assert latest.get(key, Decimal(0)) <= total
        latest[key] = total
    assert len(latest) == 5 * 4


def test_a_record_belongs_to_its_subscription() -> None:
    """Days lie within the life, and the period is the cycle or begins with the life."""
    sandbox = Sandbox(today=TODAY, records_per_day=2, subscription_ids="all")
    account = sandbox.account_ids[0]
    first = Subscription(
        'odd"id', datetime(2025, 1, 30, 23, 59, tzinfo=UTC), datetime(2025, 1, 10, 12, tzinfo=UTC)
    )
    second = Subscription(
        "second",
        datetime(2025, 2, 3, tzinfo=UTC),
        datetime(2025, 2, 3, tzinfo=UTC),
        datetime(2025, 3, 1, 1, tzinfo=UTC),
    )
    sandbox.subscribe(account, first, second)
    rows = sandbox.billable_usage(account, START, END)
    found = {
        (each.id, period): [
            str(row["ChargePeriodStart"])[:10]
            for row in rows
            if (row["SubscriptionId"], str(row["BillingPeriodStart"])[:10]) == (each.id, period)
        ]
        for each in (first, second)
        for period in ("2025-01-10", "2025-01-30", "2025-02-28", "2025-03-30", "2025-02-03")
    }
    spans = {key: (min(days), max(days)) for key, days in found.items() if days}
    assert {
        (first.id, "2025-01-10"): ("2025-01-10", "2025-01-29"),
        (first.id, "2025-01-30"): ("2025-01-30", "2025-02-27"),
        (first.id, "2025-02-28"): ("2025-02-28", "2025-03-29"),
        (first.id, "2025-03-30"): ("2025-03-30", "2025-03-31"),
        (second.id, "2025-02-03"): ("2025-02-03", "2025-03-01"),
    } == spans
    assert sum(map(len, found.values())) == len(rows)


def test_nothing_is_known_of_tomorrow() -> None:
    """The truth ends with today."""
    sandbox = Sandbox(today=TODAY)
    rows = sandbox.billable_usage(sandbox.account_ids[0], TODAY, date(2026, 1, 1))
    assert {f"{TODAY}T00:00:00Z"} == {str(row["ChargePeriodStart"]) for row in rows}


def test_days_can_be_idle() -> None:
    """So many days have no rows, the same in each sandbox with this seed, the others unchanged."""
    account = Sandbox().account_ids[0]
    idle = Sandbox(today=TODAY, idle_days=0.4).billable_usage(account, START, END)
    usual = Sandbox(today=TODAY).billable_usage(account, START, END)
    left = {str(row["ChargePeriodStart"]) for row in idle}
    assert 30 <= len(left) <= 75
    assert [row for row in usual if str(row["ChargePeriodStart"]) in left] == idle
    none = Sandbox(today=TODAY, idle_days=1.0)
    assert [] == none.billable_usage(account, START, END)


@pytest.mark.parametrize(("setting", "told"), [("all", {True}), ("none", {False})])
def test_subscription_ids_are_told_as_set(setting: str, told: set[bool]) -> None:
    """Every row tells its subscription, or none does."""
    sandbox = Sandbox(today=TODAY, subscription_ids=setting)  # type: ignore[arg-type]
    assert told == {"SubscriptionId" in record for record in usage(sandbox)}


def test_a_charge_period_ends_as_set() -> None:
    """The end is the midnight after the day, or the last second of it."""
    exclusive = usage(Sandbox(today=TODAY))[0]
    inclusive = usage(Sandbox(today=TODAY, charge_period_end="inclusive"))[0]
    assert ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z") == (
        exclusive["ChargePeriodStart"],
        exclusive["ChargePeriodEnd"],
    )
    assert inclusive["ChargePeriodEnd"] == "2025-01-01T23:59:59Z"


def test_usual_subscriptions_differ() -> None:
    """Accounts have one subscription each, from before 2020, and every anchor day occurs."""
    sandbox = Sandbox(accounts=300)
    each = [sandbox.billing_subscriptions(account) for account in sandbox.account_ids]
    assert {1} == set(map(len, each))
    assert set(range(1, 32)) == {subscription.anchor.day for (subscription,) in each}
    assert all(subscription.start.year < 2020 for (subscription,) in each)
    assert len({subscription.id for (subscription,) in each}) == 300


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_written_without_loss(number: float) -> None:
    """The text gives the double back, and is plain unless it is very small or very large."""
    text = double_text(number)
    assert float(text) == number
    assert ("e" in text) == (number != 0 and not 1e-6 <= abs(number) < 1e21)
