"""What a test may change about a sandbox while it runs."""

from collections.abc import Callable, Iterable
from datetime import date

from cfbilling.sandbox.data.subscriptions import Subscription
from cfbilling.sandbox.data.template import WireRecord, WireValue
from cfbilling.sandbox.rules.access import Access
from cfbilling.sandbox.rules.admission import Admission, Kind
from cfbilling.sandbox.rules.endpoints import Endpoint
from cfbilling.sandbox.rules.rate_limits import RateLimits
from cfbilling.sandbox.rules.results import Results
from cfbilling.sandbox.truth import Truth

__all__ = ["Controls"]


class Controls(Truth):
    """Who is let in to a sandbox, how often, and what there is to be read.

    Args:
        results: Results of every endpoint.
        today: Function that returns the current day in UTC.
        access: Credentials and refused scopes.
        admission: Kinds of accounts.
        limits: Rate limits of each credential.
    """

    def __init__(
        self,
        results: Results,
        today: Callable[[], date],
        *,
        access: Access,
        admission: Admission,
        limits: RateLimits,
    ) -> None:
        super().__init__(results, today)
        self._access = access
        self._admission = admission
        self._limits = limits

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
        return self._results.identities.email

    @property
    def api_key(self) -> str:
        """The global API key of the legacy credential."""
        return self._results.identities.api_key

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

    def forbid_billing(self, token: str) -> None:
        """Take the permission to read billing data from a token, or from the API key."""
        self._access.forbid_billing(self._access.credential(token))

    def permit_billing(self, token: str) -> None:
        """Take back what `forbid_billing` did."""
        self._access.permit_billing(self._access.credential(token))

    def set_kind(self, account_id: str, kind: Kind) -> None:
        """Let an account in to both of the vendor's versions, or to one only.

        Raises:
            KeyError: There is no such account.
        """
        self._account(account_id)
        self._admission.set_kind(account_id, kind)

    def subscribe(self, account_id: str, *subscriptions: Subscription) -> None:
        """Give an account these billing subscriptions in place of those that it had.

        Raises:
            KeyError: There is no such account.
        """
        self._results.subscriptions.replace(self._account(account_id), subscriptions)

    def cover(self, account_id: str, covered: bool) -> None:  # noqa: FBT001 - it is all that is said
        """Say whether an account is covered; one that is not has no billable usage to be sent.

        Raises:
            KeyError: There is no such account.
        """
        self._results.subscriptions.cover(self._account(account_id), covered=covered)

    def charge(self, account_id: str, *fees: WireRecord) -> None:
        """Give an account these subscriptions with a fixed fee in place of those that it had.

        Raises:
            KeyError: There is no such account.
        """
        self._results.fees.replace(self._account(account_id), fees)

    def restate(
        self,
        scope_id: str,
        days: Iterable[date],
        *,
        changed: float = 0.3,
        removed: float = 0.1,
        added: float = 0.1,
    ) -> None:
        """Change, remove and add rows of these days, at every endpoint that tells usage.

        Each call restates what the earlier ones left. Rows of other days stay as they are, even
        if a running total should have changed.

        Args:
            scope_id: An account, or an organization for each of its accounts.
            days: The days.
            changed: Fraction of the rows that get other numbers.
            removed: Fraction of the rows that vanish.
            added: Rows that come in addition, as a fraction of the usual number.

        Raises:
            KeyError: There is no such account or organization.
            ValueError: A fraction is not between 0 and 1.
        """
        self._results.restatements.restate(
            self._scope(scope_id), days, changed=changed, removed=removed, added=added
        )

    def bill(self, account_id: str, **fields: WireValue) -> WireRecord:
        """Put a new item at the front of a billing history, and return it.

        Args:
            account_id: The account.
            **fields: Fields in place of those that the item would have.

        Raises:
            KeyError: There is no such account.
        """
        return self._results.histories.bill(self._account(account_id), fields)

    def unbill(self, account_id: str, item_id: str) -> None:
        """Remove an item from a billing history.

        Raises:
            KeyError: There is no such account or item.
        """
        self._results.histories.unbill(self._account(account_id), item_id)
