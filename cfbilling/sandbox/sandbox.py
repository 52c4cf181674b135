"""The sandbox: a server on loopback that plays the vendor's billing API."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from itertools import count
from types import TracebackType
from typing import Self

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.controls import Controls
from cfbilling.sandbox.data.billable_fields import SubscriptionIds
from cfbilling.sandbox.data.billable_usage import BillableSettings
from cfbilling.sandbox.data.charge_periods import ChargePeriodEnd
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.usage_fields import NullCosts, Revision
from cfbilling.sandbox.rules.access import Access
from cfbilling.sandbox.rules.admission import Admission, Kind
from cfbilling.sandbox.rules.anchored_ranges import (
    AnchoredRanges,
    AnchorsOf,
    DefaultCycles,
    FirstCycle,
    TwoAnchors,
)
from cfbilling.sandbox.rules.answers import Answers
from cfbilling.sandbox.rules.api import Api
from cfbilling.sandbox.rules.endpoints import BASE_PATH
from cfbilling.sandbox.rules.envelope import EnvelopeKey, Layout
from cfbilling.sandbox.rules.ranges import RangeRules
from cfbilling.sandbox.rules.rate_limits import Limit, Lockout, QuotaKind, RateLimits
from cfbilling.sandbox.rules.results import Results
from cfbilling.sandbox.rules.usage_queries import FilterName, UsageQueryRules
from cfbilling.sandbox.server.bodies import Bodies
from cfbilling.sandbox.server.compression import Compression, Compressors
from cfbilling.sandbox.server.connections import Connections
from cfbilling.sandbox.server.heads import Heads
from cfbilling.sandbox.server.responder import Chaos, Responder
from cfbilling.sandbox.server.response_writer import ResponseWriter

__all__ = ["Sandbox"]

_KEY_ORDER: tuple[EnvelopeKey, ...] = ("errors", "messages", "result", "success")
_LOOPBACK = "127.0.0.1"


class Sandbox(Controls):
    """A billing API of invented accounts; an async context manager.

    The same settings make the same bytes, in whatever order they are asked for. Account number
    *n* belongs to organization number *n* modulo the number of organizations.

    Args:
        accounts: Number of accounts.
        organizations: Number of organizations that share them.
        seed: Number that all data is derived from.
        tokens: Number of valid API tokens.
        records_per_day: Usage and paygo records of each account on each day.
        padding: Additional characters in each charge description.
        revision: Published shape of usage records.
        null_costs: Whether usage has its costs, prices and currency, lacks them, or has null there;
            queries by POST have costs in any case.
        key_order: Order of the members of an envelope.
        null_arrays: Whether an empty ``errors`` or ``messages`` is sent as null.
        whitespace: Whether JSON is indented.
        quota: Requests that a credential has in a window; None to count nothing.
        window: Seconds of a window.
        limits: Rate limits in place of the one that *quota* and *window* make.
        quota_kind: What the quota is: a window that begins with its first request; a bucket, full
            at first and refilled steadily, *quota* in *window* seconds; a window of which no
            header tells; a window whose header says each time that nearly all is left.
        lockout: How long everything is refused once the quota is used up: until a request is
            possible again, or a whole *window* from the refusal on, which is five minutes.
        quota_retry_after: Whether such a refusal has ``Retry-After``.
        separate_ratelimit_lines: Whether each limit is told in header lines of its own.
        max_days: Longest range of the usage endpoints.
        to_inclusive: Whether the day of ``to`` belongs to the answer.
        range_counts_inclusively: Whether both ends of a range count towards its length.
        idle_days: Fraction of the days of each subscription that have no billable usage.
        subscription_ids: Which records of billable usage tell their subscription.
        charge_period_end: Whether a charge period of billable usage ends with its last second, or
            with the moment after that.
        v1_to_inclusive: Whether the day of ``to`` belongs to a range of billable usage.
        two_anchors: What a range of billable usage with more than one anchor day gives.
        anchors_of: Whether each subscription is answered by its own anchor days, or all of them
            by the anchor days of any.
        leading_days: Whether the days of a range before its first anchor day are given.
        first_cycle: Whether an incomplete first cycle has its anchor where a complete one would
            have it, or on the first day of the subscription.
        v1_default_cycles: Number of cycles that billable usage gives without dates.
        filter_name: Name of the field of a usage query that filters by metrics.
        result_info: Whether a page tells its number and how many items there are.
        history_items: Items in the billing history of each account.
        history_ids: Whether each of them has an id.
        kind: Which of the vendor's two versions the accounts are let in to.
        restricted_status: Status for an account that is not let in.
        restricted_code: Code of the error then; None for none.
        old_names: Whether the two paygo endpoints are still there.
        compression: The only encoding of bodies for clients that accept it, or "auto" for gzip
            and deflate; "br" and "zstd" need a module.
        gzip_level: Effort of gzip and deflate.
        zstd_window_log: Binary logarithm of the window of zstd; None for its default.
        cache_bodies: Whether each encoded body is kept in memory and replayed.
        chaos: Function that may return a fault for a request that no scripted fault matches.
        clock: Source of time.
        clock_skew: Seconds by which dates in header fields are ahead of the clock.
        retry_after_dates: Whether ``Retry-After`` is an HTTP date instead of seconds.
        today: The current day, if not the clock's.
        host: Address to listen on.
        port: Port to listen on; 0 for any.

    Attributes:
        requests: Every request received so far, in order.
        statuses: Number of responses of each status.
        faults: The faults still to come.
    """

    def __init__(
        self,
        *,
        accounts: int = 3,
        organizations: int = 1,
        seed: int = 1,
        tokens: int = 1,
        records_per_day: int = 12,
        padding: int = 0,
        revision: Revision = "seed",
        null_costs: NullCosts = "keep",
        key_order: Sequence[EnvelopeKey] = _KEY_ORDER,
        null_arrays: bool = False,
        whitespace: Whitespace = "compact",
        quota: int | None = 1200,
        window: float = 300,
        limits: Sequence[Limit] | None = None,
        quota_kind: QuotaKind = "window",
        lockout: Lockout = "window",
        quota_retry_after: bool = True,
        separate_ratelimit_lines: bool = False,
        max_days: int = 31,
        to_inclusive: bool = False,
        range_counts_inclusively: bool = False,
        idle_days: float = 0.0,
        subscription_ids: SubscriptionIds = "some",
        charge_period_end: ChargePeriodEnd = "exclusive",
        v1_to_inclusive: bool = True,
        two_anchors: TwoAnchors = "empty",
        anchors_of: AnchorsOf = "subscriptions",
        leading_days: bool = True,
        first_cycle: FirstCycle = "anchor",
        v1_default_cycles: DefaultCycles = 2,
        filter_name: FilterName = "BillableMetricIds",
        result_info: bool = True,
        history_items: int = 120,
        history_ids: bool = True,
        kind: Kind = "both",
        restricted_status: int = 403,
        restricted_code: int | None = 10000,
        old_names: bool = True,
        compression: Compression = "auto",
        gzip_level: int = 6,
        zstd_window_log: int | None = None,
        cache_bodies: bool = False,
        chaos: Chaos | None = None,
        clock: Clock | None = None,
        clock_skew: float = 0,
        retry_after_dates: bool = False,
        today: date | None = None,
        host: str = _LOOPBACK,
        port: int = 0,
    ) -> None:
        if sorted(key_order) != sorted(_KEY_ORDER):
            raise ValueError(f"key_order must be a permutation of {_KEY_ORDER}")
        clock = clock or Clock()
        identities = Identities(seed, accounts, organizations)
        if limits is None:
            limits = () if quota is None else (Limit("default", quota, window),)
        results = Results(
            identities,
            padding=padding,
            revision=revision,
            null_costs=null_costs,
            billable=BillableSettings(
                records_per_day=records_per_day,
                idle_days=idle_days,
                subscription_ids=subscription_ids,
                charge_period_end=charge_period_end,
            ),
            history_items=history_items,
            history_ids=history_ids,
            whitespace=whitespace,
        )
        super().__init__(
            results,
            lambda: today or clock.now().astimezone(UTC).date(),
            access=Access(identities, tokens),
            admission=Admission(
                kind, status=restricted_status, code=restricted_code, old_names=old_names
            ),
            limits=RateLimits(
                limits,
                clock.monotonic,
                separate_lines=separate_ratelimit_lines,
                kind=quota_kind,
                lockout=lockout,
                tells_wait=quota_retry_after,
            ),
        )
        answers = Answers(
            ranges=RangeRules(max_days, to_inclusive, range_counts_inclusively),
            anchored=AnchoredRanges(
                to_inclusive=v1_to_inclusive,
                two_anchors=two_anchors,
                anchors_of=anchors_of,
                leading_days=leading_days,
                first_cycle=first_cycle,
                default_cycles=v1_default_cycles,
            ),
            queries=UsageQueryRules(max_days, filter_name),
            results=results,
            result_info=result_info,
            whitespace=whitespace,
            today=self._today,
        )
        api = Api(
            access=self._access,
            admission=self._admission,
            limits=self._limits,
            answers=answers,
            monotonic=clock.monotonic,
        )
        heads = Heads(clock.now, timedelta(seconds=clock_skew), retry_after_dates)
        compressors = Compressors(
            compression, gzip_level=gzip_level, zstd_window_log=zstd_window_log
        )
        bodies = Bodies(
            layout=Layout(key_order, null_arrays, whitespace),
            compressors=compressors,
            cache={} if cache_bodies else None,
        )
        responder = Responder(
            api=api,
            writer=ResponseWriter(heads=heads, bodies=bodies, clock=clock),
            compressors=compressors,
            chaos=chaos,
            rays=(f"{identities.number('ray', number):016x}-SBX" for number in count(1)),
        )
        self.requests = responder.requests
        self.statuses = responder.statuses
        self.faults = responder.faults
        self._address = host, port
        self._connections = Connections(responder.respond)
        self._base_url: str | None = None

    async def __aenter__(self) -> Self:
        host, port = self._address
        port = await self._connections.listen(host, port)
        self._base_url = f"http://{host}:{port}{BASE_PATH}"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()

    @property
    def base_url(self) -> str:
        """Where the API is, without a slash at the end.

        Raises:
            RuntimeError: The sandbox has not been entered.
        """
        if self._base_url is None:
            raise RuntimeError("the sandbox is not running: use it as an async context manager")
        return self._base_url
