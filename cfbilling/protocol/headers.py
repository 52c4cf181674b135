"""Pure: what ``Retry-After``, ``Ratelimit`` and ``Ratelimit-Policy`` tell.

Vendor's document: https://developers.cloudflare.com/fundamentals/api/reference/limits/ . The last
two are lists of items in the sense of RFC 9651 (Structured Fields).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal, Protocol

import attrs
import http_sf

from cfbilling.errors import ConfigurationError

__all__ = [
    "Headers",
    "Quota",
    "QuotaPolicy",
    "QuotaReading",
    "QuotaSignal",
    "parse_retry_after",
    "read_signal",
]

QuotaReading = Literal["window", "bucket", "no_header", "silent"]
"""What a service means by its headers: what is left of a window, or of a bucket that is refilled;
it has none; or they do not tell the limit that holds."""

_TOO_MANY_REQUESTS = 429
# Nobody means more than a billion seconds, and what is infinite is no number to go by.
_LONGEST_WISH = 1e9
_USUAL = re.compile(r'"([a-z]{1,64})";r=([0-9]{1,15});t=([0-9]{1,15})')


class Headers(Protocol):
    """The headers of a response, looked up without regard to case."""

    def get(self, name: str, /) -> str | None:
        """Return the first value of a header, if there is one."""
        ...

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Return all values of a header."""
        ...


@attrs.frozen
class QuotaPolicy:
    """How many requests a window allows.

    Attributes:
        requests: The quota of a window, at least 1; as documented by default.
        seconds: The length of a window; as documented by default.

    Raises:
        ConfigurationError: For a value that is not more than 0.
    """

    requests: int = 1200
    seconds: float = 300.0

    def __attrs_post_init__(self) -> None:
        for name, value, kinds in (
            ("requests", self.requests, int),
            ("seconds", self.seconds, int | float),
        ):
            if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value < 2**63:
                raise ConfigurationError(f"assumed_quota.{name} must be more than 0, not {value!r}")


@attrs.frozen
class Quota:
    """What is left of one limit.

    Attributes:
        name: The limit's name, as the service calls it; empty where it has told none.
        remaining: Requests left, in this window or in the bucket.
        reset: Seconds until the window ends, or the bucket is full.
        policy: The quota of a window, when that is told.
        reading: How the service's headers are to be read, when its answers have shown that.
    """

    name: str
    remaining: int
    reset: float
    policy: QuotaPolicy | None = None
    reading: QuotaReading | None = None


@attrs.frozen
class QuotaSignal:
    """What one answer tells of the quota.

    Attributes:
        quotas: The remains of each limit that it names.
        is_refusal: Whether it refused because a quota is used up.
        wait: Seconds that it asks to wait, if it does.
        is_whole: Whether it has come whole: then no refusal is hidden in its body.
    """

    quotas: tuple[Quota, ...] = ()
    is_refusal: bool = False
    wait: float | None = None
    is_whole: bool = False


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
def _policies(header: str) -> Mapping[str, QuotaPolicy]:
    found: dict[str, QuotaPolicy] = {}
    for name, parameters in _items(header):
        requests, seconds = _number(parameters, "q"), _number(parameters, "w")
        if requests and seconds:
            found[name] = QuotaPolicy(requests, float(seconds))
    return found


def _joined(headers: Headers, name: str) -> str:
    # A list may be told in several lines (RFC 9110, section 5.3).
    lines = headers.getall(name, ())
    return lines[0] if len(lines) == 1 else ", ".join(lines)


def _quotas(header: str, policies: Mapping[str, QuotaPolicy]) -> Iterator[Quota]:
    # The text differs in each response, and to parse it in general costs a tenth of a small one.
    usual = _USUAL.fullmatch(header)
    if usual is not None:
        name = usual[1]
        yield Quota(name, int(usual[2]), float(usual[3]), policies.get(name))
        return
    for name, parameters in _items(header):
        remaining, reset = _number(parameters, "r"), _number(parameters, "t")
        if remaining is not None and reset is not None:
            yield Quota(name, remaining, float(reset), policies.get(name))


def read_signal(status: int, headers: Headers, now: datetime) -> QuotaSignal:
    """Return what the head of an answer tells of the quota.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        now: The present moment, for a ``Retry-After`` that is a date.
    """
    policies = _policies(_joined(headers, "Ratelimit-Policy"))
    quotas = tuple(_quotas(_joined(headers, "Ratelimit"), policies))
    if status != _TOO_MANY_REQUESTS:
        return QuotaSignal(quotas)
    wait = parse_retry_after(headers, now)
    if wait is None:
        wait = max((quota.reset for quota in quotas if not quota.remaining), default=None)
    return QuotaSignal(quotas, is_refusal=True, wait=wait)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_retry_after(headers: Headers, now: datetime) -> float | None:
    """Return the seconds of a ``Retry-After`` header: whole seconds or an HTTP date (RFC 9110).

    Args:
        headers: The response's headers. A date is counted from their ``Date``, since the
            service's clock need not agree with ours.
        now: The present moment, aware, for a response without ``Date``.

    Returns:
        Seconds, never negative nor beyond all measure; ``None`` when the header is absent or
        unreadable.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WISH)
    moment = _http_date(text)
    if moment is None:
        return None
    said = _http_date((headers.get("Date") or "").strip())
    return min(max(0.0, (moment - (said or now)).total_seconds()), _LONGEST_WISH)
