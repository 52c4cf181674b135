"""Pure: what ``Retry-After``, ``Ratelimit`` and ``Ratelimit-Policy`` tell.

Vendor's document: https://developers.cloudflare.com/fundamentals/api/reference/limits/ . The last
two are lists of items in the sense of RFC 9651 (Structured Fields).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import attrs
import http_sf

__all__ = ["Policy", "Quota", "parse_retry_after", "read_quota"]


@attrs.frozen
class Policy:
    """How many requests a window allows.

    Attributes:
        requests: The quota of a window.
        seconds: The length of a window.
    """

    requests: int
    seconds: float


@attrs.frozen
class Quota:
    """What is left, as one response tells.

    Attributes:
        remaining: Requests left in this window.
        reset: Seconds until the window ends, rounded up by the service.
        policy: The quota of a window, when that is told.
    """

    remaining: int
    reset: float
    policy: Policy | None


def _items(header: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        members: Any = http_sf.parse(header.encode(), tltype="list")
    except (ValueError, http_sf.StructuredFieldError):
        return
    for member in members:
        name, parameters = member
        if not isinstance(name, list):
            yield str(name), parameters


def _number(parameters: Mapping[str, Any], name: str) -> int | None:
    value = parameters.get(name)
    return value if type(value) is int and value >= 0 else None


# It is the same text in every response, and to parse it costs more than to look it up.
@lru_cache(maxsize=64)
def _policies(header: str) -> Mapping[str, Policy]:
    found: dict[str, Policy] = {}
    for name, parameters in _items(header):
        requests, seconds = _number(parameters, "q"), _number(parameters, "w")
        if requests and seconds:
            found[name] = Policy(requests, float(seconds))
    return found


def read_quota(headers: Mapping[str, str]) -> Quota | None:
    """Return what a response's headers tell of the quota.

    Of several limits, the one with the least left counts, with the policy of the same name.

    Args:
        headers: The response's headers, looked up without regard to case.

    Returns:
        ``None`` when they tell nothing that can be read.
    """
    policies = _policies(headers.get("Ratelimit-Policy", ""))
    tightest: Quota | None = None
    for name, parameters in _items(headers.get("Ratelimit", "")):
        remaining, reset = _number(parameters, "r"), _number(parameters, "t")
        if remaining is None or reset is None:
            continue
        if tightest is None or remaining < tightest.remaining:
            tightest = Quota(remaining, float(reset), policies.get(name))
    return tightest


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a ``Retry-After`` header: whole seconds or an HTTP date (RFC 9110).

    Args:
        value: The header's value; ``None`` when there is none.
        now: The present moment, aware, that a date is counted from.

    Returns:
        Seconds, never negative; ``None`` when the header is absent or unreadable.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
