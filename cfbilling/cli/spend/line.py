"""What an account has spent, as records: a line for each currency."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from cfbilling import Record
from cfbilling._record_type import record_class

__all__ = ["Period", "SpendLine"]

Period = Literal["cycle", "month"]
"""The current billing cycle, or the current month in UTC where the service tells no cycle."""


@record_class(kw_only=True)
class SpendLine(Record):
    """What an account has spent so far in its billing cycle, in one currency.

    An amount is None where there are charges and none of them tells its price: that is not 0.

    Attributes:
        account_id: The account.
        currency: The currency; None if nothing says one.
        period: Whether the days are a billing cycle or a month.
        period_start: The first moment inside, UTC.
        period_end: The first moment outside, UTC; what comes after today is not spent yet.
        metered_cost: The billed cost of usage.
        fixed_cost: The fixed fees.
        total_cost: Both together.
        records: The number of the account's records of usage, in all currencies.
        records_without_cost: The number of those without a cost, which are in no amount.
        fees: The number of the account's fees, in all currencies.
        fees_without_price: The number of those without a price, which are in no amount.
        limit: The most that may be spent, if there is a limit in this currency.
        is_over: Whether more than that is spent; None if that is not known, or without a limit.
    """

    account_id: str | None = None
    currency: str | None = None
    # The text of an annotation says the kind of a column.
    period: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    metered_cost: Decimal | None = None
    fixed_cost: Decimal | None = None
    total_cost: Decimal | None = None
    records: Decimal | None = None
    records_without_cost: Decimal | None = None
    fees: Decimal | None = None
    fees_without_price: Decimal | None = None
    limit: Decimal | None = None
    is_over: bool | None = None
