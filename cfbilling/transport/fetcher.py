"""One chunk: retried, received whole into a spool, verified, and only then handed on.

The envelope's ``success`` comes after its ``result``, and a connection can break inside either. So
nothing of a chunk leaves here before its end was seen; a retry can neither lose nor repeat any.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import attrs

from cfbilling._concurrency import Turns
from cfbilling.credentials import Credentials
from cfbilling.decoding.converter import decode_object
from cfbilling.errors import BillingError, DecodeError, RateLimited
from cfbilling.events import ChunkReceived, Observer, QuotaPaused, RequestSent, RetryScheduled
from cfbilling.options import Clock, Limits, RetryPolicy
from cfbilling.protocol.endpoints import BillingRequest
from cfbilling.protocol.headers import Quota, read_quota
from cfbilling.records import Record
from cfbilling.transport.compression import Codings
from cfbilling.transport.rate_limit import Gate
from cfbilling.transport.receiver import Received, receive
from cfbilling.transport.retry import FailedAttempt, retrying
from cfbilling.transport.session import HttpSession
from cfbilling.transport.spool import SpoolRoom

__all__ = ["Fetcher", "Means", "explain"]

R = TypeVar("R", bound=Record)


def explain(
    error: BaseException, request: BillingRequest, received: Received | None = None
) -> None:
    """Add to an error of ours which request, and which response, it is about."""
    if isinstance(error, BillingError):
        error.during(**request.facts)
        if received is not None:
            error.answered(received.status, received.ray_id)


@attrs.frozen
class Means:
    """What the fetchers of a client share.

    Attributes:
        session: What sends.
        base_url: Where to.
        policy: When to try again.
        limits: How much at once.
        observer: Who is told.
        clock: What waits.
        codings: What can be inflated.
        room: Where received bodies wait.
        turns: What shares the loop's time among all tasks of a client.
        slots: How many requests may be in flight, whatever their credential.
    """

    session: HttpSession
    base_url: str
    policy: RetryPolicy
    limits: Limits
    observer: Observer
    clock: Clock
    codings: Codings = attrs.field(factory=Codings)
    turns: Turns = attrs.field(factory=Turns)
    room: SpoolRoom = attrs.field(
        default=attrs.Factory(lambda self: SpoolRoom(self.limits.spool_bytes), takes_self=True)
    )
    slots: asyncio.Semaphore = attrs.field(
        default=attrs.Factory(
            lambda self: asyncio.Semaphore(self.limits.concurrency), takes_self=True
        )
    )


class Fetcher:
    """Sends requests under one credential, at its pace, and returns what arrived whole.

    Args:
        means: What it shares with the other credentials' fetchers.
        credentials: What signs.

    Attributes:
        gate: The credential's pace.
        turns: What shares the loop's time.
    """

    def __init__(self, means: Means, credentials: Credentials) -> None:
        self._means = means
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": means.codings.accept_encoding,
            **credentials.headers(),
        }
        self.turns = means.turns
        self.gate = Gate(means.clock, lambda seconds: means.observer(QuotaPaused(seconds=seconds)))

    async def fetch_chunk(self, request: BillingRequest) -> Received:
        """Return one chunk, received whole and verified; the caller closes its spool.

        Raises:
            BillingError: What went wrong in the end, with the request's facts.
        """
        received = await self._fetch(request)
        try:
            if not received.ending.is_array:
                raise DecodeError("expected an array", "result")
            await received.spool.put(received.ending.last_slice)
        except BaseException as error:
            received.spool.close()
            explain(error, request, received)
            raise
        return received

    async def fetch_object(self, request: BillingRequest, record_type: type[R]) -> R:
        """Return a result that is one object.

        Raises:
            BillingError: What went wrong in the end, with the request's facts.
        """
        received = await self._fetch(request)
        received.spool.close()
        try:
            return decode_object(received.ending.last_slice, record_type)
        except DecodeError as error:
            explain(error, request, received)
            raise

    async def _fetch(self, request: BillingRequest) -> Received:
        means, facts = self._means, request.facts

        def tell(failed: FailedAttempt) -> None:
            means.observer(RetryScheduled(**facts, **attrs.asdict(failed, recurse=False)))

        try:
            return await retrying(
                lambda number: self._attempt(request, number), means.policy, means.clock, tell
            )
        except BillingError as error:
            explain(error, request)
            raise

    async def _attempt(self, request: BillingRequest, number: int) -> Received:
        means, facts = self._means, request.facts
        await self._enter()
        try:
            means.observer(RequestSent(attempt=number, **facts))
            began = means.clock.monotonic()
            received = await self._exchange(request)
        finally:
            means.slots.release()
        means.observer(
            ChunkReceived(
                **facts,
                wire_bytes=received.wire_bytes,
                body_bytes=received.body_bytes,
                seconds=means.clock.monotonic() - began,
            )
        )
        return received

    async def _enter(self) -> None:
        """Wait for the gate and for a slot; a slot is not held while the gate is closed."""
        while True:
            pause = self.gate.closed_for
            if pause > self._means.policy.budget:
                raise RateLimited("the quota is used up for too long", retry_after=pause)
            await self.gate.opened()
            await self._means.slots.acquire()
            if self.gate.enter():
                return
            self._means.slots.release()

    async def _exchange(self, request: BillingRequest) -> Received:
        means = self._means
        quota: Quota | None = None
        is_answered = False
        try:
            url = means.base_url + request.target
            async with means.session.get(url, self._headers) as exchange:
                quota = read_quota(exchange.headers)
                self.gate.answered(quota)
                is_answered = True
                return await receive(
                    exchange,
                    request.endpoint,
                    room=means.room,
                    codings=means.codings,
                    limits=means.limits,
                    turns=means.turns,
                    now=means.clock.now(),
                )
        except RateLimited as error:
            if error.retry_after is None and quota is not None and not quota.remaining:
                error.retry_after = quota.reset
            if error.retry_after is not None:
                self.gate.locked_out(error.retry_after)
            raise
        finally:
            if not is_answered:
                self.gate.given_up()
