"""Usage records: one metric of one account on one day, in the names of FOCUS v1.3."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from cfbilling.sandbox.data.accounts import Account, Accounts
from cfbilling.sandbox.data.amounts import Amounts
from cfbilling.sandbox.data.catalogue import METRICS, Metric
from cfbilling.sandbox.data.days import DayTexts, day_texts, days
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace, json_text
from cfbilling.sandbox.data.restatements import Draw, Restatements
from cfbilling.sandbox.data.template import RECORD_DEPTH, Row, Template
from cfbilling.sandbox.data.usage_fields import NullCosts, Revision, Shape, Slot, usage_fields

__all__ = ["UsageRecords"]

_NO_COSTS = ("0",) * 5


# Of 32 records, how many have which shape.
_SHAPES: tuple[Shape, ...] = (
    (Shape.PRICED,) * 15
    + (Shape.FREE,) * 6
    + (Shape.UNPRICED,) * 5
    + (Shape.NULLED,) * 3
    + (Shape.CORRECTION,) * 2
    + (Shape.BARE,)
)


class UsageRecords:
    """Derives the usage records of any account on any day."""

    def __init__(
        self,
        identities: Identities,
        accounts: Accounts,
        restatements: Restatements,
        *,
        records_per_day: int,
        padding: int,
        revision: Revision,
        null_costs: NullCosts,
        whitespace: Whitespace,
    ) -> None:
        self._identities = identities
        self._accounts = accounts
        self._restatements = restatements
        self._amounts = Amounts()
        self._records_per_day = records_per_day
        self._usual = tuple(map(Draw, range(records_per_day)))
        self._padding = padding
        self._revision: Revision = revision
        self._null_costs: NullCosts = null_costs
        self._whitespace: Whitespace = whitespace
        # Bounded by the catalogue, whatever the number of accounts.
        self._template = lru_cache(maxsize=None)(self._derive_template)

    def rows(
        self, members: Sequence[int], start: date, end: date, metric: str | None
    ) -> Iterator[Row | None]:
        """Yield the records of ``[start, end)`` by day, account and metric.

        After each account's day comes one None, so that a sender can breathe in long empty
        stretches.
        """
        for day in days(start, end):
            texts = day_texts(day)
            for index in members:
                yield from self._day(self._accounts.account(index), day, texts, metric)
                yield None

    def draws(
        self, account: Account, day: date, metric: str | None = None
    ) -> Iterator[tuple[int, int]]:
        """Yield position and random bits of each record of a day."""
        root = blake2b(
            self._identities.digest("usage", account.index, day.toordinal()), digest_size=20
        )
        for draw in self._chosen(account, day, metric):
            branch = root.copy()
            for part in draw.parts():
                branch.update(part.to_bytes(4, "big"))
            yield draw.position, int.from_bytes(branch.digest(), "big")

    def _day(
        self, account: Account, day: date, texts: tuple[DayTexts, ...], metric: str | None
    ) -> Iterator[Row]:
        for position, bits in self.draws(account, day, metric):
            yield self._row(account, position, texts, bits)

    def _chosen(self, account: Account, day: date, metric: str | None) -> Iterable[Draw]:
        draws = self._restatements.draws(
            "usage", account.index, day, self._usual, self._records_per_day
        )
        if metric is None:
            return draws
        wanted = {number for number, each in enumerate(METRICS) if metric in (each.id, each.name)}
        return (draw for draw in draws if account.metric_number(draw.position) in wanted)

    def _row(self, account: Account, position: int, texts: tuple[DayTexts, ...], bits: int) -> Row:
        number, variant = account.metric_number(position), account.variant(position)
        shape, bits = _SHAPES[bits % len(_SHAPES)], bits >> 5
        metric = METRICS[number]
        return Row(
            self._template(number, variant, shape),
            (
                *account.texts,
                *self._accounts.zone(account, position),
                *texts[max(0, variant - 5)],
                *self._numbers(metric, shape, bits),
            ),
        )

    def quantities(self, number: int, bits: int) -> tuple[Decimal, ...]:
        """Return consumed and priced quantity and the four costs, whether or not they are sent.

        Args:
            number: Number of the metric.
            bits: Random bits of the record.
        """
        shape, bits = _SHAPES[bits % len(_SHAPES)], bits >> 5
        metric = METRICS[number]
        consumed = self._consumed(metric, shape, bits)
        return consumed, *self._priced(metric, shape, consumed, bits)

    def _numbers(self, metric: Metric, shape: Shape, bits: int) -> tuple[str, ...]:
        consumed = self._consumed(metric, shape, bits)
        if shape > Shape.CORRECTION:
            return (str(consumed), *_NO_COSTS)
        return (str(consumed), *map(str, self._priced(metric, shape, consumed, bits)))

    def _consumed(self, metric: Metric, shape: Shape, bits: int) -> Decimal:
        consumed = self._amounts.quantity(metric, bits)
        if shape is Shape.CORRECTION:
            return consumed.copy_negate() if consumed else consumed - 1
        return consumed

    def _priced(
        self, metric: Metric, shape: Shape, consumed: Decimal, bits: int
    ) -> tuple[Decimal, ...]:
        priced = self._amounts.priced(metric, consumed)
        free = shape is Shape.FREE
        return priced, *self._amounts.costs(metric, priced, bits >> 90, free=free)

    def _derive_template(self, number: int, variant: int, shape: Shape) -> Template:
        fields = usage_fields(
            METRICS[number],
            variant,
            shape,
            revision=self._revision,
            padding=self._padding,
            null_costs=self._null_costs,
        )
        ascii_only = variant % 4 == 1
        return Template.of(
            [
                (
                    name,
                    int(content)
                    if isinstance(content, Slot)
                    else json_text(
                        content, self._whitespace, RECORD_DEPTH + 1, ascii_only=ascii_only
                    ),
                )
                for name, content in fields.items()
            ],
            self._whitespace,
        )
