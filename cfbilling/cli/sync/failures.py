"""What failed, account by account: what is new at once, what is the same again in the end."""

from __future__ import annotations

from cfbilling import AccountFailure, BillingError, NumberOutOfRange
from cfbilling.cli.errors import print_error
from cfbilling.cli.sync.months import months_told
from cfbilling.cli.waiting import failure_told

__all__ = ["Failures"]


class Failures:
    """Tells of accounts that failed, on standard error.

    An account that is refused fails for each of its months: a line for each would bury the rest.
    """

    def __init__(self) -> None:
        self._errors: dict[str, BillingError] = {}
        self._months: dict[tuple[str, str], list[str]] = {}
        self._has_misfits = False

    @property
    def errors(self) -> list[BillingError]:
        """The first error of each account that failed."""
        return list(self._errors.values())

    def add_account(self, account_id: str, error: BillingError) -> None:
        """Tell of an account that failed as a whole."""
        self._errors.setdefault(account_id, error)
        print_error(f"{account_id} failed: {failure_told(error)}")

    def add_unit(self, failure: AccountFailure) -> None:
        """Tell of a unit that failed, unless its account has failed for the same reason before."""
        _, account_id, start, *_ = failure.account_id.split("/")
        month, error = start[: len("2025-01")], failure.error
        self._errors.setdefault(account_id, error)
        self._has_misfits |= isinstance(error, NumberOutOfRange)
        others = self._months.setdefault((account_id, error.message), [])
        others.append(month)
        if len(others) == 1:
            print_error(f"{account_id} failed for {month}: {failure_told(error)}")

    def tell_rest(self) -> None:
        """Tell for which other months an account has failed, and what helps if that is known."""
        for (account_id, message), (_, *months) in self._months.items():
            if months:
                print_error(f"{account_id} failed for {months_told(months)} too: {message}")
        if self._has_misfits:
            print_error(
                "--decimal-scale makes room for some numbers, --format ndjson keeps them all"
            )
