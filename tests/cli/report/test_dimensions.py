from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from cfbilling import FocusRecord
from cfbilling.cli.report.dimensions import Dimension
from cfbilling.cli.report.totals import Totals

FIRST, SECOND = "a" * 32, "b" * 32


def _named(name: str | None, account_id: str | None) -> FocusRecord:
    return FocusRecord(
        billing_account_id=account_id,
        billing_account_name=name,
        billing_currency="USD",
        billed_cost=Decimal(1),
    )


def _lines(totals: Totals) -> dict[str, int]:
    return {row.name: row.records for currency in totals.tables for row in totals.rows(currency)}


def test_accounts_of_one_name_are_two() -> None:
    """Two accounts that are called the same have a line each, told apart by their ids."""
    totals = Totals("account")
    totals.add(FIRST, _named("Acme", FIRST))
    totals.add(SECOND, _named("Acme", SECOND))
    assert {f"Acme ({FIRST})": 1, f"Acme ({SECOND})": 1} == _lines(totals)


def test_an_account_is_one_whether_its_records_name_it_or_not() -> None:
    """Records that lack the account's name or id are on the line of the others."""
    totals = Totals("account")
    for name, account_id in ((None, None), ("Acme", FIRST), (None, FIRST), (None, None)):
        totals.add(FIRST, _named(name, account_id))
    totals.add(SECOND, _named("Who pays", FIRST))
    assert {f"Acme ({FIRST})": 4, SECOND: 1} == _lines(totals)


def test_zones_of_one_name_are_two() -> None:
    """A zone's name is enough, unless another zone has it too."""
    totals = Totals("zone")
    for zone_id, name in ((FIRST, "a.example"), (SECOND, "a.example"), ("c", "c.example")):
        totals.add("x", FocusRecord(x_zone_id=zone_id, x_zone_name=name))
    totals.add("x", FocusRecord())
    names = {f"a.example ({FIRST})", f"a.example ({SECOND})", "c.example", "(no zone)"}
    assert dict.fromkeys(names, 1) == _lines(totals)


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2025-01-01T00:30:00+02:00", "2024-12-31"),
        ("2024-12-31T23:30:00-02:00", "2025-01-01"),
        ("2025-01-01T00:00:00Z", "2025-01-01"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01"),
    ],
)
def test_days_are_of_utc(told: str, day: str) -> None:
    """With whatever offset a charge is told, its day, its month and its bar are those of UTC."""
    start, by = datetime.fromisoformat(told), tuple[Dimension, ...](("day", "month"))
    record = FocusRecord(billed_cost=Decimal(1), billing_currency="USD", charge_period_start=start)
    for dimension, name in zip(by, (day, day[:7]), strict=True):
        totals = Totals(dimension)
        totals.add(FIRST, record)
        assert {name: 1} == _lines(totals)
        assert {day} == {found for days in totals.daily("USD").values() for found in days}
