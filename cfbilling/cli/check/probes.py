"""Probes: each endpoint is asked once, for as little as it can be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

import attrs

from cfbilling import BillingClient, BillingError, RateLimited
from cfbilling.cli.waiting import lock_out_told

__all__ = [
    "SOURCES",
    "Probe",
    "costs_of",
    "is_lack_of_permission",
    "is_not_let_in",
    "probe_accounts",
    "probe_all",
    "probe_organization",
    "probe_sources",
]

_PROFILE = "profile"
_USAGE = "usage"
_COST_QUERY = "usage --cost"
_BILLABLE_USAGE = "billable-usage"
SOURCES = (_USAGE, _COST_QUERY, _BILLABLE_USAGE, _PROFILE)

_DAY = timedelta(days=1)
_PERMISSION_CODE = 10000
_NOT_LET_IN = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)

Ask = Callable[[], Awaitable[str]]
"""Asks once, and returns the answer for people."""


@attrs.frozen
class Probe:
    """The outcome of asking one endpoint once.

    Attributes:
        name: The command that uses the endpoint.
        answer: Its answer, for people.
        error: The reason why it is not open.
        brief: The answer in a word, if it is open or that is not known.
    """

    name: str
    answer: str
    error: BillingError | None = None
    brief: str = "yes"

    @property
    def is_open(self) -> bool | None:
        """Whether it is open; ``None`` if that is not known."""
        return None if isinstance(self.error, RateLimited) else self.error is None


def is_not_let_in(error: BillingError) -> bool:
    """Return whether it is what an account is told that an endpoint is not for; of any code."""
    return error.status in _NOT_LET_IN and not isinstance(error, RateLimited)


def is_lack_of_permission(error: BillingError | None) -> bool:
    """Return whether it is what a good token without the permission Billing Read is told."""
    return (
        error is not None
        and error.status == HTTPStatus.FORBIDDEN
        and _PERMISSION_CODE in error.codes
    )


async def _probe(name: str, ask: Ask) -> Probe:
    try:
        return Probe(name, await ask())
    except RateLimited as error:
        # Whether it is open is not known: nobody was asked.
        return Probe(name, f"unknown: {lock_out_told(error)}", error, brief="locked out")
    except BillingError as error:
        is_refusal = error.status is not None and error.status >= HTTPStatus.BAD_REQUEST
        status = f" ({error.status})" if is_refusal else ""
        return Probe(name, f"no: {error.message}{status}", error)


async def _probed(asked: Mapping[str, Ask]) -> list[Probe]:
    return [await _probe(name, ask) for name, ask in asked.items()]


async def _count(batches: AsyncIterator[list[Any]]) -> str:
    async with aclosing(batches) as closing:  # type: ignore[type-var]  # every stream's batches can be closed
        records = sum([len(batch) async for batch in closing])
    return f"yes, {records:,} records of one day"


async def _any(batches: AsyncIterator[list[Any]]) -> str:
    async with aclosing(batches) as closing:  # type: ignore[type-var]  # every stream's batches can be closed
        return "yes" if await anext(closing, None) else "yes, but there are none"


async def probe_sources(client: BillingClient, account_id: str, day: date) -> list[Probe]:
    """Return which of the `SOURCES` are open to an account, in four to six requests."""
    return _told_apart(await _probed(_sources(client, account_id, day)))


async def probe_all(client: BillingClient, account_id: str, day: date) -> list[Probe]:
    """Return which endpoints of an account are open, what its costs come from ahead of them."""
    sources = _sources(client, account_id, day)
    probes = _told_apart(await _probed({**sources, **_others(client, account_id)}))
    return [costs_of(probes), *probes, *await _probe_paygo(client, account_id, day)]


def _sources(client: BillingClient, account_id: str, day: date) -> Mapping[str, Ask]:
    span = day, day + _DAY

    async def profile() -> str:
        await client.billing_profile(account_id)
        return "yes"

    return {
        _USAGE: lambda: _count(client.usage(account_id, *span).batches()),
        _COST_QUERY: lambda: _count(client.usage(account_id, *span, cost=True).batches()),
        _BILLABLE_USAGE: lambda: _count(client.billable_usage(account_id, *span).batches()),
        _PROFILE: profile,
    }


def _others(client: BillingClient, account_id: str) -> Mapping[str, Ask]:
    async def balance() -> str:
        await client.billing_credits(account_id)
        return "yes"

    return {
        "subscriptions": lambda: _any(client.subscriptions(account_id).batches()),
        "history": lambda: _any(client.billing_history(account_id).batches()),
        "credits": balance,
    }


def _told_apart(probes: Sequence[Probe]) -> list[Probe]:
    """Tell what the account is not let into from what the token may not read.

    The service says the same of both. But a token that may read something of an account's billing
    has the permission.
    """
    has_permission = any(probe.error is None for probe in probes)
    return [
        attrs.evolve(probe, answer="no: the account is not let in (403)")
        if has_permission and is_lack_of_permission(probe.error)
        else probe
        for probe in probes
    ]


def costs_of(probes: Sequence[Probe]) -> Probe:
    """Return where the costs of an account come from, which needs no request of its own."""
    by_name = {probe.name: probe for probe in probes}
    first, second = by_name[_COST_QUERY].error, by_name[_BILLABLE_USAGE].error
    if first is None:
        return Probe("costs", "yes, from version 2 (contract)", brief="v2")
    if isinstance(first, RateLimited):
        return attrs.evolve(by_name[_COST_QUERY], name="costs")
    if not is_not_let_in(first):
        return Probe("costs", "no: 'usage --cost' failed, and may be where they are", first)
    if second is None:
        return Probe("costs", "yes, from version 1 (self-serve)", brief="v1")
    if isinstance(second, RateLimited):
        return attrs.evolve(by_name[_BILLABLE_USAGE], name="costs")
    return Probe("costs", "no: neither 'usage --cost' nor 'billable-usage' is open", second)


async def _probe_paygo(client: BillingClient, account_id: str, day: date) -> list[Probe]:
    """Return whether the endpoints from before the renaming of version 1 are still there."""
    span = day, day + _DAY
    probes = await _probed(
        {
            "paygo": lambda: _count(client.paygo_usage(account_id, *span).batches()),
            "paygo --beta": lambda: _count(client.paygo_usage_beta(account_id, *span).batches()),
        }
    )
    return [
        attrs.evolve(probe, answer="no: an old name of billable-usage (404)")
        if probe.error is not None and probe.error.status == HTTPStatus.NOT_FOUND
        else probe
        for probe in probes
    ]


async def probe_organization(client: BillingClient, organization_id: str, day: date) -> Probe:
    """Return whether the usage of an organization is open."""
    stream = client.organization_usage(organization_id, day, day + _DAY)
    return await _probe("org-usage", lambda: _count(stream.batches()))


async def probe_accounts(client: BillingClient) -> Probe:
    """Return whether the list of accounts is open; of a long one, the beginning is enough."""

    async def seen() -> str:
        async with client.accounts() as accounts:
            batches = accounts.batches()
            first: list[Any] = await anext(batches, [])
            has_more = bool(first) and bool(await anext(batches, []))
        if not first:
            return "yes, but it sees none"
        noun = "account" if len(first) == 1 else "accounts"
        return f"yes, it sees {'more than ' * has_more}{len(first):,} {noun}"

    return await _probe("accounts", seen)
