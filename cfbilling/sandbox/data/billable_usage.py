"""Billable usage (version 1): what each subscription of an account used, without any row id."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate

from attrs import frozen

from cfbilling.sandbox.data.accounts import Account, Accounts
from cfbilling.sandbox.data.amounts import Amounts
from cfbilling.sandbox.data.billable_fields import Slot, SubscriptionIds, billable_fields
from cfbilling.sandbox.data.catalogue import METRICS, Metric
from cfbilling.sandbox.data.charge_periods import ChargePeriodEnd, ChargePeriods
from cfbilling.sandbox.data.days import days
from cfbilling.sandbox.data.doubles import double_text
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace, json_text
from cfbilling.sandbox.data.restatements import Draw, Restatements
from cfbilling.sandbox.data.subscriptions import Span, Subscription
from cfbilling.sandbox.data.template import RECORD_DEPTH, Row, Template

__all__ = ["BillableSettings", "BillableUsage"]

# How a period's usage is spread over its days. A fixed pattern makes the running total of any
# day a single multiplication, so that a day never depends on the days asked for before it.
_PATTERN = (3, 5, 8, 2, 1, 4, 7, 6, 0, 9, 3, 2, 5, 4, 1, 8, 6, 7, 2, 4, 3, 5, 9, 1, 2, 6, 4, 8, 7,
            5, 3)  # fmt: skip
_TOTALS = tuple(accumulate(_PATTERN))
_FRACTIONAL_SHARE = 7
# Of so many records, one costs something: the allowance pays for the others.
_PAID = 8
_DISCOUNT = 0.9
# Of so many positions, one repeats the row before it, and one only its service and zone.
_HABITS = 8
_ALL = 2**64


@frozen(kw_only=True)
class BillableSettings:
    """What can be chosen about the records.

    Attributes:
        records_per_day: Records of each subscription on each day that is not idle.
        idle_days: Fraction of the days of each subscription that have no records.
        subscription_ids: Which records tell their subscription.
        charge_period_end: Whether the end of a charge period is its last second or the one after.
    """

    records_per_day: int
    idle_days: float
    subscription_ids: SubscriptionIds
    charge_period_end: ChargePeriodEnd


class BillableUsage:
    """Derives the billable usage of any subscription on any day.

    Running totals never fall within a billing period. They are those of a period without idle
    days and restatements: a day's bytes do not depend on what happened to other days.
    """

    def __init__(
        self,
        identities: Identities,
        accounts: Accounts,
        restatements: Restatements,
        *,
        settings: BillableSettings,
        whitespace: Whitespace,
    ) -> None:
        self._identities = identities
        self._accounts = accounts
        self._restatements = restatements
        self._settings = settings
        self._periods = ChargePeriods(settings.charge_period_end)
        self._amounts = Amounts()
        self._usual = tuple(map(Draw, range(settings.records_per_day)))
        self._whitespace: Whitespace = whitespace
        self._template = lru_cache(maxsize=None)(self._derive_template)

    def rows(self, index: int, spans: Sequence[Span]) -> Iterator[Row | None]:
        """Yield the records of *spans* by day and subscription, and None after each day."""
        account = self._accounts.account(index)
        start = min((span.start for span in spans), default=date.min)
        end = max((span.end for span in spans), default=date.min)
        for day in days(start, end):
            for span in spans:
                if span.start <= day < span.end:
                    yield from self._day(account, span.subscription, day)
            yield None

    def _day(self, account: Account, subscription: Subscription, day: date) -> Iterator[Row]:
        period = subscription.period_start(day)
        shared = json.dumps(subscription.id), *self._periods.texts(day, period)
        for draw in self._draws(account, subscription, day):
            position, repeats = _original(account, draw.position)
            bits = self._bits(account, subscription, period, draw, position if repeats else None)
            yield self._row(account, position, shared, bits, (day - period).days)

    def _draws(self, account: Account, subscription: Subscription, day: date) -> Sequence[Draw]:
        parts = account.index, subscription.id, day.toordinal()
        idle = self._identities.number("idle", *parts) < self._settings.idle_days * _ALL
        return self._restatements.draws(
            f"v1 {subscription.id}",
            account.index,
            day,
            () if idle else self._usual,
            self._settings.records_per_day,
        )

    def _bits(
        self,
        account: Account,
        subscription: Subscription,
        period: date,
        draw: Draw,
        original: int | None,
    ) -> int:
        source = draw if original is None else Draw(original, draw.version)
        parts = account.index, period.toordinal(), *source.parts()
        return int.from_bytes(self._identities.digest("v1", subscription.id, *parts))

    def _row(
        self, account: Account, position: int, shared: tuple[str, ...], bits: int, offset: int
    ) -> Row:
        number = account.metric_number(position)
        subscription, *periods = shared
        return Row(
            self._template(number, account.variant(position)),
            (
                *account.texts[:2],
                subscription,
                *self._accounts.zone(account, position),
                *periods,
                *map(double_text, self._numbers(METRICS[number], bits, offset)),
            ),
        )

    def _numbers(self, metric: Metric, bits: int, offset: int) -> tuple[float, ...]:
        quantity = float(self._amounts.quantity(metric, bits >> 8))
        share = _FRACTIONAL_SHARE if metric.fractional else 1
        factor = _share_paid(bits)
        consumed = quantity * _PATTERN[offset] / share
        unit = float(10**-metric.pricing_shift)
        priced = consumed / unit
        at_list = priced * float(metric.price)
        total = quantity * _TOTALS[offset] / share / unit
        cost, total_cost = at_list * factor, total * float(metric.price) * factor
        return consumed, priced, at_list, cost, total, total_cost

    def _derive_template(self, number: int, variant: int) -> Template:
        fields = billable_fields(METRICS[number], variant, self._settings.subscription_ids)
        return Template.of(
            [
                (
                    name,
                    int(content)
                    if isinstance(content, Slot)
                    else json_text(content, self._whitespace, RECORD_DEPTH + 1),
                )
                for name, content in fields.items()
            ],
            self._whitespace,
        )


def _original(account: Account, position: int) -> tuple[int, bool]:
    habit = (account.salt + position * 3) % _HABITS if position else _HABITS
    return (position - 1, habit == 0) if habit <= 1 else (position, False)


def _share_paid(bits: int) -> float:
    if bits % _PAID:
        return 0.0
    return _DISCOUNT if bits & _PAID else 1.0
