"""The units of a run: however many, whoever waits beside them is not held up."""

from __future__ import annotations

from datetime import date

from cfbilling.cli.accounts import AccountIds
from cfbilling.cli.sync.failures import Failures
from cfbilling.cli.sync.months import MonthRange
from cfbilling.cli.sync.units import AccountUnits, Table
from tests.conftest import OtherTurns


async def test_planning_lets_others_go_on() -> None:
    """Units that are all taken at once, for a cluster, leave a turn for others at each account."""
    ids = [f"{number:032x}" for number in range(50)]
    table = Table("costs", MonthRange(date(2025, 1, 1), date(2025, 3, 1)))
    units = AccountUnits(AccountIds(ids), table, Failures(), remembers=False)
    async with OtherTurns() as turns:
        assert 100 == len([unit async for unit in units.each(None)])
    assert turns.count >= 50
