"""`BillingClient`: wires the parts together; one short method for each endpoint, no logic."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, get_args, overload

import aiohttp

from cfbilling._concurrency import Turns
from cfbilling._services import CATEGORY_NAMES
from cfbilling._version import __version__
from cfbilling.chunk import DateChunk
from cfbilling.credentials import ApiKey, ApiToken, Credentials, credentials_from_env
from cfbilling.cycles import BillingCycles
from cfbilling.errors import AccountFailure, ConfigurationError
from cfbilling.events import LoggingObserver, Observer, Observers
from cfbilling.filters import GroupBy, UsageFilter
from cfbilling.focus import SERVICE_CATEGORIES, FocusRecord, ServiceCategories
from cfbilling.jobs import UnitEndpoint, WorkUnit
from cfbilling.options import Clock, Limits, RetryPolicy, Timeouts, whole_number
from cfbilling.progress import Stats
from cfbilling.protocol.endpoints import (
    ACCOUNTS,
    BILLABLE_METRICS,
    BILLABLE_USAGE,
    BILLING_CREDITS,
    BILLING_CYCLES,
    BILLING_HISTORY,
    BILLING_PROFILE,
    COSTS,
    ENDPOINTS,
    ORGANIZATION_USAGE,
    PAYGO_USAGE,
    PAYGO_USAGE_BETA,
    SUBSCRIPTIONS,
    USAGE,
    Endpoint,
)
from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.protocol.plan import Planner
from cfbilling.protocol.requests import Query, Source, charge_query
from cfbilling.protocol.splitter import Moment, month_to_date, requested_range
from cfbilling.records import (
    Account,
    BillableMetric,
    BillableUsageRecord,
    BillingCredits,
    BillingHistoryItem,
    BillingProfile,
    ChargeRecord,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)
from cfbilling.streams.empty_delivery import EmptyDelivery
from cfbilling.streams.fan_out import FanOut, OnError
from cfbilling.streams.fan_out_stream import FanOutStream
from cfbilling.streams.pipeline import Pipeline
from cfbilling.streams.record_stream import RecordStream
from cfbilling.streams.subjects import Accounts, AccountSubject, UnitSubject
from cfbilling.transport.fetcher import Fetcher
from cfbilling.transport.receiver import Receiver
from cfbilling.transport.session import HttpSession, checked_base_url

__all__ = ["BillingClient"]

R = TypeVar("R", bound=Record)
C = TypeVar("C", bound=ChargeRecord)
T = TypeVar("T")

UsageEndpoint = Literal["usage", "organization_usage"]
PaygoEndpoint = Literal["paygo_usage", "paygo_usage_beta"]

_BASE_URL = "https://api.cloudflare.com/client/v4"


class BillingClient:
    """Billing and usage data of Cloudflare accounts, as typed records.

    An async context manager; everything else needs it entered. It may be shared by all tasks of
    one event loop.

    Args:
        credentials: An `ApiToken` or an `ApiKey`; by default `credentials_from_env`. Or a mapping
            from names that units of work may carry to credentials, with the default one under
            ``None``, if there is one.
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
            together. Of a body that does not fit, the compressed bytes are kept; what goes
            beyond it even so goes to a temporary file.
        slice_bytes: The bytes of a body that are decoded between two turns of the event loop.
        assumed_quota: The quota of a credential until the service tells it: 1,200 requests in 300
            seconds, as documented. It holds on for a service that tells none, or not the truth.
        quota_reserve: Requests of each window that are left to other processes with the same
            credential; of a smaller quota than that, all but one.
        service_categories: FOCUS's ServiceCategory by the first words of a service's name, in
            place of `SERVICE_CATEGORIES`.
        clock: The clock that dates and waits; for tests.

    Attributes:
        stats: The counters of what the client has done, live.

    Raises:
        ConfigurationError: For an argument that cannot be right; it names the argument.
    """

    def __init__(
        self,
        credentials: Credentials | Mapping[str | None, Credentials] | None = None,
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
        quota_reserve: int = 0,
        service_categories: ServiceCategories = SERVICE_CATEGORIES,
        clock: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self._named = _checked_credentials(credentials)
        if not isinstance(retry, RetryPolicy):
            raise ConfigurationError("retry must be a RetryPolicy")
        if not isinstance(assumed_quota, QuotaPolicy):
            raise ConfigurationError("assumed_quota must be a QuotaPolicy")
        whole_number("quota_reserve", quota_reserve, 0, assumed_quota.requests - 1)
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
        self._quota_reserve = quota_reserve
        self._categories = _checked_categories(service_categories)
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
            quota_reserve=self._quota_reserve,
        )
        self._pipeline = Pipeline(
            fetcher,
            self._planner,
            turns,
            self._observer,
            self._clock,
            categories=self._categories,
        )
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

    @property
    def clock(self) -> Clock:
        """The clock that dates and waits."""
        return self._clock

    def quota(self, credential: Credentials | str | None = None) -> Quota | None:
        """Return what is known of a credential's quota: of several limits, of the tightest.

        It is what the service said last, or what is left of the assumed quota where it says
        nothing, less the requests that are under way and with what has been refilled since.

        Args:
            credential: The credential, or its name among the client's; by default the default one.

        Returns:
            What is left, until when, and how the service's headers are to be read, as far as its
            answers have shown that (`Quota.reading`); ``None`` while there was no answer.

        Raises:
            ConfigurationError: If it is neither a credential nor the name of one of the client's,
                or the client is not entered.
        """
        fetcher = self._opened().fetcher
        if credential is None:
            credential = self._default
        elif isinstance(credential, str):
            named = self._named.get(credential)
            if named is None:
                # Not what it is: it may be a token, given by mistake.
                raise ConfigurationError("credential is no name of a credential of this client")
            credential = named
        return fetcher.limiter(credential).quota

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
        return await self._object(BILLING_PROFILE, account_id)

    def usage(
        self,
        account_id: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
        cost: bool = False,
        filter_by: UsageFilter | None = None,
        group_by: Iterable[GroupBy] = (),
    ) -> RecordStream[UsageRecord]:
        """Stream an account's usage, one record for each billable metric and UTC day.

        Vendor's document: Get Account Usage (Version 2, Alpha, Restricted),
        ``GET /accounts/{id}/billable/usage``; with ``cost``, ``filter_by`` or ``group_by`` the
        query at the same path, ``POST /accounts/{id}/billable/usage``, which only reads as well.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: The first moment inside: a date (midnight UTC), an aware datetime or ISO 8601
                text. Without it, the service gives the current month through today.
            end: The first moment outside, of the same kind; by default, the end of today (UTC).
            metric: The one billable metric wanted, at most 128 characters; not with the next three.
            cost: Whether the records have costs and prices: without it, they have none today.
            filter_by: What the usage has to be about.
            group_by: At most two tags or dimensions that each record is split by.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right or a client that is
                not entered. All else is raised while iterating: `ApiError`, `TransportError`,
                `DecodeError`, `ResponseTooLarge`.
        """
        query = charge_query(
            USAGE,
            self._range(start, end),
            metric=metric,
            cost=cost,
            filter_by=filter_by,
            group_by=group_by,
        )
        return self._deliver(query, account_id)

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

    def billable_usage(
        self, account_id: str, start: Moment | None = None, end: Moment | None = None
    ) -> RecordStream[BillableUsageRecord]:
        """Stream a self-serve account's usage beyond its plan, with costs: version 1.

        One row for each service, zone and UTC day, asked for by billing cycles, whatever the
        range; of today only what has been processed. Fixed fees are in `subscriptions`.

        Vendor's document: Get PayGo Account Billable Usage (Version 1),
        ``GET /accounts/{id}/billable-usage``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: As in `usage`; without it, the current billing cycle through today.
            end: As in `usage`. Days to come are not asked for.

        Returns:
            The records whose charge period starts in ``[start, end)``.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there. `NotCovered`
                where the account is not billed by version 1.
        """
        return self._stream(BILLABLE_USAGE, account_id, start, end)

    def costs(
        self,
        account_id: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        source: Source = "auto",
    ) -> RecordStream[FocusRecord]:
        """Stream what an account's usage cost, as FOCUS rows, whichever version lets it in.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: As in `usage`; without it, the current month (UTC) through today.
            end: As in `usage`.
            source: ``"v2"`` for the cost query of contracts, ``"v1"`` for the billable usage of
                self-serve accounts, ``"auto"`` for the first of them that does not refuse the
                account; it is remembered for account and credential, and asked first then.

        Returns:
            The rows whose charge period starts in ``[start, end)``; ``x_source`` says whose.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there. Where both
                versions refuse, the error tells what each of them said.
        """
        query = charge_query(COSTS, self._cost_range(start, end), source=source)
        return self._deliver(query, account_id)

    async def billing_cycles(self, account_id: str) -> BillingCycles:
        """Return whether version 1 covers an account, and its billing cycles.

        Vendor's document: ``GET /accounts/{id}/billable-usage/info``.

        Args:
            account_id: 32 lower-case hexadecimal digits.

        Raises:
            ConfigurationError: For an id that is none, or a client that is not entered.
            ApiError: If the service refuses.
            TransportError: If no whole answer came, with all retries.
            DecodeError: If the answer is not what is documented.
        """
        return await self._object(BILLING_CYCLES, account_id)

    async def billing_credits(self, account_id: str) -> BillingCredits:
        """Return an account's credits, in cents of their currency.

        Vendor's document: ``GET /accounts/{id}/billing/credits``.

        Args:
            account_id: 32 lower-case hexadecimal digits.

        Raises:
            ConfigurationError: For an id that is none, or a client that is not entered.
            ApiError: If the service refuses.
            TransportError: If no whole answer came, with all retries.
            DecodeError: If the answer is not what is documented.
        """
        return await self._object(BILLING_CREDITS, account_id)

    async def billable_metrics(
        self, account_id: str, start: Moment | None = None, end: Moment | None = None
    ) -> list[BillableMetric]:
        """Return the metrics that an account's contract bills, each once; no contract has none.

        Vendor's document: ``GET /accounts/{id}/billable/usage/billable-metrics``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            start: As in `usage`.
            end: As in `usage`.

        Raises:
            ConfigurationError: For an argument that cannot be right, or a client that is not
                entered.
            ApiError: If the service refuses.
            TransportError: If no whole answer came, with all retries.
            DecodeError: If the answer is not what is documented.
        """
        metrics = await self._stream(BILLABLE_METRICS, account_id, start, end).collect()
        # A longer range comes in chunks, and most metrics are in all of them.
        return list(dict.fromkeys(metrics))

    def billing_history(
        self, account_id: str, *, status: str | None = None
    ) -> RecordStream[BillingHistoryItem]:
        """Stream an account's invoices, payments and refunds, the newest first.

        Vendor's document: ``GET /accounts/{id}/billing/history``.

        Args:
            account_id: 32 lower-case hexadecimal digits.
            status: The one status wanted, at most 128 characters.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there.
        """
        return self._deliver(Query(BILLING_HISTORY, status=status), account_id)

    def subscriptions(self, account_id: str) -> RecordStream[Subscription]:
        """Stream an account's subscriptions: fixed fees, which are in no record of usage.

        Vendor's document: List Subscriptions, ``GET /accounts/{id}/subscriptions``.

        Args:
            account_id: 32 lower-case hexadecimal digits.

        Raises:
            ConfigurationError: As in `usage`, and the rest while iterating as there.
        """
        return self._deliver(Query(SUBSCRIPTIONS), account_id)

    def accounts(self) -> RecordStream[Account]:
        """Stream the accounts that the credential sees; `fan_out` takes them as they come.

        Vendor's document: List Accounts, ``GET /accounts``.

        Raises:
            ConfigurationError: If the client is not entered; the rest while iterating as in
                `usage`.
        """
        return self._deliver(Query(ACCOUNTS), None)

    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        metric: str | None = None,
        cost: bool = False,
        filter_by: UsageFilter | None = None,
        group_by: Iterable[GroupBy] = (),
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
        cost: bool = False,
        filter_by: UsageFilter | None = None,
        group_by: Iterable[GroupBy] = (),
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
        endpoint: Literal["billable_usage"],
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[str, BillableUsageRecord], tuple[str, list[BillableUsageRecord]]]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        endpoint: Literal["billable_usage"],
        on_error: Literal["yield"],
    ) -> FanOutStream[
        tuple[str, BillableUsageRecord] | AccountFailure,
        tuple[str, list[BillableUsageRecord]] | AccountFailure,
    ]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        endpoint: Literal["costs"],
        source: Source = "auto",
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[str, FocusRecord], tuple[str, list[FocusRecord]]]: ...
    @overload
    def fan_out(
        self,
        accounts: Accounts,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        endpoint: Literal["costs"],
        source: Source = "auto",
        on_error: Literal["yield"],
    ) -> FanOutStream[
        tuple[str, FocusRecord] | AccountFailure, tuple[str, list[FocusRecord]] | AccountFailure
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
        cost: bool = False,
        filter_by: UsageFilter | None = None,
        group_by: Iterable[GroupBy] = (),
        endpoint: UnitEndpoint = "usage",
        source: Source = "auto",
        on_error: OnError = "defer",
    ) -> FanOutStream[Any, Any]:
        """Stream the records of many accounts, ``concurrency`` of them at once.

        Each account's records come in order; the accounts interleave. A failing account never
        stops the others, and an account that waits for its quota holds up only those under the
        same credential.

        Args:
            accounts: An iterable or async iterable of ids, or of what has an ``id``, such as
                ``client.accounts()``, taken one by one as they are needed; or a mapping from id
                to its own credentials. Ids of organizations for
                ``endpoint="organization_usage"``.
            start: As in the endpoint's own method.
            end: As in `usage`.
            metric: As in `usage`; only the two usage endpoints take it.
            cost: As in `usage`, which alone takes it.
            filter_by: As in `usage`, which alone takes it.
            group_by: As in `usage`, which alone takes it.
            endpoint: The endpoint's name.
            source: As in `costs`, which alone takes it.
            on_error: ``"defer"``: when all others are done, a `FanOutError` names each account
                that failed, with its error. ``"raise"``: the first error ends all. ``"yield"``: an
                `AccountFailure` comes in place of what is missing, and nothing is raised.

        Returns:
            Pairs of account id and record, or by ``.batches()`` of account id and records.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right or a client that is
                not entered. An account id that cannot be right is a failure of that account.
        """
        if not isinstance(endpoint, str) or endpoint not in get_args(UnitEndpoint):
            raise ConfigurationError("endpoint must be the name of one that yields records")
        if on_error not in get_args(OnError):
            raise ConfigurationError("on_error must be 'defer', 'raise' or 'yield'")
        is_text = isinstance(accounts, str | bytes | bytearray)
        if is_text or not isinstance(accounts, Iterable | AsyncIterable):
            raise ConfigurationError("accounts must be an iterable of ids")
        row = ENDPOINTS[str.__str__(endpoint)]
        query = charge_query(
            row,
            self._cost_range(start, end) if row is COSTS else self._range(start, end),
            metric=metric,
            cost=cost,
            filter_by=filter_by,
            group_by=group_by,
            source=source,
        )
        return FanOutStream(
            FanOut(
                self._opened(),
                AccountSubject(query, self._default),
                accounts,
                on_error=on_error,
                concurrency=self._limits.concurrency,
            )
        )

    async def _object(self, endpoint: Endpoint[R], scope_id: str) -> R:
        request = Query(endpoint).about(scope_id)
        return await self._opened().deliver(request, self._default).one()

    def fetch(self, unit: WorkUnit) -> RecordStream[ChargeRecord]:
        """Stream the records of a unit of work: all of them, or an error.

        Days to come are not asked for; a unit that is nothing else is empty.

        Args:
            unit: The unit.

        Returns:
            Records of the type that its endpoint yields.

        Raises:
            ConfigurationError: At once, for what is no unit, or names a credential that the client
                does not have; the rest while iterating as in `usage`.
        """
        subject = self._unit_subject()
        request, credentials = subject.request(unit), subject.entry(unit).credentials
        pipeline, ahead = self._opened(), self._limits.concurrency
        if request is None:
            return RecordStream(EmptyDelivery(unit.record_type, unit.scope_id))
        return RecordStream(pipeline.deliver(request, credentials, ahead))

    @overload
    def fetch_many(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        *,
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[WorkUnit, ChargeRecord], tuple[WorkUnit, list[ChargeRecord]]]: ...
    @overload
    def fetch_many(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        *,
        on_error: Literal["yield"],
    ) -> FanOutStream[
        tuple[WorkUnit, ChargeRecord] | AccountFailure,
        tuple[WorkUnit, list[ChargeRecord]] | AccountFailure,
    ]: ...
    def fetch_many(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        *,
        on_error: OnError = "defer",
    ) -> FanOutStream[Any, Any]:
        """Stream the records of many units, ``concurrency`` of them at once.

        Args:
            units: The units, taken one by one as they are needed.
            on_error: As in `fan_out`; the ``account_id`` of a failure is the unit's id.

        Returns:
            Pairs of unit and record, or by ``.batches()`` of unit and records.

        Raises:
            ConfigurationError: At once, for an argument that cannot be right or a client that is
                not entered. What is no unit fails like a unit.
        """
        return self._fan_out_units(units, on_error)

    @overload
    def process(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        work: Callable[[WorkUnit, RecordStream[ChargeRecord]], Awaitable[T]],
        *,
        on_error: Literal["defer", "raise"] = "defer",
    ) -> FanOutStream[tuple[WorkUnit, T], tuple[WorkUnit, T]]: ...
    @overload
    def process(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        work: Callable[[WorkUnit, RecordStream[ChargeRecord]], Awaitable[T]],
        *,
        on_error: Literal["yield"],
    ) -> FanOutStream[tuple[WorkUnit, T] | AccountFailure, tuple[WorkUnit, T] | AccountFailure]: ...
    def process(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        work: Callable[[WorkUnit, RecordStream[ChargeRecord]], Awaitable[Any]],
        *,
        on_error: OnError = "defer",
    ) -> FanOutStream[Any, Any]:
        """Do something with each of many units as a whole, ``concurrency`` of them at once.

        It is `fetch_many` for those who have to know where a unit ends, empty ones too.

        Args:
            units: The units, taken one by one as they are needed.
            work: Awaited with each unit and its stream, as of `fetch`, in the task that the stream
                belongs to. A `BillingError` is a failure of the unit, anything else ends all.
            on_error: As in `fetch_many`.

        Returns:
            Pairs of unit and what *work* returned, as they end. Iterate it one by one.

        Raises:
            ConfigurationError: As in `fetch_many`.
        """
        if not callable(work):
            raise ConfigurationError("work must be an async function of a unit and its stream")
        return self._fan_out_units(units, on_error, work)

    def _fan_out_units(
        self,
        units: Iterable[WorkUnit] | AsyncIterable[WorkUnit],
        on_error: OnError,
        work: Callable[[WorkUnit, RecordStream[Any]], Awaitable[object]] | None = None,
    ) -> FanOutStream[Any, Any]:
        if on_error not in get_args(OnError):
            raise ConfigurationError("on_error must be 'defer', 'raise' or 'yield'")
        if isinstance(units, str | bytes | Mapping) or not isinstance(
            units, Iterable | AsyncIterable
        ):
            raise ConfigurationError("units must be an iterable of units")
        return FanOutStream(
            FanOut(
                self._opened(),
                self._unit_subject(),
                units,
                on_error=on_error,
                concurrency=self._limits.concurrency,
                work=work,
            ),
            is_batched=work is None,
        )

    def _unit_subject(self) -> UnitSubject[WorkUnit]:
        return UnitSubject(WorkUnit, self._named, self._today)

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()

    def _stream(
        self,
        endpoint: Endpoint[R],
        scope_id: str,
        start: Moment | None,
        end: Moment | None,
        *,
        metric: str | None = None,
    ) -> RecordStream[R]:
        return self._deliver(Query(endpoint, self._range(start, end), metric), scope_id)

    def _deliver(self, query: Query[R], scope_id: str | None) -> RecordStream[R]:
        request, pipeline = query.about(scope_id), self._opened()
        return RecordStream(pipeline.deliver(request, self._default, self._limits.concurrency))

    def _cost_range(self, start: Moment | None, end: Moment | None) -> DateChunk:
        return self._range(start, end) or month_to_date(self._clock.now())

    def _range(self, start: Moment | None, end: Moment | None) -> DateChunk | None:
        return requested_range(start, end, self._clock.now())

    @property
    def _default(self) -> Credentials:
        credentials = self._named.get(None)
        if credentials is None:
            raise ConfigurationError("credentials has no default: name one None")
        return credentials

    def _opened(self) -> Pipeline:
        if self._pipeline is None:
            raise ConfigurationError("the client is not open: use it inside 'async with'")
        return self._pipeline


def _checked_categories(categories: ServiceCategories) -> ServiceCategories:
    if isinstance(categories, Mapping):
        names = (*categories, *categories.values())
        if all(isinstance(name, str) for name in names):
            for category in categories.values():
                if category not in CATEGORY_NAMES:
                    told = f"service_categories names {category!r}, which FOCUS does not have"
                    raise ConfigurationError(told)
            return categories
    raise ConfigurationError("service_categories must be a mapping from name to category")


def _checked_credentials(
    credentials: Credentials | Mapping[str | None, Credentials] | None,
) -> Mapping[str | None, Credentials]:
    """Return the credentials by name; the default one's is ``None``."""
    if credentials is None:
        return {None: credentials_from_env()}
    if isinstance(credentials, ApiToken | ApiKey):
        return {None: credentials}
    if not isinstance(credentials, Mapping) or not credentials:
        raise ConfigurationError("credentials must be an ApiToken or an ApiKey")
    for name, named in credentials.items():
        if name is not None and (not isinstance(name, str) or not name):
            raise ConfigurationError("the names of credentials must be texts, or None")
        if not isinstance(named, ApiToken | ApiKey):
            raise ConfigurationError("credentials must be an ApiToken or an ApiKey each")
    # By plain texts: a subclass may hash as something else.
    return {
        None if name is None else str.__str__(name): named for name, named in credentials.items()
    }
