"""The verdict on a credential, from what its probes found."""

from __future__ import annotations

from collections.abc import Sequence

from cfbilling import AuthenticationError, RateLimited
from cfbilling.cli.check.probes import Probe, is_lack_of_permission
from cfbilling.cli.exit_codes import AUTHENTICATION, OK, RATE_LIMITED, REFUSED, exit_code_of
from cfbilling.cli.waiting import lock_out_told

__all__ = ["verdict_on"]


def verdict_on(probes: Sequence[Probe], accounts: Probe) -> tuple[str, int]:
    """Say whether the credential works, and return the exit code.

    Args:
        probes: What was found of billing data.
        accounts: Whether it may list its accounts, which needs no permission for billing.
    """
    errors = [probe.error for probe in probes if probe.error is not None]
    if len(errors) < len(probes):
        return "yes", OK
    refusals = [error for error in errors if isinstance(error, AuthenticationError)]
    if refusals:
        if accounts.error is None or all(map(is_lack_of_permission, refusals)):
            return "it is accepted, but may lack the permission Billing Read", AUTHENTICATION
        return "no: the service does not accept it", AUTHENTICATION
    locked_out = [error for error in errors if isinstance(error, RateLimited)]
    if locked_out:
        # Of one lock-out, the last is what is true now.
        return f"unknown: {lock_out_told(locked_out[-1])}", RATE_LIMITED
    codes = {exit_code_of(error) for error in errors}
    if codes == {REFUSED}:
        return "it is accepted, but no endpoint is open to it for this account", REFUSED
    return "unknown: no endpoint answered", max(codes)
