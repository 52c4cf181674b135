"""The truth of a sandbox: what is sent if nothing goes wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property

from cfbilling.sandbox.data.subscriptions import Span, Subscription
from cfbilling.sandbox.data.template import WireRecord
from cfbilling.sandbox.data.usage_selection import Grouping, GroupingType, Selection
from cfbilling.sandbox.rules.endpoints import Endpoint, Target
from cfbilling.sandbox.rules.results import Results

__all__ = ["Truth"]


class Truth:
    """What the accounts of a sandbox are, used and owe; each record as it is sent.

    Args:
        results: Results of every endpoint.
        today: Function that returns the current day in UTC.
    """

    def __init__(self, results: Results, today: Callable[[], date]) -> None:
        self._results = results
        self._today = today

    @cached_property
    def account_ids(self) -> list[str]:
        """The ids of all accounts."""
        identities = self._results.identities
        return [identities.account_id(index) for index in range(identities.accounts)]

    @cached_property
    def organization_ids(self) -> list[str]:
        """The ids of all organizations."""
        identities = self._results.identities
        return [identities.organization_id(index) for index in range(identities.organizations)]

    def members(self, organization_id: str) -> list[str]:
        """Return the ids of the accounts of an organization, in the order of its records."""
        target = Target("organization_usage", organization_id)
        members = self._results.members(target) or ()
        return [self._results.identities.account_id(index) for index in members]

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
        return self._expected(self._usage_endpoint(scope_id), scope_id, start, end, metric)

    def usage_query(
        self,
        account_id: str,
        start: date,
        end: date,
        *,
        cost: bool = False,
        metric_ids: Iterable[str] = (),
        product_family_ids: Iterable[str] = (),
        tags: Mapping[str, Iterable[str]] | None = None,
        group_by: Iterable[tuple[GroupingType, str]] = (),
    ) -> list[WireRecord]:
        """Return what a query of an account's usage in ``[start, end)`` is answered.

        Args:
            account_id: The account.
            start: The first day.
            end: The day after the last.
            cost: Whether costs are wanted.
            metric_ids: Ids of the only metrics wanted; all by default.
            product_family_ids: Ids of the only product families wanted; all by default.
            tags: Keys that must all have one of their values, "" for none; any by default.
            group_by: Tags and dimensions that records are told apart by, as ("TAG", "team").

        Raises:
            KeyError: There is no such account.
        """
        selection = Selection(
            cost=cost,
            metric_ids=frozenset(metric_ids),
            product_family_ids=frozenset(product_family_ids),
            tags=tuple((key, frozenset(values)) for key, values in (tags or {}).items()),
            group_by=tuple(Grouping(*each) for each in group_by),
        )
        account = self._account(account_id)
        records = self._results.queries.records(account, start, end, selection)
        return [record for record in records if record is not None]

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
        return self._results.profile(self._account(account_id))

    def billing_subscriptions(self, account_id: str) -> tuple[Subscription, ...]:
        """Return the billing subscriptions of an account.

        Raises:
            KeyError: There is no such account.
        """
        return self._results.subscriptions.of(self._account(account_id))

    def billable_usage(self, account_id: str, start: date, end: date) -> list[WireRecord]:
        """Return what an account used in ``[start, end)`` up to today, as version 1 sends it.

        That is everything, whatever a range has to include and whether the account is covered.

        Raises:
            KeyError: There is no such account.
        """
        account, today = self._account(account_id), self._today()
        subscriptions = self._results.subscriptions.of(account)
        spans = [Span(each, start, end).within_life(today) for each in subscriptions]
        rows = self._results.billable.rows(account, spans)
        return [row.decode() for row in rows if row is not None]

    def billable_metrics(self, account_id: str) -> list[WireRecord]:
        """Return the billable metrics of an account.

        Raises:
            KeyError: There is no such account.
        """
        return list(self._results.metrics(self._account(account_id)))

    def billing_history(self, account_id: str, status: str | None = None) -> list[WireRecord]:
        """Return the billing history of an account, newest first, or the items of one status.

        Raises:
            KeyError: There is no such account.
        """
        return self._results.histories.of(self._account(account_id), status)

    def billing_credits(self, account_id: str) -> WireRecord:
        """Return the billing credits of an account.

        Raises:
            KeyError: There is no such account.
        """
        return self._results.credits(self._account(account_id))

    def subscriptions(self, account_id: str) -> list[WireRecord]:
        """Return the subscriptions with a fixed fee of an account.

        Raises:
            KeyError: There is no such account.
        """
        return list(self._results.fees.of(self._account(account_id)))

    def accounts(self) -> list[WireRecord]:
        """Return every account, as the list of accounts tells it."""
        return [self._results.described(index) for index in range(len(self.account_ids))]

    def _expected(
        self, endpoint: Endpoint, scope_id: str, start: date, end: date, metric: str | None = None
    ) -> Iterator[WireRecord]:
        rows = self._results.rows(endpoint, self._members(endpoint, scope_id), start, end, metric)
        return (row.decode() for row in rows if row is not None)

    def _scope(self, scope_id: str) -> Sequence[int]:
        return self._members(self._usage_endpoint(scope_id), scope_id)

    def _usage_endpoint(self, scope_id: str) -> Endpoint:
        organization = self._results.identities.organization_index(scope_id)
        return "usage" if organization is None else "organization_usage"

    def _account(self, account_id: str) -> int:
        return self._members("billing_profile", account_id)[0]

    def _members(self, endpoint: Endpoint, scope_id: str) -> Sequence[int]:
        members = self._results.members(Target(endpoint, scope_id))
        if members is None:
            raise KeyError(scope_id)
        return members
