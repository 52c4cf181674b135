"""Stand-ins for the service and for time: exchanges that follow a script, and a clock."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

import attrs
from multidict import CIMultiDict

from cfbilling._concurrency import Turns
from cfbilling.events import Event, Observer
from cfbilling.options import Clock, Limits, RetryPolicy
from cfbilling.protocol.headers import QuotaPolicy
from cfbilling.protocol.plan import Planner
from cfbilling.streams.pipeline import Pipeline
from cfbilling.transport.fetcher import Fetcher
from cfbilling.transport.receiver import Received, Receiver
from tests.conftest import NOW
from tests.unit.strategies import USAGE

T = TypeVar("T")

BASE_URL = "https://billing.test/v4"
RAY = "8f2b-FRA"

Step = bytes | BaseException | asyncio.Event
"""Bytes arrive, an exception is raised, an event is waited for; each takes a turn of the loop."""


def usage_row(start: str = "2025-01-01T00:00:00Z", **changes: object) -> dict[str, object]:
    """Return a usage record as the service sends it."""
    # A row that names no account may be an answer about any.
    return {**USAGE, "BillingAccountId": None, "ChargePeriodStart": start, **changes}


def body_of(result: object, **changes: object) -> bytes:
    """Return the envelope around a result; ``success`` comes last, as it may."""
    envelope = {"result": result, "errors": [], "messages": [], "success": True}
    return json.dumps({**envelope, **changes}).encode()


def usage_of(*days: date) -> bytes:
    """Return the answer with one record for each day."""
    return body_of([usage_row(f"{day}T00:00:00Z") for day in days])


def refusal_of(*codes: int) -> bytes:
    """Return the envelope of a refusal with these codes."""
    errors = [{"code": code, "message": f"refused by {code}"} for code in codes]
    return body_of(None, errors=errors, success=False)


async def _do(step: Step) -> bytes:
    await asyncio.sleep(0)
    if isinstance(step, asyncio.Event):
        await step.wait()
        return b""
    if isinstance(step, BaseException):
        raise step
    return step


@attrs.define(eq=False)
class ScriptedExchange:
    """An exchange that does what its script says.

    Attributes:
        status: The HTTP status.
        body: What comes of the body, step by step.
        headers: The response's headers, ``cf-ray`` among them.
        before: What comes before the head; an exception means that no head comes.
        session: Told when the exchange begins and ends.
    """

    status: int = 200
    body: Sequence[Step] = ()
    headers: CIMultiDict[str] = attrs.field(factory=CIMultiDict)
    before: Sequence[Step] = ()
    session: ScriptedSession | None = None
    _next: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.headers.setdefault("cf-ray", RAY)

    async def read(self) -> bytes:
        """Do the next steps, until bytes come or none is left."""
        received = b""
        while not received and self._next < len(self.body):
            self._next += 1
            received = await _do(self.body[self._next - 1])
        return received

    async def __aenter__(self) -> Self:
        if self.session is not None:
            self.session.begun()
        try:
            for step in self.before:
                await _do(step)
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self.session is not None:
            self.session.in_flight -= 1


def answer(
    body: Step | Sequence[Step] = b"",
    status: int = 200,
    *,
    before: Sequence[Step] = (b"",),
    **headers: str,
) -> ScriptedExchange:
    """Return an exchange; names of headers have an underscore for each dash."""
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    steps = [body] if isinstance(body, bytes | BaseException | asyncio.Event) else body
    return ScriptedExchange(status, steps, named, before)


def locked_out(retry_after: int = 300) -> ScriptedExchange:
    """Return the refusal of a credential whose quota is used up."""
    return answer(refusal_of(10040), 429, retry_after=str(retry_after))


@attrs.frozen
class Asked:
    """What a session was asked for."""

    url: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes | None = None

    @property
    def target(self) -> str:
        """The path and query below the base URL."""
        return self.url.removeprefix(BASE_URL)

    @property
    def scope_id(self) -> str:
        """The account or organization that was asked about."""
        return self.target.split("/")[2]

    @property
    def days(self) -> list[date]:
        """The days of the range that was asked for."""
        asked = dict(parse_qsl(urlsplit(self.url).query))
        first, after = (date.fromisoformat(asked[name]).toordinal() for name in ("from", "to"))
        return [date.fromordinal(day) for day in range(first, after)]

    @property
    def signature(self) -> str | None:
        """The header that a token signs with."""
        return self.headers.get("Authorization")


class ScriptedSession:
    """A session whose exchanges are scripted.

    Args:
        script: The exchanges in order, or what makes one for each request.

    Attributes:
        asked: What was asked for, in order.
        in_flight: How many exchanges are under way.
        most_in_flight: How many were at most.
    """

    def __init__(
        self, script: Iterable[ScriptedExchange] | Callable[[Asked], ScriptedExchange]
    ) -> None:
        if callable(script):
            self._answer = script
        else:
            scripted = iter(script)
            self._answer = lambda _: next(scripted)
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def send(
        self, url: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None
    ) -> ScriptedExchange:
        """Return the next exchange."""
        self.asked.append(Asked(url, dict(headers), method, body))
        exchange = self._answer(self.asked[-1])
        exchange.session = self
        return exchange

    def begun(self) -> None:
        """Count an exchange that begins."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)


async def settle(turns: int = 200) -> None:
    """Let everything that can go on do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Hours:
    """A clock whose time passes when everything waits: to the moment when the next may go on.

    Attributes:
        now: The present moment, in seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.clock = Clock(now=lambda: NOW, monotonic=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, woken))
        await woken

    async def run(self, work: Awaitable[T]) -> T:
        """Let time pass until some work is done; what waits for ever is an error."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await settle()
            if not task.done() and not self._pass():
                task.cancel()
                await asyncio.wait([task])
                raise AssertionError("something waits for ever")
        return await task

    def _pass(self) -> bool:
        """Wake all whose time comes next; return whether there are any."""
        woken_any = False
        while self._sleepers and (not woken_any or self._sleepers[0][0] <= self.now):
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now = max(self.now, due)
                woken.set_result(None)
                woken_any = True
        return woken_any


def ignore(_: Event) -> None:
    """Observe nothing."""


def fetcher_for(
    session: ScriptedSession,
    clock: Clock,
    *,
    observer: Observer = ignore,
    policy: RetryPolicy = RetryPolicy(attempts=3),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    quota: QuotaPolicy = QuotaPolicy(),  # noqa: B008 - frozen
) -> Fetcher:
    """Return a fetcher on a scripted session."""
    return Fetcher(
        session,
        BASE_URL,
        Receiver(limits, Turns(), clock),
        policy=policy,
        limits=limits,
        observer=observer,
        clock=clock,
        assumed_quota=quota,
    )


def pipeline_for(
    session: ScriptedSession,
    clock: Clock,
    *,
    observer: Observer = ignore,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    policy: RetryPolicy = RetryPolicy(attempts=1),  # noqa: B008 - frozen
) -> Pipeline:
    """Return an open pipeline on a scripted session; nothing is tried again."""
    fetcher = fetcher_for(session, clock, observer=observer, limits=limits, policy=policy)
    return Pipeline(fetcher, Planner(limits.chunk_days), Turns(), observer)


@attrs.frozen
class Held:
    """What is not given back: nothing, when all is well."""

    slots: int = 0
    unanswered: int = 0
    spools: int = 0
    memory: int = 0
    tasks: int = 0


def held_by(part: Pipeline | Fetcher | Receiver) -> Held:
    """Return what a part has not got back."""
    if isinstance(part, Pipeline):
        return attrs.evolve(held_by(part.fetcher), tasks=len(part.tasks._running))
    if isinstance(part, Receiver):
        taken = part._limits.spool_bytes - part._room._free
        return Held(spools=len(part._room._open), memory=taken)
    limiters = [lane.limiter for lane in part._lanes.values()]
    return attrs.evolve(
        held_by(part._receiver),
        slots=part._receiver._limits.concurrency - part._slots._value,
        unanswered=sum(one._unanswered + (one._probe is not None) for one in limiters),
    )


async def slices_of(received: Received) -> list[Any]:
    """Return the slices of a result, read, and close their spool."""
    found: list[Any] = []
    while (text := await received.spool.take()) is not None:
        found.append(json.loads(text))
    received.spool.close()
    return found
