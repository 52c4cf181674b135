"""The endpoint table, and the request that a row makes. A new endpoint is a new row.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TypedDict
from urllib.parse import quote_plus

import attrs

from cfbilling.chunk import MAX_DAYS, DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.records import BillingProfile, PaygoRecord, Record, UsageRecord

__all__ = [
    "ENDPOINTS",
    "BillingRequest",
    "Endpoint",
    "RequestFacts",
    "checked_metric",
    "request_for",
]

_LONGEST_METRIC = 128
_SCOPE_ID = re.compile(r"[0-9a-f]{32}")


@attrs.frozen
class Endpoint:
    """What the vendor documents of one endpoint.

    Attributes:
        name: Its name in this package.
        path: The path below the base URL; its one placeholder is the name of the scope id.
        record_type: What its results are.
        max_days: The longest range that one request may ask for; ``None``: not documented.
        filters_metric: Whether it takes ``metric``.
        stage: How far it is from being generally available, if it is not.
    """

    name: str
    path: str
    record_type: type[Record]
    max_days: int | None = None
    filters_metric: bool = False
    stage: str | None = None

    @property
    def scope(self) -> str:
        """The name of the id in the path: ``account_id`` or ``organization_id``."""
        return self.path[self.path.index("{") + 1 : self.path.index("}")]


ENDPOINTS = MappingProxyType(
    {
        row.name: row
        for row in (
            Endpoint(
                "billing_profile",
                "/accounts/{account_id}/billing/profile",
                BillingProfile,
            ),
            Endpoint(
                "usage",
                "/accounts/{account_id}/billable/usage",
                UsageRecord,
                max_days=MAX_DAYS,
                filters_metric=True,
                stage="alpha",
            ),
            Endpoint(
                "organization_usage",
                "/organizations/{organization_id}/billable/usage",
                UsageRecord,
                max_days=MAX_DAYS,
                filters_metric=True,
                stage="alpha",
            ),
            Endpoint(
                "paygo_usage",
                "/accounts/{account_id}/paygo-usage",
                PaygoRecord,
                stage="alpha",
            ),
            Endpoint(
                "paygo_usage_beta",
                "/accounts/{account_id}/billing/usage/paygo",
                PaygoRecord,
                stage="beta",
            ),
        )
    }
)


class RequestFacts(TypedDict):
    """What errors and events tell of a request."""

    endpoint: str
    scope_id: str
    chunk: DateChunk | None


@attrs.frozen
class BillingRequest:
    """One GET request, before it is signed.

    Attributes:
        endpoint: The row of the table that it is for.
        scope_id: The account or organization asked about, already validated.
        chunk: The date range asked for; ``None`` leaves it to the service.
        metric: The one metric asked for; ``None`` asks for all.
    """

    endpoint: Endpoint
    scope_id: str
    chunk: DateChunk | None = None
    metric: str | None = None

    @property
    def facts(self) -> RequestFacts:
        """What errors and events tell of it."""
        return RequestFacts(endpoint=self.endpoint.name, scope_id=self.scope_id, chunk=self.chunk)

    @property
    def target(self) -> str:
        """The path and query below the base URL."""
        path = self.endpoint.path.format_map({self.endpoint.scope: self.scope_id})
        query: list[str] = []
        if self.chunk is not None:
            query += [f"from={self.chunk.first_day}", f"to={self.chunk.day_after}"]
        if self.metric is not None:
            query.append(f"metric={quote_plus(self.metric)}")
        return f"{path}?{'&'.join(query)}" if query else path


def request_for(
    endpoint: Endpoint,
    scope_id: str,
    chunk: DateChunk | None = None,
    metric: str | None = None,
) -> BillingRequest:
    """Make a request after checking what goes into its URL.

    Raises:
        ConfigurationError: If the id is not 32 lower-case hex digits, or as `checked_metric`.
    """
    if not isinstance(scope_id, str) or _SCOPE_ID.fullmatch(scope_id) is None:
        raise ConfigurationError(f"{endpoint.scope} must be 32 lower-case hexadecimal digits")
    checked_metric(endpoint, metric)
    return BillingRequest(endpoint, scope_id, chunk, metric)


def checked_metric(endpoint: Endpoint, metric: str | None) -> None:
    """Check the one metric asked for.

    Raises:
        ConfigurationError: If it is empty, longer than 128 characters, not a string, or not taken
            by the endpoint.
    """
    if metric is not None:
        if not endpoint.filters_metric:
            raise ConfigurationError(f"the endpoint {endpoint.name} takes no metric")
        if not isinstance(metric, str) or not 0 < len(metric) <= _LONGEST_METRIC:
            raise ConfigurationError(f"metric must be 1 to {_LONGEST_METRIC} characters of text")
        try:
            metric.encode()
        except UnicodeEncodeError:
            raise ConfigurationError("metric has a character that is no Unicode text") from None
