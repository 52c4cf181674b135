"""The arithmetic of what was spent, on records that no sandbox sends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import DateChunk, FocusRecord, Subscription
from cfbilling.cli.spend.fees import times_due
from cfbilling.cli.spend.limits import limits_of
from cfbilling.cli.spend.line import SpendLine
from cfbilling.cli.spend.spending import Spending

MARCH = DateChunk(date(2025, 3, 1), date(2025, 4, 1))
WEEK = timedelta(weeks=1)
AMOUNTS = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False)
Charge = tuple[Decimal, str, bool]
"""An amount, its currency, and whether it is a fee."""


def _row(cost: Decimal | None, currency: str | None = "USD", **more: Any) -> FocusRecord:
    return FocusRecord(billed_cost=cost, billing_currency=currency, **more)


def _lines(spending: Spending, *limits: str) -> list[SpendLine]:
    return spending.lines("a" * 32, "month", MARCH, limits_of(limits))


def _sum_of(charges: list[Charge], *kind: object) -> Fraction:
    amounts = (Fraction(amount) for amount, *rest in charges if rest == [*kind])
    return sum(amounts, Fraction(0))


@given(st.lists(st.tuples(AMOUNTS, st.sampled_from(["USD", "EUR"]), st.booleans())))
def test_each_currency_adds_up_exactly(charges: list[Charge]) -> None:
    """Usage and fees of a currency are the exact sums of their own amounts, in any order."""
    spending = Spending(MARCH)
    for amount, currency, is_fee in charges:
        if is_fee:
            spending.subscribe(Subscription(price=amount, currency=currency))
        else:
            spending.use([_row(amount, currency)])
    found = {line.currency: (line.metered_cost, line.fixed_cost) for line in _lines(spending)}
    currencies: set[str | None] = {currency for _, currency, _ in charges}
    expected = {
        each: (_sum_of(charges, each, False), _sum_of(charges, each, True))
        for each in currencies or {None}
    }
    assert expected == {
        currency: (Fraction(metered or 0), Fraction(fixed or 0))
        for currency, (metered, fixed) in found.items()
    }


def test_some_without_a_price_are_counted_beside_the_sum() -> None:
    """What some charges lack is told by their number, and the others are added up."""
    spending = Spending(MARCH)
    spending.use([_row(Decimal("0.5")), _row(None), _row(None, None), _row(Decimal("0.25"))])
    spending.subscribe(Subscription(price=None, currency="USD"))
    spending.subscribe(Subscription(price=Decimal(3), currency="USD"))
    (line,) = _lines(spending, "4")
    assert (Decimal("0.75"), Decimal(3), Decimal("3.75"), False) == (
        line.metered_cost,
        line.fixed_cost,
        line.total_cost,
        line.is_over,
    )
    assert [4, 2, 2, 1] == [
        line.records,
        line.records_without_cost,
        line.fees,
        line.fees_without_price,
    ]


def test_a_purchase_is_a_fee_and_counts_once() -> None:
    """Should rows of costs tell a fee, the subscription that they name is not added to it."""
    spending = Spending(MARCH)
    spending.use([_row(Decimal(20), charge_category="Purchase", x_subscription_id="pro")])
    spending.use([_row(Decimal(1), charge_category="Usage", x_subscription_id="workers")])
    spending.subscribe(Subscription(id="pro", price=Decimal(20), currency="USD"))
    spending.subscribe(Subscription(id="workers", price=Decimal(5), currency="USD"))
    (line,) = _lines(spending)
    assert [1, 25, 26] == [line.metered_cost, line.fixed_cost, line.total_cost]


@pytest.mark.parametrize(
    ("state", "times"),
    [
        ("Provisioned", 1),
        ("Paid", 1),
        ("AwaitingPayment", 1),
        (None, 1),
        ("Something new", 1),
        ("Trial", 0),
        ("Cancelled", 0),
        ("Failed", 0),
        ("Expired", 0),
    ],
)
@pytest.mark.parametrize("begin", [datetime(2025, 3, 10, tzinfo=UTC), None])
def test_what_is_owed_counts(state: str | None, times: int, begin: datetime | None) -> None:
    """A subscription counts unless its state says that nothing is owed."""
    subscription = Subscription(state=state, current_period_start=begin, frequency="monthly")
    assert times == times_due(subscription, MARCH)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2025, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.sampled_from(["weekly", "monthly", "quarterly", "yearly", None]),
)
def test_a_fee_is_due_when_its_period_begins(begin: datetime, frequency: str | None) -> None:
    """A price counts once in the range that its period begins in; a weekly one each week there."""
    in_march = MARCH.lower <= begin < MARCH.upper
    weeks = [begin - WEEK * number for number in range(30)]
    expected = sum(MARCH.lower <= week < MARCH.upper for week in weeks)
    subscription = Subscription(current_period_start=begin, frequency=frequency)
    if frequency != "weekly" or not in_march:
        expected = int(in_march)
    assert expected == times_due(subscription, MARCH)
