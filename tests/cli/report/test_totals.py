from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import FocusRecord
from cfbilling.cli.errors import CommandError
from cfbilling.cli.report.sums import exact_sum
from cfbilling.cli.report.totals import Totals


def test_currencies_and_units_stay_apart() -> None:
    """Nothing is added across currencies or units, and nothing is rounded."""
    totals = Totals("product")
    for cost, currency, unit in (
        ("0.1", "USD", "GB"),
        ("0.2", "USD", "Requests"),
        ("1E-20", "EUR", "GB"),
        ("1E+20", "EUR", None),
        ("7", None, None),
    ):
        totals.add(
            "a",
            FocusRecord(
                billed_cost=Decimal(cost),
                billing_currency=currency,
                consumed_quantity=Decimal(2),
                consumed_unit=unit,
            ),
        )
    rows = {currency: totals.rows(currency, 10) for currency in totals.tables}
    assert {
        "USD": [Decimal("0.3")],
        "EUR": [Decimal("100000000000000000000.00000000000000000001")],
        "no currency": [Decimal(7)],
    } == {currency: [row.cost for row in found] for currency, found in rows.items()}
    assert {"GB": Decimal(2), "Requests": Decimal(2)} == rows["USD"][0].used
    assert {"GB": Decimal(2), "(no unit)": Decimal(2)} == rows["EUR"][0].used
    with pytest.raises(CommandError, match="exactly"):
        totals.add("a", FocusRecord(billed_cost=Decimal("1E+90000"), billing_currency="EUR"))


def charge(cost: Decimal, day: int, product: str = "a") -> FocusRecord:
    """Return the record of a cost on a day, counted from the first of 2025."""
    return FocusRecord(
        billed_cost=cost,
        billing_currency="USD",
        x_product_family_name=product,
        charge_period_start=datetime(2025, 1 + day // 28, 1 + day % 28, tzinfo=UTC),
    )


costs = st.decimals(-(10**20), 10**20, places=20)


@given(st.lists(st.tuples(costs, st.integers(0, 80), st.sampled_from("abcdef")), min_size=1))
def test_each_way_to_add_up_is_exact(charges: list[tuple[Decimal, int, str]]) -> None:
    """Rows, total, months and the line of the others all come to the sum with every digit."""
    wide = Context(prec=200)
    expected = Decimal(0)
    totals = Totals("product")
    for cost, day, product in charges:
        expected = wide.add(expected, cost)
        totals.add("x", charge(cost, day, product))
    assert expected == totals.total("USD").cost
    for rows in (totals.rows("USD"), totals.rows("USD", 2)):
        assert expected == exact_sum(row.cost or Decimal(0) for row in rows)
    months = [cost for by in totals.monthly("USD").values() for cost in by.values()]
    assert expected == exact_sum(months)
    assert len(charges) == totals.total("USD").records == totals.records


def test_rows_are_ranked_by_every_digit() -> None:
    """Two costs that differ beyond 28 digits are ranked by that difference."""
    less, more = Decimal("1." + "0" * 40), Decimal("1." + "0" * 39 + "1")
    totals = Totals("product")
    totals.add("x", charge(less, 0, "a"))
    totals.add("x", charge(more, 0, "b"))
    assert ["b", "a"] == [row.name for row in totals.rows("USD")]
    assert ["b", "Others (1)"] == [row.name for row in totals.rows("USD", 1)]


def test_months_are_told_apart() -> None:
    """Each product's cost is known by month, and a cost without a date is in no month."""
    totals = Totals("product")
    for cost, day in ((1, 0), (2, 27), (4, 28)):
        totals.add("x", charge(Decimal(cost), day))
    totals.add("x", FocusRecord(billed_cost=Decimal(8), billing_currency="USD"))
    assert {"a": {"2025-01": Decimal(3), "2025-02": Decimal(4)}} == totals.monthly("USD")
    assert totals.monthly("EUR") == {}


def test_each_currency_has_its_own_top() -> None:
    """The lines that are kept are those that cost most in the currency of the table."""
    totals = Totals("product")
    for product, dollars, euros in (("a", 1, 3), ("b", 2, 2), ("c", 3, 1)):
        for currency, cost in (("USD", dollars), ("EUR", euros)):
            record = charge(Decimal(cost), 0, product)
            totals.add("x", attrs.evolve(record, billing_currency=currency))
    for currency, first in (("USD", "c"), ("EUR", "a")):
        kept, others = totals.rows(currency, 1)
        assert (first, Decimal(3)) == (kept.name, kept.cost)
        assert ("Others (2)", Decimal(3)) == (others.name, others.cost)


def test_where_nothing_was_billed_list_costs_rank() -> None:
    """What an allowance covers is ranked by what it would have cost, not by its name."""
    totals = Totals("product")
    for product, list_cost in (("a", 1), ("b", 2)):
        record = charge(Decimal(0), 0, product)
        totals.add("x", attrs.evolve(record, list_cost=Decimal(list_cost)))
    assert ["b", "a"] == [row.name for row in totals.rows("USD")]


def _use(quantity: int, unit: str | None, metric: str | None, **more: Any) -> FocusRecord:
    return FocusRecord(
        consumed_quantity=Decimal(quantity),
        consumed_unit=unit,
        x_billable_metric_name=metric,
        **more,
    )


def test_what_is_not_one_kind_of_thing_is_not_added_up() -> None:
    """Requests of two metrics, or of two products, are no quantity of anything."""
    totals = Totals("source")
    for quantity, unit, metric in (
        (1, "Requests", "Reads"),
        (2, "Requests", "Writes"),
        (3, "GB", "Stored"),
        (4, "GB", "Stored"),
        (5, "", "Reads"),
        (6, None, "Writes"),
    ):
        totals.add("x", _use(quantity, unit, metric, x_product_family_name="Images"))
    assert {"GB": Decimal(7)} == totals.total(None).used
    totals.merge(totals)
    assert {"GB": Decimal(14)} == totals.total(None).used
    totals.add("x", _use(1, "Days", "Days of work", x_product_family_name="Support"))
    assert {} == totals.total(None).used


def test_running_totals_are_not_added_up() -> None:
    """What was used is the sum of what was consumed, whatever the cumulated columns say."""
    totals = Totals("product")
    for day in (1, 2, 3):
        cumulated = Decimal(day * 1000)
        record = _use(1, "GB", "Stored", x_cumulated_pricing_quantity=cumulated)
        totals.add("x", attrs.evolve(record, x_cumulated_contracted_cost=cumulated))
    total = totals.total(None)
    assert ({"GB": Decimal(3)}, None) == (total.used, total.cost)


@pytest.mark.parametrize(
    "field",
    [
        "x_product_family_name",
        "x_service_family_name",
        "service_name",
        "x_billable_metric_name",
        "x_billable_metric_id",
    ],
)
def test_a_product_is_called_by_what_is_known(field: str) -> None:
    """Where a revision names no product, it is the family's, the service's or the metric's."""
    named: dict[str, Any] = {field: "Images"}
    totals = Totals("product")
    totals.add("x", FocusRecord(**named))
    assert ["Images"] == [row.name for row in totals.rows(None)]
