"""What an account has spent: the sums of what it was charged."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import attrs

from cfbilling import DateChunk, FocusRecord, Subscription
from cfbilling.cli.report.sums import add_to, exact_sum
from cfbilling.cli.spend.fees import times_due
from cfbilling.cli.spend.limits import Limits, currency_of
from cfbilling.cli.spend.line import Period, SpendLine

__all__ = ["Spending"]

_PURCHASE = "Purchase"


@attrs.define
class _Charges:
    """Charges of one kind, added up exactly by currency."""

    amounts: dict[str | None, Decimal] = attrs.field(factory=dict[str | None, Decimal])
    count: int = 0
    unpriced: int = 0

    def add(self, currency: str | None, amount: Decimal | None) -> None:
        self.count += 1
        if amount is None:
            self.unpriced += 1
        else:
            add_to(self.amounts, currency_of(currency), amount)

    def total(self, currency: str | None) -> Decimal | None:
        # Nothing but unknown prices is not 0.
        if self.count and self.count == self.unpriced:
            return None
        return self.amounts.get(currency, Decimal(0))


class Spending:
    """Adds up what an account is charged: usage by its billed cost, and fixed fees.

    The service tells fees as subscriptions, and in no row of costs. Should a row be a purchase all
    the same, it is a fee, and the subscription that it names is not counted again.

    Args:
        days: The days that count.
    """

    def __init__(self, days: DateChunk) -> None:
        self._days = days
        self._metered = _Charges()
        self._fixed = _Charges()
        self._purchased: set[str | None] = set()

    def use(self, rows: Iterable[FocusRecord]) -> None:
        """Add rows of costs.

        Raises:
            CommandError: If amounts cannot be added exactly.
        """
        for row in rows:
            if row.charge_category == _PURCHASE:
                self._purchased.add(row.x_subscription_id)
                self._fixed.add(row.billing_currency, row.billed_cost)
            else:
                self._metered.add(row.billing_currency, row.billed_cost)

    def subscribe(self, subscription: Subscription) -> None:
        """Add the fee of a subscription, after all rows.

        Raises:
            CommandError: If amounts cannot be added exactly.
        """
        if subscription.id is not None and subscription.id in self._purchased:
            return
        for _ in range(times_due(subscription, self._days)):
            self._fixed.add(subscription.currency, subscription.price)

    def lines(
        self, account_id: str, period: Period, whole: DateChunk, limits: Limits
    ) -> list[SpendLine]:
        """Return a line for each currency; one without a currency if no amount is known.

        Args:
            account_id: The account.
            period: What the days are.
            whole: The whole period, of which the days are the beginning.
            limits: The most that may be spent.

        Raises:
            CommandError: If amounts cannot be added exactly.
        """
        currencies = {*self._metered.amounts, *self._fixed.amounts} or {None}
        about = SpendLine(
            account_id=account_id,
            period=period,
            period_start=whole.lower,
            period_end=whole.upper,
            records=Decimal(self._metered.count),
            records_without_cost=Decimal(self._metered.unpriced),
            fees=Decimal(self._fixed.count),
            fees_without_price=Decimal(self._fixed.unpriced),
        )
        ordered = sorted(currencies, key=lambda currency: currency or "")
        return [self._line(about, currency, limits.of(currency)) for currency in ordered]

    def _line(self, about: SpendLine, currency: str | None, limit: Decimal | None) -> SpendLine:
        parts = self._metered.total(currency), self._fixed.total(currency)
        known = exact_sum(part for part in parts if part is not None)
        is_known = None not in parts
        is_over = None if limit is None else known > limit
        return attrs.evolve(
            about,
            currency=currency,
            metered_cost=parts[0],
            fixed_cost=parts[1],
            total_cost=known if is_known else None,
            limit=limit,
            # What is known may be too much already, but it is never little enough.
            is_over=is_over if is_known or is_over else None,
        )
