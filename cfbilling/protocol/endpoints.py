"""The endpoint table. A new endpoint is a record class, a row here and a short method.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

import attrs

from cfbilling.chunk import MAX_DAYS
from cfbilling.cycles import BillingCycles
from cfbilling.focus import FocusRecord
from cfbilling.records import (
    Account,
    BillableMetric,
    BillableUsageRecord,
    BillingCredits,
    BillingHistoryItem,
    BillingProfile,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)

__all__ = [
    "ACCOUNTS",
    "BILLABLE_METRICS",
    "BILLABLE_USAGE",
    "BILLING_CREDITS",
    "BILLING_CYCLES",
    "BILLING_HISTORY",
    "BILLING_PROFILE",
    "COSTS",
    "ENDPOINTS",
    "ORGANIZATION_USAGE",
    "PAYGO_USAGE",
    "PAYGO_USAGE_BETA",
    "SUBSCRIPTIONS",
    "USAGE",
    "USAGE_QUERY",
    "Endpoint",
    "Parameter",
]

R_co = TypeVar("R_co", bound=Record, covariant=True)

Parameter = Literal["metric", "status", "cost", "filter_by", "group_by"]

_PER_PAGE = 50


def _placeholder(path: str) -> str | None:
    return path[path.index("{") + 1 : path.index("}")] if "{" in path else None


@attrs.frozen(eq=False)
class Endpoint(Generic[R_co]):
    """What the vendor documents of one endpoint.

    Attributes:
        name: Its name in this package.
        path: The path below the base URL; its one placeholder is the name of the scope id.
        record_type: The class of its results.
        method: The HTTP method; each of them only reads.
        result: Whether it answers with one object or an array of records.
        max_days: The longest range of one request; ``None``: not documented.
        by_cycles: Whether it answers about one billing cycle at a time.
        per_page: The most items of a page, if it answers in pages.
        parameters: What it takes beside a range.
        stage: Its stage before general availability, if it is in one.
        names_account: Whether its records name the account asked about.
        may_lack: Required fields of its records, by their wire names, that it does not promise.
        sources: The endpoints that its records are made from, the best first; it is none itself.
        scope: The name of the id in the path: ``account_id`` or ``organization_id``, if any.
    """

    name: str
    path: str
    record_type: type[R_co]
    method: Literal["GET", "POST"] = "GET"
    result: Literal["object", "array"] = "array"
    max_days: int | None = None
    by_cycles: bool = False
    per_page: int | None = None
    parameters: frozenset[Parameter] = frozenset()
    stage: Literal["alpha", "beta"] | None = None
    names_account: bool = False
    may_lack: frozenset[str] = frozenset()
    sources: tuple[Endpoint[Any], ...] = ()
    scope: str | None = attrs.field(
        init=False, default=attrs.Factory(lambda self: _placeholder(self.path), takes_self=True)
    )


BILLING_PROFILE = Endpoint(
    "billing_profile",
    "/accounts/{account_id}/billing/profile",
    BillingProfile,
    result="object",
)
USAGE = Endpoint(
    "usage",
    "/accounts/{account_id}/billable/usage",
    UsageRecord,
    max_days=MAX_DAYS,
    parameters=frozenset({"metric"}),
    stage="alpha",
    names_account=True,
)
USAGE_QUERY = Endpoint(
    "usage_query",
    "/accounts/{account_id}/billable/usage",
    UsageRecord,
    method="POST",
    max_days=MAX_DAYS,
    parameters=frozenset({"cost", "filter_by", "group_by"}),
    stage="alpha",
    names_account=True,
    may_lack=frozenset({"BillingAccountId", "BillingAccountName", "x_BillableMetricName"}),
)
BILLABLE_METRICS = Endpoint(
    "billable_metrics",
    "/accounts/{account_id}/billable/usage/billable-metrics",
    BillableMetric,
    max_days=MAX_DAYS,
    stage="alpha",
)
ORGANIZATION_USAGE = Endpoint(
    "organization_usage",
    "/organizations/{organization_id}/billable/usage",
    UsageRecord,
    max_days=MAX_DAYS,
    parameters=frozenset({"metric"}),
    stage="alpha",
)
PAYGO_USAGE = Endpoint(
    "paygo_usage", "/accounts/{account_id}/paygo-usage", PaygoRecord, stage="alpha"
)
PAYGO_USAGE_BETA = Endpoint(
    "paygo_usage_beta", "/accounts/{account_id}/billing/usage/paygo", PaygoRecord, stage="beta"
)
BILLABLE_USAGE = Endpoint(
    "billable_usage",
    "/accounts/{account_id}/billable-usage",
    BillableUsageRecord,
    by_cycles=True,
    names_account=True,
)
BILLING_CYCLES = Endpoint(
    "billing_cycles",
    "/accounts/{account_id}/billable-usage/info",
    BillingCycles,
    result="object",
)
BILLING_HISTORY = Endpoint(
    "billing_history",
    "/accounts/{account_id}/billing/history",
    BillingHistoryItem,
    per_page=_PER_PAGE,
    parameters=frozenset({"status"}),
)
BILLING_CREDITS = Endpoint(
    "billing_credits",
    "/accounts/{account_id}/billing/credits",
    BillingCredits,
    result="object",
)
SUBSCRIPTIONS = Endpoint("subscriptions", "/accounts/{account_id}/subscriptions", Subscription)
ACCOUNTS = Endpoint("accounts", "/accounts", Account, per_page=_PER_PAGE)
COSTS = Endpoint(
    "costs", "/accounts/{account_id}", FocusRecord, sources=(USAGE_QUERY, BILLABLE_USAGE)
)

ENDPOINTS: MappingProxyType[str, Endpoint[Any]] = MappingProxyType(
    {
        row.name: row
        for row in (
            BILLING_PROFILE,
            USAGE,
            USAGE_QUERY,
            BILLABLE_METRICS,
            ORGANIZATION_USAGE,
            PAYGO_USAGE,
            PAYGO_USAGE_BETA,
            BILLABLE_USAGE,
            BILLING_CYCLES,
            BILLING_HISTORY,
            BILLING_CREDITS,
            SUBSCRIPTIONS,
            ACCOUNTS,
            COSTS,
        )
    }
)
"""Every row by its name."""
