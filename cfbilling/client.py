"""`BillingClient`: wires the parts together; one short method for each endpoint, no logic."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, get_args, overload

import aiohttp

from cfbilling._concurrency import Turns
from cfbilling._version import __version__
from cfbilling.credentials import ApiKey, ApiToken, Credentials, credentials_from_env
from cfbilling.errors import AccountFailure, ConfigurationError
from cfbilling.events import LoggingObserver, Observer, Observers
from cfbilling.options import Clock, Limits, RetryPolicy, Timeouts
from cfbilling.progress import Stats
from cfbilling.protocol.endpoints import (
    BILLING_PROFILE,
    ENDPOINTS,
    ORGANIZATION_USAGE,
    PAYGO_USAGE,
    PAYGO_USAGE_BETA,
    USAGE,
    Endpoint,
)
from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.protocol.plan import Planner
from cfbilling.protocol.requests import Query
from cfbilling.protocol.splitter import Moment, requested_range
from cfbilling.records import BillingProfile, ChargeRecord, PaygoRecord, UsageRecord
from cfbilling.streams.delivery import Pipeline
from cfbilling.streams.fan_out import Accounts, FanOut, FanOutStream, OnError
from cfbilling.streams.record_stream import RecordStream
from cfbilling.transport.fetcher import Fetcher
from cfbilling.transport.receiver import Receiver
from cfbilling.transport.session import HttpSession, checked_base_url

__all__ = ["BillingClient"]

R = TypeVar("R", bound=ChargeRecord)

UsageEndpoint = Literal["usage", "organization_usage"]
PaygoEndpoint = Literal["paygo_usage", "paygo_usage_beta"]

_BASE_URL = "https://api.cloudflare.com/client/v4"


class BillingClient:
    """Billing and usage data of Cloudflare accounts, as typed records.

    An async context manager; everything else needs it entered. It may be shared by all tasks of
    one event loop.

    Args:
        credentials: An `ApiToken` or an `ApiKey`; by default `credentials_from_env`.
        base_url: The API's URL; by default ``CLOUDFLARE_BASE_URL``, else the vendor's. Plain
            ``http`` is accepted for loopback only.
        retry: The retry policy.
        concurrency: Requests in flight, and chunks that a stream fetches ahead.
        chunk_days: The longest date range of one request, 1 to 31 days.
        timeout: `Timeouts`, or one number of seconds for connecting and for reading.
        session: An aiohttp session to use; it is never closed here.
        observer: Called with each event; they are logged as well (``cfbilling.events``).
        trace_configs: aiohttp's tracing hooks, for the session that the client opens itself.
        max_response_bytes: The longest body that is accepted, counted after decompression.
        spool_bytes: Memory for bodies that were received but not yet delivered, all streams
            together; what goes beyond it goes to a temporary file.
        slice_bytes: The bytes of a body that are decoded between two turns of the event loop.
        assumed_quota: The quota of a credential until the service tells it: 1,200 requests in 300
            seconds, as documented.
        clock: The clock that dates and waits; for tests.

    Attributes:
        stats: The counters of what the client has done, live.

    Raises:
        ConfigurationError: For an argument that cannot be right; it names the argument.
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        base_url: str | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        concurrency: int = 8,
        chunk_days: int = 31,
        timeout: Timeouts | float = Timeouts(),  # noqa: B008 - frozen
        session: aiohttp.ClientSession | None = None,
        observer: Observer | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_response_bytes: int = Limits().max_response_bytes,
        spool_bytes: int = Limits().spool_bytes,
        slice_bytes: int = Limits().slice_bytes,
        assumed_quota: QuotaPolicy = QuotaPolicy(),  # noqa: B008 - frozen
        clock: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self._credentials = credentials_from_env() if credentials is None else credentials
        if not isinstance(self._credentials, ApiToken | ApiKey):
            raise ConfigurationError("credentials must be an ApiToken or an ApiKey")
        if not isinstance(retry, RetryPolicy):
            raise ConfigurationError("retry must be a RetryPolicy")
        if not isinstance(assumed_quota, QuotaPolicy):
            raise ConfigurationError("assumed_quota must be a QuotaPolicy")
        if session is not None and trace_configs:
            raise ConfigurationError("trace_configs belong to the session: give them to it")
        self._base_url = checked_base_url(
            base_url or os.environ.get("CLOUDFLARE_BASE_URL", "").strip() or _BASE_URL
        )
        self._limits = Limits(
            concurrency=concurrency,
            chunk_days=chunk_days,
            max_response_bytes=max_response_bytes,
            spool_bytes=spool_bytes,
            slice_bytes=slice_bytes,
        )
        self._retry = retry
        self._clock = clock
        self._assumed_quota = assumed_quota
        self.stats = Stats()
        observers = () if observer is None else (observer,)
        self._observer = Observers(self.stats, LoggingObserver(), *observers)
        self._timeouts = Timeouts.of(timeout)
        self._session = HttpSession(
            f"cfbilling/{__version__}",
            self._timeouts,
            concurrency,
            borrowed=session,
            trace_configs=trace_configs,
        )
        self._planner = Planner(chunk_days)
        self._pipeline: Pipeline | None = None
        self._closings = 0

    async def __aenter__(self) -> Self:
        if self._pipeline is not None:
            raise ConfigurationError("the client is open already")
        if self._closings:
            # What it opened now would be closed with the rest.
            raise ConfigurationError("the client is still being closed")
        self._session.open(self._base_url)
        turns = Turns()
        fetcher = Fetcher(
            self._session,
            self._base_url,
            Receiver(self._limits, turns, self._clock, self._timeouts),
            policy=self._retry,
            limits=self._limits,
            observer=self._observer,
            clock=self._clock,
            assumed_quota=self._assumed_quota,
        )
        self._pipeline = Pipeline(fetcher, self._planner, turns, self._observer)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all that is under way and close the session, if it is ours."""
        pipeline, self._pipeline = self._pipeline, None
        self._closings += 1
        try:
            if pipeline is not None:
                await pipeline.close()
        finally:
            # Also for who is cancelled meanwhile.
            try:
                await self._session.close()
            finally:
                self._closings -= 1

    def quota(self, credentials: Credentials | None = None) -> Quota | None:
        """Return what is left of a credential's quota: of several limits, the tightest.

        It is what the service said last, less the requests that are under way.

        Args:
            credentials: The credential; by default the client's own.

        Returns:
            ``None`` while the service has told nothing.

        Raises:
            ConfigurationError: If it is neither an `ApiToken` nor an `ApiKey`, or the client is
                not entered.
        """
        fetcher = self._opened().fetcher
        return fetcher.limiter(self._credentials if credentials is None else credentials).quota

    async def billing_profile(self, account_id: str) -> BillingProfile:
        """Return who pays for an account and how.

        Vendor's document: Billing Profile Details, ``GET /accounts/{id}/billing/profile``.

        Args:
            account_id: 32 lower-case hexadecimal digits.

        Raises:
            ConfigurationError: For an id that is none, or a client that is not entered.
            ApiError: If the service refuses.
            TransportError: If no whole answer came, with all retries.
            DecodeError: If the answer is no profile.
        """
        request = Query(BILLING_PROFILE).about(account_id)
        return await self._opened().deliver(request, self._credentials).one()

    def usage(
        self,
        account_id: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
    ) -> RecordStream[UsageRecord]:
        """Stream an account's usage, one record for each billable metric and UTC day.

        Vendor's document: Get Account Usage (Version 2, Alpha, Restricted),
        ``GET /accounts/{id}/billable/usage``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: The first moment inside: a date (midnight UTC), an aware datetime or ISO 8601
                text. Without it, the service gives the current month through today.
            end: The first moment outside, of the same kind; by default, the end of today (UTC).
            metric: The one billable metric wanted, at most 128 characters.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right or a client that is
                not entered. All else is raised while iterating: `ApiError`, `TransportError`,
                `DecodeError`, `ResponseTooLarge`.
        """
        return self._stream(USAGE, account_id, start, end, metric=metric)

    def organization_usage(
        self,
        organization_id: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
    ) -> RecordStream[UsageRecord]:
        """Stream the usage of every account of an organization, like `usage` otherwise.

        An organization that does not exist gives no records and no error.

        Vendor's document: Get Organization Usage (Version 2, Alpha, Restricted),
        ``GET /organizations/{id}/billable/usage``.

        Args:
            organization_id: 32 lower-case hexadecimal digits.
            start: As in `usage`.
            end: As in `usage`.
            metric: As in `usage`.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there.
        """
        return self._stream(ORGANIZATION_USAGE, organization_id, start, end, metric=metric)

    def paygo_usage(
        self, account_id: str, start: Moment | None = None, end: Moment | None = None
    ) -> RecordStream[PaygoRecord]:
        """Stream an account's pay-as-you-go usage; the range goes out in one request.

        Vendor's document: Get PayGo Account Billable Usage (Version 1, Alpha),
        ``GET /accounts/{id}/paygo-usage``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: As in `usage`; without it, the service gives the current billing period.
            end: As in `usage`.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there.
        """
        return self._stream(PAYGO_USAGE, account_id, start, end)

    def paygo_usage_beta(
        self, account_id: str, start: Moment | None = None, end: Moment | None = None
    ) -> RecordStream[PaygoRecord]:
        """Stream an account's pay-as-you-go usage from the beta endpoint: fewer fields.

        Vendor's document: Get PayGo Account Billable Usage (Beta),
        ``GET /accounts/{id}/billing/usage/paygo``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: As in `paygo_usage`.
            end: As in `paygo_usage`.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there.
        """
        return self._stream(PAYGO_USAGE_BETA, account_id, start, end)

    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
        endpoint: UsageEndpoint = "usage",
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[str, UsageRecord], tuple[str, list[UsageRecord]]]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
        endpoint: UsageEndpoint = "usage",
        on_error: Literal["yield"],
    ) -> FanOutStream[
        tuple[str, UsageRecord] | AccountFailure, tuple[str, list[UsageRecord]] | AccountFailure
    ]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        endpoint: PaygoEndpoint,
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[str, PaygoRecord], tuple[str, list[PaygoRecord]]]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        endpoint: PaygoEndpoint,
        on_error: Literal["yield"],
    ) -> FanOutStream[
        tuple[str, PaygoRecord] | AccountFailure, tuple[str, list[PaygoRecord]] | AccountFailure
    ]: ...
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
        endpoint: UsageEndpoint | PaygoEndpoint = "usage",
        on_error: OnError = "defer",
    ) -> FanOutStream[Any, Any]:
        """Stream the records of many accounts, ``concurrency`` of them at once.

        Each account's records come in order; the accounts interleave. A failing account never
        stops the others, and an account that waits for its quota holds up only those under the
        same credential.

        Args:
            accounts: An iterable or async iterable of ids, taken one by one as they are needed, or
                a mapping from id to its own credentials. Ids of organizations for
                ``endpoint="organization_usage"``.
            start: As in `usage`.
            end: As in `usage`.
            metric: As in `usage`; the paygo endpoints take none.
            endpoint: The endpoint's name.
            on_error: ``"defer"``: when all others are done, a `FanOutError` names each account
                that failed, with its error. ``"raise"``: the first error ends all. ``"yield"``: an
                `AccountFailure` comes in place of what is missing, and nothing is raised.

        Returns:
            Pairs of account id and record, or by ``.batches()`` of account id and records.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right or a client that is
                not entered. An account id that cannot be right is a failure of that account.
        """
        row = ENDPOINTS.get(endpoint) if isinstance(endpoint, str) else None
        if row is None or not issubclass(row.record_type, ChargeRecord):
            raise ConfigurationError("endpoint must be the name of one that yields records")
        if on_error not in get_args(OnError):
            raise ConfigurationError("on_error must be 'defer', 'raise' or 'yield'")
        if isinstance(accounts, str) or not isinstance(accounts, Iterable | AsyncIterable):
            raise ConfigurationError("accounts must be an iterable of ids")
        query = self._query(row, start, end, metric)
        return FanOutStream(
            FanOut(
                self._opened(),
                query,
                accounts,
                credentials=self._credentials,
                on_error=on_error,
                concurrency=self._limits.concurrency,
            )
        )

    def _stream(
        self,
        endpoint: Endpoint[R],
        scope_id: str,
        start: Moment | None,
        end: Moment | None,
        *,
        metric: str | None = None,
    ) -> RecordStream[R]:
        request = self._query(endpoint, start, end, metric).about(scope_id)
        pipeline, ahead = self._opened(), self._limits.concurrency
        return RecordStream(pipeline.deliver(request, self._credentials, ahead))

    def _query(
        self, endpoint: Endpoint[R], start: Moment | None, end: Moment | None, metric: str | None
    ) -> Query[R]:
        return Query(endpoint, requested_range(start, end, self._clock.now()), metric)

    def _opened(self) -> Pipeline:
        if self._pipeline is None:
            raise ConfigurationError("the client is not open: use it inside 'async with'")
        return self._pipeline
