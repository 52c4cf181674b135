from __future__ import annotations

from decimal import Decimal

from cfbilling import FocusRecord
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
