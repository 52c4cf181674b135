"""Version 1: an account's billing cycles, one after the other, each charge exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from itertools import takewhile
from typing import TypeVar, cast

from cfbilling.chunk import DateChunk
from cfbilling.cycles import BillingCycles, utc_day
from cfbilling.errors import DecodeError, NotCovered
from cfbilling.events import ChargesAmbiguous, ChunkDone, EndDateLearned
from cfbilling.protocol.cycle_windows import (
    Asked,
    Reading,
    Window,
    asked_dates,
    is_settled,
    proves_inclusive,
    reading_suggested,
    windows,
)
from cfbilling.protocol.endpoints import BILLING_CYCLES
from cfbilling.protocol.ownership import inside
from cfbilling.protocol.requests import Query, Request, about
from cfbilling.protocol.splitter import month_to_date
from cfbilling.protocol.united import United
from cfbilling.records import ChargeRecord, Record
from cfbilling.streams.delivery import Delivery, Part

__all__ = ["CycleDelivery"]

R = TypeVar("R", bound=Record)

_DAY = timedelta(days=1)
_PIECE = 256
"""How many records are compared in one turn of the event loop, and given at once."""

_MANY = 4096
"""How many records are looked at for their day only in one turn."""


class CycleDelivery(Delivery[R]):
    """Delivers the charges of a range, asking for whole billing cycles.

    Attributes:
        cycles: The account's billing cycles, once they are known.
    """

    cycles: BillingCycles | None = None

    async def batches(self) -> AsyncGenerator[list[R], None]:
        """Yield the records in order; no batch is empty.

        Raises:
            NotCovered: If version 1 does not cover the account.
            BillingError: What else went wrong, with the request's facts.
        """
        planner, clock = self._resources.planner, self._resources.clock
        cycles = self.cycles = await self._resources.tasks.here(self._fetch_cycles())
        now = clock.now().astimezone(UTC)
        today = now.date()
        whole = self._request.chunk or _default_range(cycles, now)
        left = await self._windows(cycles, whole, today)
        self._tell_started(whole, len(left))
        self._answers: dict[Asked, list[list[R]]] = {}
        while left:
            if planner.reading is Reading.UNKNOWN or not left[0].is_plain:
                window = left.pop(0)
                for records in await self._resources.tasks.here(self._charges(window, today)):
                    yield records
                continue
            plain = list(takewhile(lambda window: window.is_plain, left))
            del left[: len(plain)]
            requests = (self._request_for(window, today) for window in plain)
            async with aclosing(self._streamed(requests, None, 0)) as batches:
                async for batch in batches:
                    yield batch

    async def _windows(self, cycles: BillingCycles, whole: DateChunk, today: date) -> list[Window]:
        found: list[Window] = []
        for window in windows(cycles, whole, today):
            await self._resources.turns.take()
            found.append(window)
        return found

    async def _fetch_cycles(self) -> BillingCycles:
        request = Query(BILLING_CYCLES).about(self._request.scope_id)
        resources, credentials = self._resources, self._credentials
        cycles = await Delivery(resources, request, credentials).one()
        if cycles.covered is False:
            with about(request, HTTPStatus.OK):
                raise NotCovered("the account is not covered by version 1")
        return cycles

    def _batch(self, part: Part[R], text: bytes) -> list[R]:
        records = super()._batch(part, text)
        planner, dates = self._resources.planner, part.request.dates
        if planner.reading is Reading.EXCLUSIVE and dates is not None:
            end = datetime.combine(dates[1], time(), UTC)
            starts = (charge.charge_period_start for charge in cast("list[ChargeRecord]", records))
            if any(start is not None and start >= end for start in starts):
                # Then other answers may have had too many anchors, and were not whole.
                planner.reading = Reading.UNKNOWN
                with about(part.request, part.received.status, part.received.ray_id):
                    raise DecodeError("the answer goes beyond its end, unlike others", "result")
        return records

    def _request_for(self, window: Window, today: date) -> Request[R]:
        """Return the one request for a window, now that it is known how ``to`` is read."""
        reading = self._resources.planner.reading
        (dates,) = asked_dates(window.asked[0], reading, today, is_alone=True)
        return self._request.over(window.chunk, dates)

    async def _charges(self, window: Window, today: date) -> list[list[R]]:
        """Return the charges of a window, where one answer may not be all, in short lists."""
        answers = await self._answers_to(window.asked, window, today)
        if window.spare and not any(answers):
            answers += await self._answers_to(window.spare, window, today)
        for asked in [asked for asked in self._answers if asked.last <= window.chunk.first_day]:
            del self._answers[asked]
        charges = await self._united([answer for answer in answers if answer], window)
        self._resources.observer(
            ChunkDone(
                endpoint=self._request.endpoint.name,
                scope_id=self._request.scope_id,
                chunk=window.chunk,
                records=sum(map(len, charges)),
                outside=0,
                longest_slice=0.0,
            )
        )
        return charges

    async def _answers_to(
        self, several: tuple[Asked, ...], window: Window, today: date
    ) -> list[list[R]]:
        """Return what each answer holds of a window."""
        found: list[list[R]] = []
        for asked in several:
            if asked not in self._answers:
                self._answers[asked] = await self._ask(asked, window, today)
            found += [await self._inside(window.chunk, all_of) for all_of in self._answers[asked]]
        return found

    async def _ask(self, asked: Asked, window: Window, today: date) -> list[list[R]]:
        """Return the answers about some days; of two, none needs to be whole by itself."""
        planner, is_alone = self._resources.planner, window.is_plain
        dates = asked_dates(asked, planner.reading, today, is_alone=is_alone)
        first, days = await self._records(asked, dates[0])
        if len(dates) == 1:
            return [first]
        last = dates[0][1]
        if proves_inclusive(last, days):
            self._learn(Reading.INCLUSIVE)
            return [first]
        if is_alone and last >= window.chunk.day_after:
            return [first]
        second, others = await self._records(asked, dates[1])
        if proves_inclusive(dates[1][1], others):
            self._learn(Reading.INCLUSIVE)
        elif is_alone and last < today:
            suggested = reading_suggested(last, days, others)
            is_sure = suggested is Reading.EXCLUSIVE and is_settled(last, today)
            if suggested is not Reading.UNKNOWN and not is_sure:
                suggested = await self._confirmed(suggested, asked, dates[0], days)
            self._learn(suggested)
        if not is_alone:
            return [first, second]
        on_last = DateChunk(last, last + _DAY)
        return [first + await self._inside(on_last, second)]

    async def _confirmed(
        self, suggested: Reading, asked: Asked, dates: tuple[date, date], days: Counter[date]
    ) -> Reading:
        """Ask for the first of two answers again: what was restated between them proves nothing."""
        _, again = await self._records(asked, dates)
        if proves_inclusive(dates[1], again):
            return Reading.INCLUSIVE
        return suggested if again == days else Reading.UNKNOWN

    def _learn(self, reading: Reading) -> None:
        planner = self._resources.planner
        if planner.reading is Reading.UNKNOWN and reading is not Reading.UNKNOWN:
            planner.reading = reading
            is_inclusive = reading is Reading.INCLUSIVE
            self._resources.observer(
                EndDateLearned(**self._request.facts, is_inclusive=is_inclusive)
            )

    async def _records(
        self, asked: Asked, dates: tuple[date, date]
    ) -> tuple[list[R], Counter[date]]:
        """Return all records of one answer, whichever days they are of, and how many of each."""
        request = self._request.over(DateChunk(asked.first, asked.last + _DAY), dates)
        part = await self._fetch_part(request)
        records = await self._decoded(part)
        days: Counter[date] = Counter()
        for piece in _pieces(records):
            await self._resources.turns.take()
            for charge in cast("list[ChargeRecord]", piece):
                if charge.charge_period_start is not None:
                    days[utc_day(charge.charge_period_start)] += 1
        if days and not any(map(asked.is_beside, days)):
            with about(request, part.received.status, part.received.ray_id):
                raise DecodeError("the answer is about another range", "result")
        return records, days

    async def _inside(self, chunk: DateChunk, records: list[R]) -> list[R]:
        """Keep what starts inside the chunk, without holding the loop up."""
        kept: list[R] = []
        for begin in range(0, len(records), _MANY):
            await self._resources.turns.take()
            kept += inside(chunk, records[begin : begin + _MANY])
        return kept

    async def _united(self, answers: list[list[R]], window: Window) -> list[list[R]]:
        """Return what is in any of the answers, in short lists."""
        if len(answers) <= 1:
            return [piece for answer in answers for piece in _pieces(answer)]
        several = () if self.cycles is None else self.cycles.subscriptions or ()
        united: United[R] = United(is_single=len(several) <= 1)
        for number, answer in enumerate(answers):
            for piece in _pieces(answer):
                await self._resources.turns.take()
                united.add(number, piece)
        charges: list[list[R]] = [[]]
        for group in united.groups():
            for piece in _pieces(group):
                if len(charges[-1]) >= _PIECE:
                    await self._resources.turns.take()
                    charges.append([])
                charges[-1] += piece
        if united.ambiguous:
            self._resources.observer(
                ChargesAmbiguous(
                    endpoint=self._request.endpoint.name,
                    scope_id=self._request.scope_id,
                    chunk=window.chunk,
                    records=united.ambiguous,
                )
            )
        return charges


def _default_range(cycles: BillingCycles, now: datetime) -> DateChunk:
    """Return the current cycle through today, or the current month where there is none."""
    current = cycles.billed_now(now)
    if current is None:
        return month_to_date(now)
    return DateChunk(current.start, now.date() + _DAY)


def _pieces(records: list[R]) -> list[list[R]]:
    return [records[begin : begin + _PIECE] for begin in range(0, len(records), _PIECE)]
