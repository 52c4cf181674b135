"""One request: paced, sent, retried, and received whole.

The envelope's ``success`` comes after its ``result``, and a connection can break inside either. So
nothing of an answer leaves here before its end was seen; a retry can neither lose nor repeat any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from typing import Protocol

import attrs

from cfbilling.credentials import ApiKey, ApiToken, Credentials
from cfbilling.errors import ApiError, BillingError, ConfigurationError, RateLimited
from cfbilling.events import ChunkReceived, Observer, QuotaPaused, RequestSent
from cfbilling.options import Clock, Limits, RetryPolicy
from cfbilling.protocol.headers import QuotaPolicy, QuotaSignal, read_signal
from cfbilling.protocol.requests import Request, about
from cfbilling.records import Record
from cfbilling.transport.budget import Budget
from cfbilling.transport.permit import Permit
from cfbilling.transport.rate_limit import RateLimiter
from cfbilling.transport.receiver import Received, Receiver, Response
from cfbilling.transport.retry import Attempts, is_transient, retrying

__all__ = ["Fetcher", "Session"]


class Session(Protocol):
    """Whatever sends a request."""

    def send(
        self, url: str, headers: Mapping[str, str], method: str, body: bytes | None, /
    ) -> AbstractAsyncContextManager[Response]:
        """Prepare a request; entering what is returned sends it."""
        ...


@attrs.frozen(eq=False)
class _Lane:
    """One credential's way to the service.

    Attributes:
        headers: The headers of its requests, signature included.
        limiter: Its pace.
    """

    headers: Mapping[str, str] = attrs.field(repr=False)
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
        assumed_quota: The quota of a credential until the service tells.
        quota_reserve: Requests of each window that are left to others.
    """

    def __init__(
        self,
        session: Session,
        base_url: str,
        receiver: Receiver,
        *,
        policy: RetryPolicy,
        limits: Limits,
        observer: Observer,
        clock: Clock,
        assumed_quota: QuotaPolicy,
        quota_reserve: int = 0,
    ) -> None:
        self._session = session
        self._base_url = base_url
        self._receiver = receiver
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._assumed_quota = assumed_quota
        self._quota_reserve = quota_reserve
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._lanes: dict[Credentials, _Lane] = {}
        # One for all: a method is a new object each time it is asked for.
        self._on_pause = self._tell_pause

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
        if not isinstance(credentials, ApiToken | ApiKey):
            raise ConfigurationError("credentials must be an ApiToken or an ApiKey")
        lane = self._lanes.get(credentials)
        if lane is None:
            headers = {
                "Accept": "application/json",
                "Accept-Encoding": self._receiver.accept_encoding,
                **credentials.headers(),
            }
            limiter = RateLimiter(
                self._clock,
                self._on_pause,
                self._assumed_quota,
                self._policy,
                self._quota_reserve,
            )
            lane = self._lanes[credentials] = _Lane(headers, limiter)
        return lane

    def _tell_pause(self, seconds: float) -> None:
        self._observer(QuotaPaused(seconds=seconds))

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
        attempts = Attempts(self._policy, lane.limiter, Budget(self._policy.budget))
        with about(request):
            try:
                return await self._attempt(request, attempts, lane)
            except BillingError as error:
                if not is_transient(error):
                    error.attempts = attempts.number
                    raise
                # Without its frames, or it would keep this one and be kept by it.
                first_error = error.with_traceback(None)
            try:
                return await retrying(
                    first_error,
                    request,
                    partial(self._attempt, request, attempts, lane),
                    attempts,
                    clock=self._clock,
                    observer=self._observer,
                )
            except RateLimited as error:
                if error.retry_after is None:
                    # The service named no time: then it is when the next one may try.
                    error.retry_after = lane.limiter.closed_for or None
                raise

    async def _attempt(self, request: Request[Record], attempts: Attempts, lane: _Lane) -> Received:
        permit = await lane.limiter.permit(self._slots, attempts.budget)
        began = self._clock.monotonic()
        try:
            received = await self._exchange(request, attempts.number, lane, permit)
        finally:
            self._slots.release()
        try:
            self._observer(
                ChunkReceived(
                    endpoint=request.endpoint.name,
                    scope_id=request.scope_id,
                    chunk=request.chunk,
                    wire_bytes=received.wire_bytes,
                    body_bytes=received.body_bytes,
                    seconds=self._clock.monotonic() - began,
                )
            )
        except BaseException:
            received.spool.close()
            raise
        return received

    async def _exchange(
        self, request: Request[Record], number: int, lane: _Lane, permit: Permit
    ) -> Received:
        limiter, signal = lane.limiter, None
        try:
            self._observer(
                RequestSent(
                    endpoint=request.endpoint.name,
                    scope_id=request.scope_id,
                    chunk=request.chunk,
                    attempt=number,
                )
            )
            url, method = self._base_url + request.target, request.endpoint.method
            async with self._session.send(url, lane.headers, method, request.body) as exchange:
                signal = read_signal(exchange.status, exchange.headers, self._clock.now())
                # At the head: what comes of the body does not change what it says of the quota.
                # Only of another refusal, the body may still say that the quota is why.
                if signal.is_refusal or exchange.status < HTTPStatus.BAD_REQUEST:
                    limiter.tell(permit, signal)
                received = await self._receiver.receive(exchange, request.endpoint)
        except RateLimited as error:
            if signal is not None and signal.is_refusal:
                error.retry_after = signal.wait
            else:
                quotas = () if signal is None else signal.quotas
                refusal = QuotaSignal(quotas, is_refusal=True, wait=error.retry_after)
                limiter.tell(permit, refusal)
            raise
        except ApiError:
            # It refused for another reason than the quota.
            quotas = () if signal is None else signal.quotas
            limiter.tell(permit, QuotaSignal(quotas, is_whole=True))
            raise
        except BaseException:
            if permit.is_probe or not permit.is_settled:
                limiter.tell(permit, None)
            raise
        if permit.is_probe:
            limiter.tell(permit, QuotaSignal(is_whole=True))
        return received
