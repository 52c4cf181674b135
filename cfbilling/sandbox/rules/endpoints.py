"""The endpoints, their paths and their methods."""

import re
from typing import Literal

from attrs import frozen

__all__ = ["BASE_PATH", "Endpoint", "Target", "methods_of", "target_of"]

Endpoint = Literal[
    "usage",
    "organization_usage",
    "paygo_usage",
    "paygo_usage_beta",
    "billing_profile",
    "billable_usage",
    "billing_cycles",
    "billable_metrics",
    "billing_history",
    "billing_credits",
    "subscriptions",
    "accounts",
]

BASE_PATH = "/client/v4"

_PATHS: dict[Endpoint, str] = {
    "usage": "/accounts/{}/billable/usage",
    "organization_usage": "/organizations/{}/billable/usage",
    "paygo_usage": "/accounts/{}/paygo-usage",
    "paygo_usage_beta": "/accounts/{}/billing/usage/paygo",
    "billing_profile": "/accounts/{}/billing/profile",
    "billable_usage": "/accounts/{}/billable-usage",
    "billing_cycles": "/accounts/{}/billable-usage/info",
    "billable_metrics": "/accounts/{}/billable/usage/billable-metrics",
    "billing_history": "/accounts/{}/billing/history",
    "billing_credits": "/accounts/{}/billing/credits",
    "subscriptions": "/accounts/{}/subscriptions",
    "accounts": "/accounts",
}
_ROUTES: dict[Endpoint, re.Pattern[str]] = {
    endpoint: re.compile(BASE_PATH + path.format("([^/]+)")) for endpoint, path in _PATHS.items()
}


@frozen
class Target:
    """What a path points at.

    Attributes:
        endpoint: The endpoint.
        scope_id: Id of the account or organization; None for an endpoint that belongs to neither.
    """

    endpoint: Endpoint
    scope_id: str | None


def target_of(path: str) -> Target | None:
    """Return what *path* points at, or None if there is no route."""
    for endpoint, route in _ROUTES.items():
        if match := route.fullmatch(path):
            return Target(endpoint, match[1] if match.lastindex else None)
    return None


def methods_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the methods that an endpoint knows."""
    return ("GET", "POST") if endpoint == "usage" else ("GET",)
