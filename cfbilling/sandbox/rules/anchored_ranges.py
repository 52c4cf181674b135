"""Which days a range of billable usage (version 1) answers: those around a billing anchor."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Literal

from attrs import frozen

from cfbilling.sandbox.data.days import ONE_DAY
from cfbilling.sandbox.data.subscriptions import Span, Subscription
from cfbilling.sandbox.rules.ranges import DayRange, InvalidQueryError, given_dates

__all__ = ["AnchoredRanges", "AnchorsOf", "DefaultCycles", "FirstCycle", "TwoAnchors"]

TwoAnchors = Literal["empty", "first", "last", "whole"]
AnchorsOf = Literal["subscriptions", "account"]
FirstCycle = Literal["anchor", "start"]
DefaultCycles = Literal[1, 2]


@frozen(kw_only=True)
class AnchoredRanges:
    """How the server reads ``from`` and ``to`` where a range has to include an anchor day.

    Attributes:
        to_inclusive: Whether the day of ``to`` belongs to the range.
        two_anchors: What a range gives that includes more than one anchor day: nothing, what is
            before the second, what begins with the last, or everything.
        anchors_of: Whether each subscription is answered by its own anchors, or all of them by
            the anchors of any.
        leading_days: Whether the days before the first anchor are given.
        first_cycle: Whether the first cycle, which may be incomplete, has its anchor where a
            complete one would have it, or on the first day of the subscription.
        default_cycles: Number of cycles that a query without dates gives.
    """

    to_inclusive: bool
    two_anchors: TwoAnchors
    anchors_of: AnchorsOf
    leading_days: bool
    first_cycle: FirstCycle
    default_cycles: DefaultCycles

    def spans(
        self, query: Mapping[str, str], subscriptions: Sequence[Subscription], today: date
    ) -> tuple[Span, ...]:
        """Return which days of which subscription *query* is answered.

        Raises:
            InvalidQueryError: The vendor would refuse the query.
        """
        asked = self._asked(query, today)
        given: Iterable[Span]
        if asked is None:
            given = (self._latest(subscription, today) for subscription in subscriptions)
        elif self.anchors_of == "account":
            given = self._given(subscriptions, asked)
        else:
            given = chain.from_iterable(self._given((each,), asked) for each in subscriptions)
        alive = (span.within_life(today) for span in given)
        return tuple(span for span in alive if span.start < span.end)

    def _asked(self, query: Mapping[str, str], today: date) -> DayRange | None:
        dates = given_dates(query)
        if dates is None:
            return None
        start, last = dates
        if last > today + ONE_DAY:
            raise InvalidQueryError("to must not be in the future")
        return DayRange(start, last + ONE_DAY if self.to_inclusive else last)

    def _latest(self, subscription: Subscription, today: date) -> Span:
        start = subscription.latest_anchor(today)
        for _ in range(self.default_cycles - 1):
            start = subscription.latest_anchor(start - ONE_DAY)
        return Span(subscription, start, today + ONE_DAY)

    def _given(self, subscriptions: Sequence[Subscription], asked: DayRange) -> Iterator[Span]:
        each = (self._anchors(subscription, asked) for subscription in subscriptions)
        anchors = sorted(set(chain.from_iterable(each)))
        answered = self._answered(anchors, asked)
        if answered is not None:
            for subscription in subscriptions:
                yield Span(subscription, answered.start, answered.end)

    def _anchors(self, subscription: Subscription, asked: DayRange) -> Iterator[date]:
        if asked.start == asked.end:
            return
        first = subscription.first_day
        last = min(subscription.last_day, asked.end - ONE_DAY)
        if self.first_cycle == "anchor":
            first = subscription.latest_anchor(first)
        elif asked.start <= first <= last:
            yield first
        yield from subscription.anchors(max(first, asked.start), last)

    def _answered(self, anchors: Sequence[date], asked: DayRange) -> DayRange | None:
        if not anchors:
            return None
        start = asked.start if self.leading_days else anchors[0]
        if len(anchors) == 1 or self.two_anchors == "whole":
            return DayRange(start, asked.end)
        match self.two_anchors:
            case "first":
                return DayRange(start, anchors[1])
            case "last":
                return DayRange(anchors[-1], asked.end)
        return None
