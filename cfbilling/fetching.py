"""One chunk: retried, received whole into a spool, verified, and only then handed on.

The envelope's ``success`` comes after its ``result``, and a connection can break inside either. So
nothing of a chunk leaves here before its end was seen; a retry can neither lose nor repeat any.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import attrs

from cfbilling.clock import Clock
from cfbilling.credentials import Credentials
from cfbilling.decoding import decode_object
from cfbilling.endpoints import BillingRequest
from cfbilling.errors import BillingError, DecodeError
from cfbilling.events import ChunkReceived, Observer, RequestSent, RetryScheduled, notify
from cfbilling.inflating import Codings
from cfbilling.options import Limits, RetryPolicy
from cfbilling.receiving import Received, receive
from cfbilling.records import Record
from cfbilling.retrying import FailedAttempt, retrying
from cfbilling.session import HttpSession
from cfbilling.spool import SpoolRoom

__all__ = ["Fetcher", "explain"]

R = TypeVar("R", bound=Record)


def explain(
    error: BaseException, request: BillingRequest, received: Received | None = None
) -> None:
    """Add to an error of ours which request, and which response, it is about."""
    if isinstance(error, BillingError):
        error.during(**request.facts)
        if received is not None:
            error.answered(received.status, received.ray_id)


class Fetcher:
    """Sends requests under one credential and returns what arrived whole.

    Args:
        session: What sends.
        base_url: Where to.
        credentials: What signs.
        policy: When to try again.
        limits: How much at once.
        observer: Who is told.
        clock: What waits.
    """

    def __init__(
        self,
        session: HttpSession,
        base_url: str,
        credentials: Credentials,
        *,
        policy: RetryPolicy,
        limits: Limits,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._session = session
        self._base_url = base_url
        self._codings = Codings()
        self._credentials = credentials
        self._policy = policy
        self._limits = limits
        self._observer = observer
        self._clock = clock
        self._room = SpoolRoom(limits.spool_bytes)
        self._slots = asyncio.Semaphore(limits.concurrency)

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
            await received.spool.close()
            explain(error, request, received)
            raise
        return received

    async def fetch_object(self, request: BillingRequest, record_type: type[R]) -> R:
        """Return a result that is one object.

        Raises:
            BillingError: What went wrong in the end, with the request's facts.
        """
        received = await self._fetch(request)
        await received.spool.close()
        try:
            return decode_object(received.ending.last_slice, record_type)
        except DecodeError as error:
            explain(error, request, received)
            raise

    async def close(self) -> None:
        """Free whatever was received and not taken."""
        await self._room.close()

    async def _fetch(self, request: BillingRequest) -> Received:
        facts = request.facts

        def tell(failed: FailedAttempt) -> None:
            notify(self._observer, RetryScheduled(**facts, **attrs.asdict(failed, recurse=False)))

        try:
            return await retrying(
                lambda number: self._attempt(request, number), self._policy, self._clock, tell
            )
        except BillingError as error:
            explain(error, request)
            raise

    async def _attempt(self, request: BillingRequest, number: int) -> Received:
        facts = request.facts
        async with self._slots:
            notify(self._observer, RequestSent(attempt=number, **facts))
            began = self._clock.monotonic()
            headers = {
                "Accept": "application/json",
                "Accept-Encoding": self._codings.accept_encoding,
                **self._credentials.headers(),
            }
            async with self._session.get(self._base_url + request.target, headers) as exchange:
                received = await receive(
                    exchange,
                    request.endpoint,
                    room=self._room,
                    codings=self._codings,
                    limits=self._limits,
                    now=self._clock.now(),
                )
        notify(
            self._observer,
            ChunkReceived(
                **facts,
                wire_bytes=received.wire_bytes,
                body_bytes=received.body_bytes,
                seconds=self._clock.monotonic() - began,
            ),
        )
        return received
