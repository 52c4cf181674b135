"""Which records an endpoint returns for an account or an organization."""

from collections.abc import Iterator, Sequence
from datetime import date

from cfbilling.sandbox.data.accounts import Accounts
from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.paygo import PaygoRecords
from cfbilling.sandbox.data.profile import billing_profile
from cfbilling.sandbox.data.template import Row, WireRecord
from cfbilling.sandbox.data.usage import UsageRecords
from cfbilling.sandbox.data.usage_fields import Revision
from cfbilling.sandbox.rules.endpoints import Endpoint, Target

__all__ = ["Results"]


class Results:
    """The result of each endpoint for each scope."""

    def __init__(
        self,
        identities: Identities,
        *,
        records_per_day: int,
        padding: int,
        revision: Revision,
        whitespace: Whitespace,
    ) -> None:
        self._identities = identities
        accounts = Accounts(identities)
        self._usage = UsageRecords(
            identities,
            accounts,
            records_per_day=records_per_day,
            padding=padding,
            revision=revision,
            whitespace=whitespace,
        )
        self._paygo = PaygoRecords(
            identities, accounts, records_per_day=records_per_day, whitespace=whitespace
        )

    def members(self, target: Target) -> Sequence[int] | None:
        """Return the accounts of a scope, or None if the account does not exist."""
        if target.endpoint == "organization_usage":
            organization = self._identities.organization_index(target.scope_id)
            return () if organization is None else self._identities.members(organization)
        account = self._identities.account_index(target.scope_id)
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
        return billing_profile(self._identities, account)
