"""Version 1: an account's billing cycles, one after the other, each charge exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, date, timedelta
from http import HTTPStatus
from itertools import takewhile
from typing import TypeVar, cast

from cfbilling.chunk import DateChunk
from cfbilling.cycles import BillingCycles
from cfbilling.errors import DecodeError, NotCovered
from cfbilling.events import ChargesAmbiguous, ChunkDone, EndDateLearned
from cfbilling.protocol.cycle_windows import (
    Asked,
    Reading,
    Window,
    asked_dates,
    reading_of,
    windows,
)
from cfbilling.protocol.endpoints import BILLING_CYCLES
from cfbilling.protocol.ownership import inside
from cfbilling.protocol.requests import Query, Request, about
from cfbilling.records import ChargeRecord, Record
from cfbilling.streams.delivery import Delivery

__all__ = ["CycleDelivery"]

R = TypeVar("R", bound=Record)

_DAY = timedelta(days=1)
_PIECE = 256
"""How many records are compared in one turn of the event loop."""


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
        cycles = self.cycles = await self._run(self._fetch_cycles())
        now = clock.now().astimezone(UTC)
        today = now.date()
        whole = self._request.chunk
        if whole is None and (current := cycles.current(now)) is not None:
            whole = DateChunk(current.start, today + _DAY)
        left = [] if whole is None else windows(cycles, whole, today)
        self._tell_started(whole, len(left))
        self._answers: dict[Asked, list[list[R]]] = {}
        while left:
            if planner.reading is Reading.UNKNOWN or not left[0].is_plain:
                window = left.pop(0)
                if records := await self._run(self._charges(window, today)):
                    yield records
                continue
            plain = list(takewhile(lambda window: window.is_plain, left))
            del left[: len(plain)]
            requests = (self._request_for(window, today) for window in plain)
            async with aclosing(self._streamed(requests, None, 0)) as batches:
                async for batch in batches:
                    yield batch

    async def _fetch_cycles(self) -> BillingCycles:
        request = Query(BILLING_CYCLES).about(self._request.scope_id)
        resources, credentials = self._resources, self._credentials
        cycles = await Delivery(resources, request, credentials, is_owned=True).one()
        if cycles.covered is False:
            with about(request, HTTPStatus.OK):
                raise NotCovered("the account is not covered by version 1")
        return cycles

    def _request_for(self, window: Window, today: date) -> Request[R]:
        """Return the one request for a window, now that it is known how ``to`` is read."""
        reading = self._resources.planner.reading
        (dates,) = asked_dates(window.asked[0], reading, today, is_alone=True)
        return self._request.over(window.chunk, dates)

    async def _charges(self, window: Window, today: date) -> list[R]:
        """Return the charges of a window, where one answer may not be all."""
        answers = await self._answers_to(window.asked, window, today)
        if window.spare and not any(answers):
            answers += await self._answers_to(window.spare, window, today)
        charges = await self._united(answers, window)
        for asked in [asked for asked in self._answers if asked.last <= window.chunk.first_day]:
            del self._answers[asked]
        self._resources.observer(
            ChunkDone(
                endpoint=self._request.endpoint.name,
                scope_id=self._request.scope_id,
                chunk=window.chunk,
                records=len(charges),
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
            found += [inside(window.chunk, records) for records in self._answers[asked]]
        return found

    async def _ask(self, asked: Asked, window: Window, today: date) -> list[list[R]]:
        """Return the answers about some days; of two, none needs to be whole by itself."""
        planner, is_alone = self._resources.planner, window.is_plain
        before = planner.reading
        dates = asked_dates(asked, before, today, is_alone=is_alone)
        first = await self._records(asked, dates[0])
        if len(dates) == 1:
            return [first]
        last = dates[0][1]
        answers, seen = [first], await self._days(first)
        reading = reading_of(last, seen, None, is_alone=False)
        if reading is Reading.UNKNOWN and (not is_alone or last < window.chunk.day_after):
            second = await self._records(asked, dates[1])
            proves = is_alone and asked.is_followed
            reading = reading_of(last, seen, await self._days(second), is_alone=proves)
            if is_alone:
                on_last = DateChunk(last, last + _DAY)
                answers = [first + inside(on_last, second)]
            else:
                answers.append(second)
        if before is Reading.UNKNOWN and reading is not before:
            planner.reading = reading
            is_inclusive = reading is Reading.INCLUSIVE
            self._resources.observer(
                EndDateLearned(**self._request.facts, is_inclusive=is_inclusive)
            )
        return answers

    async def _records(self, asked: Asked, dates: tuple[date, date]) -> list[R]:
        """Return all records of one answer, whichever days they are of."""
        request = self._request.over(DateChunk(asked.first, asked.last + _DAY), dates)
        part = await self._fetch_part(request)
        records = await self._decoded(part)
        if len(await self._days(records)) < len(records):
            with about(request, part.received.status, part.received.ray_id):
                raise DecodeError("a charge without a day", "result.ChargePeriodStart")
        return records

    async def _days(self, records: list[R]) -> list[date]:
        """Return the day of each record that has one."""
        days: list[date] = []
        for begin in range(0, len(records), _PIECE):
            await self._resources.turns.take()
            charges = cast("list[ChargeRecord]", records[begin : begin + _PIECE])
            starts = (charge.charge_period_start for charge in charges)
            days += [start.astimezone(UTC).date() for start in starts if start is not None]
        return days

    async def _united(self, answers: list[list[R]], window: Window) -> list[R]:
        """Return what is in any of the answers, each row as often as in the one with most of it."""
        answers = [answer for answer in answers if answer]
        if len(answers) <= 1:
            return answers[0] if answers else []
        most: Counter[R] = Counter()
        united: list[R] = []
        unnamed: Counter[R] = Counter()
        for answer in answers:
            here: Counter[R] = Counter()
            for begin in range(0, len(answer), _PIECE):
                await self._resources.turns.take()
                for record in answer[begin : begin + _PIECE]:
                    here[record] += 1
                    if here[record] > most[record]:
                        most[record] += 1
                        united.append(record)
                    elif here[record] == 1 and getattr(record, "subscription_id", None) is None:
                        unnamed[record] += 1
        if unnamed and any(len(answer) < len(united) for answer in answers):
            self._resources.observer(
                ChargesAmbiguous(
                    endpoint=self._request.endpoint.name,
                    scope_id=self._request.scope_id,
                    chunk=window.chunk,
                    records=len(unnamed),
                )
            )
        return united
