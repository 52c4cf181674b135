"""The endpoint table. A new endpoint is a record class, a row here and a short method.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

import attrs

from cfbilling.chunk import MAX_DAYS
from cfbilling.records import BillingProfile, PaygoRecord, Record, UsageRecord

__all__ = [
    "BILLING_PROFILE",
    "ENDPOINTS",
    "ORGANIZATION_USAGE",
    "PAYGO_USAGE",
    "PAYGO_USAGE_BETA",
    "USAGE",
    "Endpoint",
]

R_co = TypeVar("R_co", bound=Record, covariant=True)


def _placeholder(path: str) -> str:
    return path[path.index("{") + 1 : path.index("}")]


@attrs.frozen(eq=False)
class Endpoint(Generic[R_co]):
    """What the vendor documents of one endpoint.

    Attributes:
        name: Its name in this package.
        path: The path below the base URL; its one placeholder is the name of the scope id.
        record_type: The class of its results.
        result: Whether it answers with one object or an array of records.
        max_days: The longest range of one request; ``None``: not documented.
        filters_metric: Whether it takes ``metric``.
        stage: Its stage before general availability, if it is in one.
        owner: The attribute of its records that names the account asked about, if one does.
        scope: The name of the id in the path: ``account_id`` or ``organization_id``.
    """

    name: str
    path: str
    record_type: type[R_co]
    result: Literal["object", "array"] = "array"
    max_days: int | None = None
    filters_metric: bool = False
    stage: Literal["alpha", "beta"] | None = None
    owner: str | None = None
    scope: str = attrs.field(
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
    filters_metric=True,
    stage="alpha",
    owner="billing_account_id",
)
ORGANIZATION_USAGE = Endpoint(
    "organization_usage",
    "/organizations/{organization_id}/billable/usage",
    UsageRecord,
    max_days=MAX_DAYS,
    filters_metric=True,
    stage="alpha",
)
PAYGO_USAGE = Endpoint(
    "paygo_usage", "/accounts/{account_id}/paygo-usage", PaygoRecord, stage="alpha"
)
PAYGO_USAGE_BETA = Endpoint(
    "paygo_usage_beta", "/accounts/{account_id}/billing/usage/paygo", PaygoRecord, stage="beta"
)

ENDPOINTS: MappingProxyType[str, Endpoint[Any]] = MappingProxyType(
    {
        row.name: row
        for row in (BILLING_PROFILE, USAGE, ORGANIZATION_USAGE, PAYGO_USAGE, PAYGO_USAGE_BETA)
    }
)
"""Every row by its name."""
