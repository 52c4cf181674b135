from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cfbilling.cli.report.amounts import axis_label, axis_unit, money, quantities, quantity, share
from cfbilling.cli.report.chart import chart_of
from cfbilling.cli.report.sums import exact_sum
from cfbilling.cli.report.totals import Totals
from tests.cli.report.test_totals import charge
from tests.cli.shell import run_here, saying

LARGEST, SMALLEST = "9E+999999999999999999", "1E-999999999999999999"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1234.565", "1,234.56"),
        ("0.00123", "0.0012"),
        ("0E+999999999", "0.00"),
        ("123456789012345678901.5", "123,456,789,012,345,678,901.50"),
        ("-1.239E+398", "-1.24E+398"),
        (LARGEST, "9.00E+999999999999999999"),
        (SMALLEST, "0.000000000000"),
    ],
)
def test_money_is_rounded_whatever_its_size(amount: str, shown: str) -> None:
    """An amount has its usual digits, and one of astronomic size an exponent."""
    assert shown == money(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1234", "1.23 k"),
        ("0", "0"),
        ("0E+999999999", "0"),
        ("1E+398", "1.00E+398"),
        ("-" + LARGEST, "-9.00E+999999999999999999"),
        (SMALLEST, "1e-999999999999999999"),
    ],
)
def test_a_quantity_is_short_whatever_its_size(amount: str, shown: str) -> None:
    """A quantity is told in few digits, with an exponent where no letter is left."""
    assert shown == quantity(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "top", "part"),
    [
        ("1E+398", "2E+398", 0.5),
        ("3", LARGEST, 0.0),
        (LARGEST, "3", 1.0),
        ("-" + LARGEST, SMALLEST, 0.0),
        (SMALLEST, SMALLEST, 1.0),
        ("1", "-1", 0.0),
    ],
)
def test_a_share_is_a_ratio_of_decimals(amount: str, top: str, part: float) -> None:
    """What part of the highest an amount is, is right beyond what a float holds."""
    assert part == share(Decimal(amount), Decimal(top))


@pytest.mark.parametrize("amounts", [("1E+308", "1E-324"), ("1E+398", "0.01"), (LARGEST,)])
def test_a_sum_is_exact_whatever_its_size(amounts: tuple[str, ...]) -> None:
    """What a float holds adds up exactly with its opposite, and so does what is larger."""
    numbers = [Decimal(amount) for amount in amounts]
    assert numbers[0] == exact_sum([*numbers, *(n.copy_negate() for n in numbers[1:])])
    assert str(numbers[0]) == str(exact_sum(numbers[:1]))


def test_a_sum_of_extremes_is_ranked_and_told_by_month() -> None:
    """Rows and months cope with what no other context would take."""
    totals = Totals("product")
    for product, cost in (("a", SMALLEST), ("b", LARGEST), ("c", "-" + LARGEST)):
        totals.add("x", charge(Decimal(cost), 0, product))
    assert ["b", "a", "c"] == [row.name for row in totals.rows("USD")]
    assert {"2025-01": Decimal(LARGEST)} == totals.monthly("USD")["b"]


@pytest.mark.parametrize("unit", ["1", "1E+398", "1E-398", "1E+99999999"])
def test_a_bar_is_as_high_as_its_share(unit: str) -> None:
    """In a chart, twice the cost is twice the height, whatever the size of both."""
    size = Decimal(unit)
    daily = {"a": {"2025-01-01": Decimal(f"2{unit[1:]}")}}
    daily["b"] = {"2025-01-02": size}
    svg = chart_of("USD", daily).svg
    high, low = [
        float(rect.get("height", "0")) for rect in svg.findall(".//{*}g[@class='bar']/{*}rect")
    ]
    assert abs(high - 2 * low) < 0.01
    labels = [text.text for text in svg.findall(".//{*}g[@class='axis y always_show']//{*}text")]
    assert axis_label(1.0, axis_unit([size])) in labels


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1.2, "1E+6", "1,200,000"),
        (0.1 + 0.2, "1", "0.3"),
        (0.0, "1E+398", "0"),
        (2.5, "1E+398", "2.5E+398"),
        (10.0, "1E+999999999999999999", "Infinity"),
    ],
)
def test_an_axis_is_labelled_in_few_digits(value: float, unit: str, shown: str) -> None:
    """A label has no more digits than it needs, and an exponent only if it is very large."""
    assert shown == axis_label(value, Decimal(unit))


def test_names_that_look_the_same_are_one_series() -> None:
    """Two names that are shown alike lose none of their costs in the chart."""
    day = "2025-01-01"
    chart = chart_of("USD", {"a\x1b": {day: Decimal(1)}, "a\x07": {day: Decimal(2)}})
    assert "3.00 USD" in ET.tostring(chart.svg, encoding="unicode")


@pytest.mark.parametrize("cost", ["1e309", "1e398", "-1e398", "1e-398", "1e999999999", "0e999999"])
def test_a_report_copes_with_any_cost(cost: str, tmp_path: Path) -> None:
    """Whatever a cost and a quantity are, the terminal, the page and the picture show them."""
    page, svg = tmp_path / "report.html", tmp_path / "chart.svg"
    span = ("--from", "2025-01-01", "--to", "2025-04-01")
    arguments = ("report", "a" * 32, *span, "--html", str(page), "--svg", str(svg))
    members = f'"BilledCost":{cost},"BillingCurrency":"USD","ConsumedQuantity":{cost}'
    with saying(members) as environment:
        ran = run_here(*arguments, environment=environment)
        shown = run_here("demo", "--live", environment=environment)
    assert (0, 0) == (ran.returncode, shown.returncode)
    total = re.search(r"Total, exactly: (\S+) USD", ran.stdout.decode())
    assert total
    assert exact_sum([Decimal(cost)] * 3) == Decimal(total[1])
    assert f'<data value="{total[1]}"' in page.read_text()
    assert ET.parse(svg).getroot() is not None  # noqa: S314 - written by the command


def test_a_chart_of_all_time_has_an_end() -> None:
    """Months without a cost are left out where the service's dates are thousands of years apart."""
    days = ["0001-01-01", "2025-01-01", "9999-12-31"]
    svg = chart_of("USD", {"a": dict.fromkeys(days, Decimal(1))}).svg
    bars = svg.findall(".//{*}g[@class='bar']/{*}title")
    assert [day[:7] for day in days] == [(bar.text or "").partition(" ")[0] for bar in bars]


def test_many_units_are_few_in_a_cell() -> None:
    """Of many units a cell shows so many, and says how many others there are."""
    used = {unit: Decimal(1) for unit in "abcde"}
    assert quantities(used, 3) == "1 a, 1 b, 1 c, and 2 more"
    assert quantities(used, 5) == quantities(used) == "1 a, 1 b, 1 c, 1 d, 1 e"
