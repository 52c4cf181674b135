"""Asking what an account has spent so far in its billing cycle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta

from cfbilling import ApiError, BillingClient, DateChunk
from cfbilling.cli.check.probes import is_not_let_in
from cfbilling.cli.spend.limits import Limits
from cfbilling.cli.spend.line import Period, SpendLine
from cfbilling.cli.spend.spending import Spending

__all__ = ["ask_spending"]

_DAY = timedelta(days=1)
_LONGER_THAN_A_MONTH = timedelta(days=32)


async def ask_spending(
    client: BillingClient, account_id: str, limits: Limits
) -> Sequence[SpendLine]:
    """Return what an account has spent, from the first day of its billing cycle through today.

    Args:
        client: The client.
        account_id: The account.
        limits: The most that may be spent.

    Raises:
        BillingError: If anything of it is not told whole.
        CommandError: If amounts cannot be added exactly.
    """
    now = datetime.now(UTC)
    today = now.date()
    cycle = await _cycle(client, account_id, now)
    period: Period = "cycle" if isinstance(cycle, DateChunk) else "month"
    whole = cycle if isinstance(cycle, DateChunk) else _month(today)
    days = DateChunk(whole.start, today + _DAY)
    spending = Spending(days)
    async with aclosing(client.costs(account_id, days.start, days.end)) as costs:
        async for rows in costs.batches():
            if isinstance(cycle, ApiError) and any(row.x_source == "v1" for row in rows):
                # Version 1 lets the account in after all, and it has a cycle.
                raise cycle
            spending.use(rows)
    async with aclosing(client.subscriptions(account_id)) as subscriptions:
        async for subscription in subscriptions:
            spending.subscribe(subscription)
    return spending.lines(account_id, period, whole, limits)


async def _cycle(
    client: BillingClient, account_id: str, now: datetime
) -> DateChunk | ApiError | None:
    """Return the current billing cycle, or why version 1 does not tell one, if it says."""
    try:
        cycles = await client.billing_cycles(account_id)
    except ApiError as refusal:
        if not is_not_let_in(refusal):
            raise
        return refusal
    return None if cycles.covered is False else cycles.current(now)


def _month(today: date) -> DateChunk:
    first = today.replace(day=1)
    return DateChunk(first, (first + _LONGER_THAN_A_MONTH).replace(day=1))
