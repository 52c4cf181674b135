"""What a check has found, whatever it is shown as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from cfbilling import Quota, RateLimited
from cfbilling.cli.check.probes import Probe

__all__ = ["Findings"]


@attrs.frozen
class Findings:
    """The answers to a check.

    Attributes:
        works: The verdict on the credential, for people.
        code: The exit code.
        quota: What the service told of the quota; None if it told nothing.
        listed: Whether the accounts can be listed.
        accounts: The answers of each account's endpoints.
        organization: The answer of an organization's endpoint, by its id.
        are_many: Whether several accounts were asked about, each with a line.
    """

    works: str
    code: int
    quota: Quota | None
    listed: Probe
    accounts: Mapping[str, Sequence[Probe]]
    organization: Mapping[str, Probe]
    are_many: bool = False

    @property
    def probes(self) -> Iterator[Probe]:
        """Every answer."""
        yield self.listed
        for probes in self.accounts.values():
            yield from probes
        yield from self.organization.values()

    @property
    def locked_out_seconds(self) -> float | None:
        """Seconds that the credential is still locked out, as far as that is known."""
        known = [
            probe.error.retry_after
            for probe in self.probes
            if isinstance(probe.error, RateLimited) and probe.error.retry_after is not None
        ]
        return known[-1] if known else None
