"""One request: paced, sent, retried, and received whole.

The envelope's ``success`` comes after its ``result``, and a connection can break inside either. So
nothing of an answer leaves here before its end was seen; a retry can neither lose nor repeat any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import attrs

from cfbilling.credentials import ApiKey, ApiToken, Credentials
from cfbilling.errors import ConfigurationError, RateLimited
from cfbilling.events import ChunkReceived, Observer, QuotaPaused, RequestSent
from cfbilling.options import Clock, Limits, RetryPolicy
from cfbilling.protocol.headers import Quota, read_quota
from cfbilling.protocol.requests import Request, about
from cfbilling.records import Record
from cfbilling.transport.rate_limit import RateLimiter
from cfbilling.transport.receiver import Received, Receiver
from cfbilling.transport.retry import retrying
from cfbilling.transport.session import HttpSession

__all__ = ["Fetcher"]


@attrs.frozen(eq=False)
class _Lane:
    """One credential's way to the service.

    Attributes:
        headers: The headers of its requests, signature included.
        limiter: Its pace.
    """

    headers: Mapping[str, str]
    limiter: RateLimiter


class Fetcher:
    """Sends requests, each under its credential and at that credential's pace.

    Args:
        session: The HTTP session.
        base_url: The URL that every path is below.
        receiver: The receiver of responses.
        policy: The retry policy.
        limits: The limits; of these, how many requests may be in flight.
        observer: Told of requests, retries, pauses and what arrived.
        clock: The clock that waits.
    """

    def __init__(
        self,
        session: HttpSession,
        base_url: str,
        receiver: Receiver,
        *,
        policy: RetryPolicy,
        limits: Limits,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._session = session
        self._base_url = base_url
        self._receiver = receiver
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._lanes: dict[Credentials, _Lane] = {}

    async def close(self) -> None:
        """Let go of all that was received and not taken."""
        await self._receiver.close()

    def limiter(self, credentials: Credentials) -> RateLimiter:
        """Return what paces the requests under a credential.

        Raises:
            ConfigurationError: If it is neither an `ApiToken` nor an `ApiKey`.
        """
        return self._lane(credentials).limiter

    def _lane(self, credentials: Credentials) -> _Lane:
        lane = self._lanes.get(credentials)
        if lane is None:
            if not isinstance(credentials, ApiToken | ApiKey):
                raise ConfigurationError("credentials must be an ApiToken or an ApiKey")
            headers = {
                "Accept": "application/json",
                "Accept-Encoding": self._receiver.accept_encoding,
                **credentials.headers(),
            }
            limiter = RateLimiter(
                self._clock, lambda seconds: self._observer(QuotaPaused(seconds=seconds))
            )
            lane = self._lanes[credentials] = _Lane(headers, limiter)
        return lane

    async def fetch(self, request: Request[Record], credentials: Credentials) -> Received:
        """Return the answer to a request, received whole and verified.

        Args:
            request: The request.
            credentials: The credential that signs it.

        Returns:
            What arrived; the caller closes its spool.

        Raises:
            BillingError: What went wrong in the end, with the request's facts.
        """
        lane = self._lane(credentials)

        async def attempt(request: Request[Record], number: int) -> Received:
            return await self._attempt(request, number, lane)

        with about(request):
            return await retrying(request, attempt, self._policy, self._clock, self._observer)

    async def _attempt(self, request: Request[Record], number: int, lane: _Lane) -> Received:
        await self._enter(lane.limiter)
        try:
            self._observer(RequestSent(attempt=number, **request.facts))
            began = self._clock.monotonic()
            received = await self._exchange(request, lane)
        finally:
            self._slots.release()
        self._observer(
            ChunkReceived(
                **request.facts,
                wire_bytes=received.wire_bytes,
                body_bytes=received.body_bytes,
                seconds=self._clock.monotonic() - began,
            )
        )
        return received

    async def _enter(self, limiter: RateLimiter) -> None:
        """Wait for the quota and for a slot; no slot is held while the quota is waited for."""
        while True:
            pause = limiter.closed_for
            if pause > self._policy.budget:
                raise RateLimited("the quota is used up for too long", retry_after=pause)
            await limiter.opened()
            await self._slots.acquire()
            if limiter.enter():
                return
            self._slots.release()

    async def _exchange(self, request: Request[Record], lane: _Lane) -> Received:
        limiter = lane.limiter
        quota: Quota | None = None
        is_answered = False
        try:
            async with self._session.get(self._base_url + request.target, lane.headers) as exchange:
                quota = read_quota(exchange.headers)
                limiter.answered(quota)
                is_answered = True
                return await self._receiver.receive(exchange, request.endpoint)
        except RateLimited as error:
            if error.retry_after is None and quota is not None and not quota.remaining:
                error.retry_after = quota.reset
            if error.retry_after is not None:
                limiter.locked_out(error.retry_after)
            raise
        finally:
            if not is_answered:
                limiter.given_up()
