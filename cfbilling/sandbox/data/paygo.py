"""Paygo records: what a pay-as-you-go account used, with running totals of the billing period."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import IntEnum, auto
from functools import lru_cache
from typing import TypeAlias

from cfbilling.sandbox.data.accounts import Account, Accounts
from cfbilling.sandbox.data.amounts import Amounts
from cfbilling.sandbox.data.catalogue import METRICS, Metric
from cfbilling.sandbox.data.days import DayTexts, day_texts, days, month_start
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Json, Whitespace, json_text
from cfbilling.sandbox.data.restatements import Draw, Restatements
from cfbilling.sandbox.data.template import RECORD_DEPTH, Row, Template

__all__ = ["Fields", "PaygoRecords", "Slot"]

# How a month's usage is spread over its days. A fixed pattern makes the running total of any
# day a single multiplication, so that a day never depends on the days asked for before it.
_PATTERN = (3, 5, 8, 2, 1, 4, 7, 6, 0, 9, 3, 2, 5, 4, 1, 8, 6, 7, -2, 4, 3, 5, 9, 1, 2, 6, 4, 8, 7,
            5, 3, 2)  # fmt: skip
_TOTALS = tuple(sum(_PATTERN[: day + 1]) for day in range(len(_PATTERN)))


class Slot(IntEnum):
    """What changes from record to record, in the order of a row's values."""

    SUBSCRIPTION_ID = 0
    ZONE_ID = auto()
    ZONE_NAME = auto()
    CHARGE_START = auto()
    CHARGE_END = auto()
    PERIOD_START = auto()
    PERIOD_END = auto()
    CONSUMED = auto()
    PRICED = auto()
    COST = auto()
    TOTAL_PRICED = auto()
    TOTAL_COST = auto()


Fields: TypeAlias = dict[str, "Json | Slot"]


class PaygoRecords:
    """Derives the paygo records of any account on any day."""

    def __init__(
        self,
        identities: Identities,
        accounts: Accounts,
        restatements: Restatements,
        *,
        records_per_day: int,
        whitespace: Whitespace,
    ) -> None:
        self._identities = identities
        self._accounts = accounts
        self._restatements = restatements
        self._amounts = Amounts()
        self._records_per_day = records_per_day
        self._usual = tuple(map(Draw, range(records_per_day)))
        self._whitespace: Whitespace = whitespace
        self._template = lru_cache(maxsize=None)(self._derive_template)

    def rows(self, index: int, start: date, end: date, *, beta: bool) -> Iterator[Row | None]:
        """Yield the records of ``[start, end)`` by day and metric, and None after each day."""
        account = self._accounts.account(index)
        for day in days(start, end):
            texts = day_texts(day)
            draws = self._restatements.draws(
                "paygo", index, day, self._usual, self._records_per_day
            )
            for draw in draws:
                yield self._row(account, draw, day, texts, beta=beta)
            yield None

    def _row(
        self, account: Account, draw: Draw, day: date, texts: tuple[DayTexts, ...], *, beta: bool
    ) -> Row:
        position = draw.position
        number, variant = account.metric_number(position), account.variant(position)
        return Row(
            self._template(number, variant, beta),
            (
                account.subscription,
                *self._accounts.zone(account, position),
                *texts[max(0, variant - 5)],
                *map(str, self._numbers(METRICS[number], account, draw, day)),
            ),
        )

    def _numbers(
        self, metric: Metric, account: Account, draw: Draw, day: date
    ) -> tuple[Decimal, ...]:
        month = month_start(day).toordinal()
        parts = account.index, month, *draw.parts()
        bits = int.from_bytes(self._identities.digest("paygo", *parts))
        base = self._amounts.quantity(metric, bits)
        times = self._amounts.times
        consumed = times(base, _PATTERN[day.day - 1])
        priced = self._amounts.priced(metric, consumed)
        total = self._amounts.priced(metric, times(base, _TOTALS[day.day - 1]))
        return consumed, priced, times(priced, metric.price), total, times(total, metric.price)

    def _derive_template(self, number: int, variant: int, beta: bool) -> Template:  # noqa: FBT001 - a cache keys it by place
        fields = _required(METRICS[number], variant)
        if not beta:
            fields |= _optional(METRICS[number], variant)
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


def _required(metric: Metric, variant: int) -> Fields:
    return {
        "BillingCurrency": "USD",
        "BillingPeriodStart": Slot.PERIOD_START,
        "ChargePeriodEnd": Slot.CHARGE_END,
        "ChargePeriodStart": Slot.CHARGE_START,
        "ConsumedQuantity": Slot.CONSUMED,
        "ConsumedUnit": metric.unit if variant else "",
        "ContractedCost": Slot.COST,
        "CumulatedContractedCost": Slot.TOTAL_COST,
        "CumulatedPricingQuantity": Slot.TOTAL_PRICED,
        "PricingQuantity": Slot.PRICED,
        "ServiceName": metric.name,
    }


def _optional(metric: Metric, variant: int) -> Fields:
    fields: Fields = {}
    if variant != 1:
        fields["ServiceFamilyName"] = metric.family
    if variant % 3 != 1:
        fields["SubscriptionId"] = Slot.SUBSCRIPTION_ID
    if variant % 4 == 0:
        fields |= {"ZoneId": None, "ZoneName": None}
    elif variant % 4 != 1:
        fields |= {"ZoneId": Slot.ZONE_ID, "ZoneName": Slot.ZONE_NAME}
    return fields
