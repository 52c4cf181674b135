"""What a check has found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import ceil

from rich.table import Table

from cfbilling import Quota
from cfbilling.cli.check.findings import Findings
from cfbilling.cli.check.probes import Probe
from cfbilling.cli.check.tables import overview, reasons, table_of

__all__ = ["as_json", "shown"]


def shown(findings: Findings) -> Iterator[str | Table]:
    """Yield the lines and tables for people."""
    yield f"Works       {findings.works}"
    yield f"Quota       {_quota_told(findings.quota)}"
    if not findings.are_many:
        for account_id, probes in findings.accounts.items():
            others = findings.organization.values()
            yield table_of(account_id, [*probes, *others, findings.listed])
        return
    if findings.accounts:
        yield overview(findings.accounts)
        yield from reasons(findings.accounts)
    for organization, probe in findings.organization.items():
        yield table_of(organization, [probe])


def _quota_told(quota: Quota | None) -> str:
    if quota is None:
        return "unknown: the service did not say"
    policy = quota.policy
    of = "" if policy is None else f" of {policy.requests}"
    per = "" if policy is None else f" in {ceil(policy.seconds)} s"
    return f"{quota.remaining}{of} requests{per} left, for the next {ceil(quota.reset)} s"


def as_json(credential: str, findings: Findings) -> str:
    """Return the same as an object of JSON.

    Args:
        credential: Where the credential is from.
        findings: What was found.
    """
    scopes = {**findings.accounts, **{id_: [p] for id_, p in findings.organization.items()}}
    told = {
        "credential": credential,
        "works": findings.works,
        "exit_code": findings.code,
        "locked_out_seconds": findings.locked_out_seconds,
        "quota": _quota_members(findings.quota),
        "accounts": _members(findings.listed),
        "scopes": [
            {"id": scope_id, "endpoints": _all_members(probes)}
            for scope_id, probes in scopes.items()
        ],
    }
    return json.dumps(told, indent=2)


def _quota_members(quota: Quota | None) -> dict[str, float | None] | None:
    if quota is None:
        return None
    return {
        "remaining": quota.remaining,
        "reset_seconds": quota.reset,
        "requests": None if quota.policy is None else quota.policy.requests,
        "window_seconds": None if quota.policy is None else quota.policy.seconds,
    }


def _all_members(probes: Iterable[Probe]) -> list[dict[str, str | int | bool | None]]:
    return [_members(probe) for probe in probes]


def _members(probe: Probe) -> dict[str, str | int | bool | None]:
    return {
        "name": probe.name,
        "open": probe.is_open,
        "answer": probe.answer,
        "status": None if probe.error is None else probe.error.status,
    }
