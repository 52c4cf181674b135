"""Asking what a credential is good for; a lock-out is told, and not waited for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta

import attrs

from cfbilling import BillingClient, Quota
from cfbilling.cli.accounts import Accounts
from cfbilling.cli.check.findings import Findings
from cfbilling.cli.check.probes import (
    Probe,
    probe_accounts,
    probe_all,
    probe_organization,
    probe_sources,
)
from cfbilling.cli.check.verdict import verdict_on
from cfbilling.cli.connection import Connection
from cfbilling.cli.exit_codes import OK, SOME_FAILED
from cfbilling.cli.in_order import in_order
from cfbilling.cli.waiting import tell_pause

__all__ = ["findings_on"]

_DAY = timedelta(days=1)


async def findings_on(
    accounts: Accounts, organization: str | None, connection: Connection
) -> Findings:
    """Ask each endpoint once, and return what was found.

    Args:
        accounts: The accounts.
        organization: An organization to ask about too.
        connection: The way to the service.

    Raises:
        CommandError: If all that the credential sees are none.
        ConfigurationError: If an id can be none, before anything is asked.
    """
    # One attempt each and no wait: what fails is to be told, not to be waited for.
    at_once = attrs.evolve(connection, attempts=1, max_wait=0.0)
    if not accounts.are_many:
        return await _findings_on_one(accounts, organization, at_once)
    async with at_once.client(accounts.credentials) as client:
        _require_ids(client, accounts, organization)
        listed = await probe_accounts(client)
        if listed.is_open is None:
            works, code = verdict_on([listed], listed)
            return Findings(works, code, _told(client), listed, {}, {}, are_many=True)
    # But the quota may have to be waited for, where the accounts are many.
    patient = attrs.evolve(connection, attempts=1)
    return await _findings_on_many(accounts, organization, patient, listed)


def _yesterday() -> date:
    return datetime.now(UTC).date() - _DAY


def _told(client: BillingClient) -> Quota | None:
    """Return what the service told of the quota, and nothing that was assumed."""
    quota = client.quota()
    return None if quota is None or quota.reading == "no_header" else quota


def _require_ids(client: BillingClient, accounts: Accounts, organization: str | None) -> None:
    """Refuse what can be no id before anything is asked; no stream is begun for it.

    Raises:
        ConfigurationError: If one of them can be none.
    """
    for account_id in accounts.ids:
        client.usage(account_id)
    if organization is not None:
        client.organization_usage(organization)


async def _findings_on_one(
    accounts: Accounts, organization: str | None, connection: Connection
) -> Findings:
    (account_id,) = accounts.ids
    async with connection.client(accounts.credentials) as client:
        _require_ids(client, accounts, organization)
        probes = await probe_all(client, account_id, _yesterday())
        of_organization = await _probed_organization(client, organization)
        listed = await probe_accounts(client)
        quota = _told(client)
    works, code = verdict_on([*probes, *of_organization.values()], listed)
    return Findings(works, code, quota, listed, {account_id: probes}, of_organization)


async def _findings_on_many(
    accounts: Accounts, organization: str | None, connection: Connection, listed: Probe
) -> Findings:
    async with connection.client(accounts.credentials, tell_pause) as client:
        found = await _probed(client, accounts, connection.concurrency)
        of_organization = await _probed_organization(client, organization)
        quota = _told(client)
    asked = accounts.asked(len(found))
    verdicts = [verdict_on(probes, listed) for probes in found.values()]
    open_to = sum(code == OK for _, code in verdicts)
    why = f"; {verdicts[0][0]}" if len(set(verdicts)) == 1 and not open_to else ""
    codes = {code for _, code in verdicts}
    return Findings(
        works=f"for {open_to:,} of {asked:,} accounts{why}",
        code=codes.pop() if len(codes) == 1 else SOME_FAILED,
        quota=quota,
        listed=listed,
        accounts=found,
        organization=of_organization,
        are_many=True,
    )


async def _probed_organization(
    client: BillingClient, organization: str | None
) -> Mapping[str, Probe]:
    if organization is None:
        return {}
    return {organization: await probe_organization(client, organization, _yesterday())}


async def _probed(
    client: BillingClient, accounts: Accounts, concurrency: int
) -> dict[str, list[Probe]]:
    async def asked(account_id: str) -> tuple[str, list[Probe]]:
        return account_id, await probe_sources(client, account_id, _yesterday())

    every = accounts.each(client)
    answers = in_order(every, asked, concurrency)
    async with aclosing(every), aclosing(answers):
        return {account_id: probes async for account_id, probes in answers}
