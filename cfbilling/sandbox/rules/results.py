"""Which records an endpoint returns for an account or an organization."""

from collections.abc import Iterator, Sequence
from datetime import date

from cfbilling.sandbox.data.account_objects import account_object
from cfbilling.sandbox.data.accounts import Accounts
from cfbilling.sandbox.data.billable_metrics import billable_metrics
from cfbilling.sandbox.data.billable_usage import BillableSettings, BillableUsage
from cfbilling.sandbox.data.billing_credits import billing_credits
from cfbilling.sandbox.data.billing_history import BillingHistories
from cfbilling.sandbox.data.fixed_fees import FixedFees
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.paygo import PaygoRecords
from cfbilling.sandbox.data.profile import billing_profile
from cfbilling.sandbox.data.restatements import Restatements
from cfbilling.sandbox.data.subscriptions import Subscriptions
from cfbilling.sandbox.data.template import Row, WireRecord
from cfbilling.sandbox.data.usage import UsageRecords
from cfbilling.sandbox.data.usage_fields import NullCosts, Revision
from cfbilling.sandbox.data.usage_queries import UsageQueries
from cfbilling.sandbox.rules.endpoints import Endpoint, Target

__all__ = ["Results"]


class Results:
    """The result of each endpoint for each scope.

    Attributes:
        identities: Who there is.
        restatements: What was restated.
        subscriptions: Billing subscriptions of every account.
        billable: Billable usage (version 1).
        queries: Answers to queries of usage.
        histories: Billing histories.
        fees: Subscriptions with a fixed fee.
    """

    def __init__(
        self,
        identities: Identities,
        *,
        padding: int,
        revision: Revision,
        null_costs: NullCosts,
        billable: BillableSettings,
        history_items: int,
        history_ids: bool,
        whitespace: Whitespace,
    ) -> None:
        self.identities = identities
        self.restatements = Restatements(identities)
        self._accounts = accounts = Accounts(identities)
        self._records_per_day = billable.records_per_day
        self.histories = BillingHistories(identities, items=history_items, ids=history_ids)
        self.fees = FixedFees(identities)
        self.subscriptions = Subscriptions(accounts)
        self._usage = UsageRecords(
            identities,
            accounts,
            self.restatements,
            records_per_day=billable.records_per_day,
            padding=padding,
            revision=revision,
            null_costs=null_costs,
            whitespace=whitespace,
        )
        self.queries = UsageQueries(identities, accounts, self._usage)
        self._paygo = PaygoRecords(
            identities,
            accounts,
            self.restatements,
            records_per_day=billable.records_per_day,
            whitespace=whitespace,
        )
        self.billable = BillableUsage(
            identities, accounts, self.restatements, settings=billable, whitespace=whitespace
        )

    def members(self, target: Target) -> Sequence[int] | None:
        """Return the accounts of a scope, or None if the account does not exist."""
        if target.scope_id is None:
            return range(self.identities.accounts)
        if target.endpoint == "organization_usage":
            organization = self.identities.organization_index(target.scope_id)
            return () if organization is None else self.identities.members(organization)
        account = self.identities.account_index(target.scope_id)
        return None if account is None else (account,)

    def rows(
        self,
        endpoint: Endpoint,
        members: Sequence[int],
        start: date,
        end: date,
        metric: str | None = None,
    ) -> Iterator[Row | None]:
        """Yield the records of *members* in ``[start, end)``, with a None after each day."""
        if endpoint in ("usage", "organization_usage"):
            return self._usage.rows(members, start, end, metric)
        return self._paygo.rows(members[0], start, end, beta=endpoint == "paygo_usage_beta")

    def profile(self, account: int) -> WireRecord:
        """Return the billing profile of an account."""
        return billing_profile(self.identities, account)

    def metrics(self, account: int) -> Sequence[WireRecord]:
        """Return the billable metrics of an account."""
        return billable_metrics(self._accounts.account(account), self._records_per_day)

    def credits(self, account: int) -> WireRecord:
        """Return the billing credits of an account."""
        return billing_credits(self.identities, account)

    def described(self, account: int) -> WireRecord:
        """Return what the list of accounts tells of an account."""
        return account_object(self.identities, self._accounts, account)
