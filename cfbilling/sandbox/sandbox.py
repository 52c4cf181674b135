"""The sandbox: a server on loopback that plays the vendor's billing API."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta
from functools import cached_property
from itertools import count
from types import TracebackType
from typing import Self

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.template import WireRecord
from cfbilling.sandbox.data.usage_fields import Revision
from cfbilling.sandbox.rules.access import Access
from cfbilling.sandbox.rules.api import Api
from cfbilling.sandbox.rules.endpoints import BASE_PATH, Endpoint, Target
from cfbilling.sandbox.rules.envelope import EnvelopeKey, Layout
from cfbilling.sandbox.rules.ranges import RangeRules
from cfbilling.sandbox.rules.rate_limits import Limit, RateLimits
from cfbilling.sandbox.rules.results import Results
from cfbilling.sandbox.server.bodies import Bodies
from cfbilling.sandbox.server.compression import Compression, Compressors
from cfbilling.sandbox.server.connections import Connections
from cfbilling.sandbox.server.heads import Heads
from cfbilling.sandbox.server.responder import Chaos, Responder
from cfbilling.sandbox.server.response_writer import ResponseWriter

__all__ = ["Sandbox"]

_KEY_ORDER: tuple[EnvelopeKey, ...] = ("errors", "messages", "result", "success")
_LOOPBACK = "127.0.0.1"


class Sandbox:
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
        key_order: Order of the members of an envelope.
        null_arrays: Whether an empty ``errors`` or ``messages`` is sent as null.
        whitespace: Whether JSON is indented.
        quota: Requests that a credential has in a window; None to count nothing.
        window: Seconds of a window.
        limits: Rate limits in place of the one that *quota* and *window* make.
        separate_ratelimit_lines: Whether each limit is told in header lines of its own.
        max_days: Longest range of the usage endpoints.
        to_inclusive: Whether the day of ``to`` belongs to the answer.
        range_counts_inclusively: Whether both ends of a range count towards its length.
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
        key_order: Sequence[EnvelopeKey] = _KEY_ORDER,
        null_arrays: bool = False,
        whitespace: Whitespace = "compact",
        quota: int | None = 1200,
        window: float = 300,
        limits: Sequence[Limit] | None = None,
        separate_ratelimit_lines: bool = False,
        max_days: int = 31,
        to_inclusive: bool = False,
        range_counts_inclusively: bool = False,
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
        self._identities = Identities(seed, accounts, organizations)
        self._access = Access(self._identities, tokens)
        if limits is None:
            limits = () if quota is None else (Limit("default", quota, window),)
        self._limits = RateLimits(limits, clock.monotonic, separate_lines=separate_ratelimit_lines)
        self._results = Results(
            self._identities,
            records_per_day=records_per_day,
            padding=padding,
            revision=revision,
            whitespace=whitespace,
        )
        api = Api(
            access=self._access,
            limits=self._limits,
            ranges=RangeRules(max_days, to_inclusive, range_counts_inclusively),
            results=self._results,
            whitespace=whitespace,
            today=lambda: today or clock.now().astimezone(UTC).date(),
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
            rays=(f"{self._identities.number('ray', number):016x}-SBX" for number in count(1)),
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

    @property
    def api_tokens(self) -> list[str]:
        """Every valid API token."""
        return self._access.api_tokens

    @property
    def api_token(self) -> str:
        """The first valid API token."""
        return self.api_tokens[0]

    @property
    def email(self) -> str:
        """The e-mail address of the legacy credential."""
        return self._identities.email

    @property
    def api_key(self) -> str:
        """The global API key of the legacy credential."""
        return self._identities.api_key

    @cached_property
    def account_ids(self) -> list[str]:
        """The ids of all accounts."""
        return [self._identities.account_id(index) for index in range(self._identities.accounts)]

    @cached_property
    def organization_ids(self) -> list[str]:
        """The ids of all organizations."""
        organizations = range(self._identities.organizations)
        return [self._identities.organization_id(index) for index in organizations]

    def members(self, organization_id: str) -> list[str]:
        """Return the ids of the accounts of an organization, in the order of its records."""
        target = Target("organization_usage", organization_id)
        members = self._results.members(target) or ()
        return [self._identities.account_id(index) for index in members]

    def refuse(self, scope_id: str, endpoint: Endpoint | None = None, status: int = 403) -> None:
        """Answer *status* for an account or organization, at one endpoint or at all."""
        self._access.refuse(scope_id, endpoint, status)

    def allow(self, scope_id: str, endpoint: Endpoint | None = None) -> None:
        """Take back what `refuse` did; None takes back every refusal of the scope."""
        self._access.allow(scope_id, endpoint)

    def consume(self, requests: int, token: str | None = None) -> None:
        """Use up quota as another process with the same credential would.

        Of several limits, the one with the least left decides how much that is.

        Args:
            requests: Number of requests that process sends.
            token: Its token or API key; the first token by default.
        """
        self._limits.spend(self._access.credential(token or self.api_token), requests)

    def lock_out(self, token: str | None = None, *, retry_after: int | None = 300) -> None:
        """Answer 429 to every request of a credential, until `release`.

        Args:
            token: Its token or API key; the first token by default.
            retry_after: Seconds in ``Retry-After``, the same in every answer; None for a 429
                with neither that field nor the quota's.
        """
        self._limits.lock_out(self._access.credential(token or self.api_token), retry_after)

    def release(self, token: str | None = None) -> None:
        """End what `lock_out` began; by default that of the first token."""
        self._limits.release(self._access.credential(token or self.api_token))

    def expected_usage(
        self, scope_id: str, start: date, end: date, *, metric: str | None = None
    ) -> Iterator[WireRecord]:
        """Yield what an account or organization used in ``[start, end)``, as it is sent.

        Args:
            scope_id: An account or an organization.
            start: The first day.
            end: The day after the last.
            metric: Id or name of the only metric wanted.

        Raises:
            KeyError: There is no such account or organization.
        """
        organization = self._identities.organization_index(scope_id)
        endpoint: Endpoint = "usage" if organization is None else "organization_usage"
        return self._expected(endpoint, scope_id, start, end, metric)

    def expected_paygo(self, account_id: str, start: date, end: date) -> Iterator[WireRecord]:
        """Yield the paygo records of an account in ``[start, end)``, as they are sent.

        Raises:
            KeyError: There is no such account.
        """
        return self._expected("paygo_usage", account_id, start, end)

    def expected_paygo_beta(self, account_id: str, start: date, end: date) -> Iterator[WireRecord]:
        """Yield the paygo records of the beta endpoint in ``[start, end)``, as they are sent.

        Raises:
            KeyError: There is no such account.
        """
        return self._expected("paygo_usage_beta", account_id, start, end)

    def expected_profile(self, account_id: str) -> WireRecord:
        """Return the billing profile of an account, as it is sent.

        Raises:
            KeyError: There is no such account.
        """
        return self._results.profile(self._members("billing_profile", account_id)[0])

    def _expected(
        self, endpoint: Endpoint, scope_id: str, start: date, end: date, metric: str | None = None
    ) -> Iterator[WireRecord]:
        rows = self._results.rows(endpoint, self._members(endpoint, scope_id), start, end, metric)
        return (row.decode() for row in rows if row is not None)

    def _members(self, endpoint: Endpoint, scope_id: str) -> Sequence[int]:
        members = self._results.members(Target(endpoint, scope_id))
        if members is None:
            raise KeyError(scope_id)
        return members
