"""The five endpoints and their paths."""

import re
from typing import Literal

from attrs import frozen

__all__ = ["BASE_PATH", "Endpoint", "Target", "target_of"]

Endpoint = Literal[
    "usage", "organization_usage", "paygo_usage", "paygo_usage_beta", "billing_profile"
]

BASE_PATH = "/client/v4"

_PATHS: tuple[tuple[Endpoint, str], ...] = (
    ("usage", "/accounts/{}/billable/usage"),
    ("organization_usage", "/organizations/{}/billable/usage"),
    ("paygo_usage", "/accounts/{}/paygo-usage"),
    ("paygo_usage_beta", "/accounts/{}/billing/usage/paygo"),
    ("billing_profile", "/accounts/{}/billing/profile"),
)
_ROUTES: tuple[tuple[Endpoint, re.Pattern[str]], ...] = tuple(
    (endpoint, re.compile(BASE_PATH + path.format("([^/]+)"))) for endpoint, path in _PATHS
)


@frozen
class Target:
    """What a path points at.

    Attributes:
        endpoint: The endpoint.
        scope_id: Id of the account or organization.
    """

    endpoint: Endpoint
    scope_id: str


def target_of(path: str) -> Target | None:
    """Return what *path* points at, or None if there is no route."""
    for endpoint, route in _ROUTES:
        if match := route.fullmatch(path):
            return Target(endpoint, match[1])
    return None
