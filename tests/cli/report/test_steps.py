from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.cli.report.chart import Chart, chart_of
from cfbilling.cli.report.steps import steps_of

JANUARY = date(2025, 1, 1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "step", "bars"),
    [
        (1, "day", 1),
        (120, "day", 120),
        (121, "week", 18),
        (732, "week", 105),
        (733, "month", 25),
        (3660, "month", 121),
    ],
)
def test_a_bar_is_a_day_a_week_or_a_month(days: int, step: str, bars: int) -> None:
    """Beyond 120 days a bar is a week, and beyond two years a month, none of them left out."""
    steps = steps_of((JANUARY, JANUARY + (days - 1) * DAY), [])
    assert (step, bars) == (steps.step, len(steps.names))
    assert sorted(set(steps.names)) == steps.names


@given(st.lists(st.dates(), min_size=1), st.none() | st.tuples(st.dates(), st.dates()))
def test_each_day_has_a_bar(seen: list[date], span: tuple[date, date] | None) -> None:
    """Whatever days the service names, each has a bar, which begins with it or before."""
    steps = steps_of(span, seen)
    for day in seen:
        assert steps.name_of(day) in steps.names
        assert steps.name_of(day) <= day.isoformat()
    assert sorted(set(steps.names)) == steps.names


def test_a_week_begins_on_monday() -> None:
    """Weeks are those of the calendar; the first begins with the range."""
    steps = steps_of((JANUARY, date(2025, 12, 31)), [])
    assert ["2025-01-01", "2025-01-06", "2025-01-13"] == steps.names[:3]
    assert "2025-01-06" == steps.name_of(date(2025, 1, 12))


def _axis(chart: Chart) -> list[str]:
    texts = chart.svg.findall(".//{*}g[@class='axis x']//{*}text[@class='major']")
    return [text.text or "" for text in texts]


def test_empty_days_at_both_ends_have_a_place() -> None:
    """The axis is that of the range that was asked for, and its newest day has a label."""
    span = JANUARY, date(2025, 1, 31)
    chart = chart_of("USD", {"a": {"2025-01-15": Decimal(1)}}, span)
    assert ("day", "2025-01-31") == (chart.step, _axis(chart)[-1])
    assert _axis(chart)[0] < "2025-01-05"


def test_a_weekly_bar_is_the_sum_of_its_days() -> None:
    """Costs of the days of a week are one bar, and nothing is lost."""
    daily = {"a": {(JANUARY + n * DAY).isoformat(): Decimal(1) for n in range(0, 365, 3)}}
    chart = chart_of("USD", daily, (JANUARY, date(2025, 12, 31)))
    titles = [bar.text or "" for bar in chart.svg.findall(".//{*}g[@class='bar']/{*}title")]
    assert ("week", "week from 2025-01-06 · a: 2.00 USD") == (chart.step, titles[1])
    assert 122 == sum(Decimal(title.split()[-2]) for title in titles)
