"""Admission: which accounts may use which of the vendor's two versions."""

from typing import Literal

from cfbilling.sandbox.rules.access import Refusal
from cfbilling.sandbox.rules.endpoints import Endpoint, Target
from cfbilling.sandbox.rules.envelope import ApiError

__all__ = ["Admission", "Kind"]

Kind = Literal["both", "self_serve", "contract"]

_NOT_FOR: dict[Kind, frozenset[Endpoint]] = {
    "both": frozenset(),
    "self_serve": frozenset({"usage", "billable_metrics"}),
    "contract": frozenset({"billable_usage", "billing_cycles"}),
}
_OLD_NAMES = frozenset({"paygo_usage", "paygo_usage_beta"})


class Admission:
    """Knows what kind of account each is, and what it is let in to.

    Args:
        kind: Kind of every account of which nothing else is said.
        status: Status for an account that is not let in.
        code: Code of the error then; None for none.
        old_names: Whether the names of version 1 from before its renaming are still routed.
    """

    def __init__(self, kind: Kind, *, status: int, code: int | None, old_names: bool) -> None:
        self._kind: Kind = kind
        self._kinds: dict[str | None, Kind] = {}
        self._restricted = Refusal(status, ApiError("Authentication error", code))
        self._old_names = old_names

    def set_kind(self, account_id: str, kind: Kind) -> None:
        """Make an account one of this *kind*."""
        self._kinds[account_id] = kind

    def routes(self, target: Target) -> bool:
        """Tell whether there is a route to *target*."""
        return self._old_names or target.endpoint not in _OLD_NAMES

    def refusal(self, target: Target) -> Refusal | None:
        """Return why *target* is not served, or None if it is."""
        kind = self._kinds.get(target.scope_id, self._kind)
        return self._restricted if target.endpoint in _NOT_FOR[kind] else None
