"""What a fan-out says of the accounts that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import attrs

from cfbilling.errors import BillingError

__all__ = ["AccountFailure", "FanOutError"]

_MOST_NAMED = 10


@attrs.frozen
class AccountFailure:
    """An account whose records did not all come.

    Attributes:
        account_id: Which account.
        error: Why.
    """

    account_id: str
    error: BillingError


class FanOutError(ExceptionGroup[BillingError]):
    """Some accounts of a fan-out failed; all others were delivered whole.

    A group of the accounts' errors, so that ``except*`` works on it.

    Attributes:
        failures: Each failed account with its error.
    """

    failures: tuple[AccountFailure, ...]

    def __new__(cls, failures: Sequence[AccountFailure]) -> Self:
        """Make the group of the failures' errors."""
        named = ", ".join(failure.account_id for failure in failures[:_MOST_NAMED])
        more = f" and {len(failures) - _MOST_NAMED} more" if len(failures) > _MOST_NAMED else ""
        group = super().__new__(
            cls,
            f"{len(failures)} accounts failed: {named}{more}",
            [failure.error for failure in failures],
        )
        group.failures = tuple(failures)
        return group

    def __init__(self, failures: Sequence[AccountFailure]) -> None:
        super().__init__(self.message, [failure.error for failure in failures])

    def derive(self, errors: Sequence[BillingError], /) -> FanOutError:  # type: ignore[override]  # the group holds no others
        """Return the group of a part of the failures, as ``except*`` asks."""
        kept = {id(error) for error in errors}
        return FanOutError([f for f in self.failures if id(f.error) in kept])

    def __reduce__(self) -> tuple[type[FanOutError], tuple[tuple[AccountFailure, ...]]]:
        return FanOutError, (self.failures,)
