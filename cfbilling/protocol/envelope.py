"""Pure: status, headers and envelope in; nothing, or exactly the right error, out.

Vendor's documents: https://developers.cloudflare.com/fundamentals/api/reference/limits/ and
https://developers.cloudflare.com/fundamentals/api/troubleshooting/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from cfbilling.errors import (
    ApiError,
    AuthenticationError,
    ErrorDetail,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.headers import Headers, parse_retry_after
from cfbilling.records import Record

__all__ = ["Envelope", "error_for", "refusal_details"]

_AUTHENTICATION_CODES = frozenset({10000, 9109})
_PERMISSION_CODE = 10000
_RATE_LIMIT_CODES = frozenset({10040, 971})
_CLASS_OF_CODE: Mapping[int, type[ApiError]] = {1183: InvalidRequest, 7003: NotFound}
_CLASS_OF_STATUS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    408: ServerError,
    425: ServerError,
    429: RateLimited,
}
_MOST_DETAILS = 10
_LONGEST_TEXT = 1000
_CLIENT_ERROR = 400
_SERVER_ERROR = 500


class Envelope(msgspec.Struct):
    """The outer object of a response; ``result`` is left as the bytes that it is."""

    success: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    errors: Any = None
    result_info: Any = None

    @property
    def details(self) -> tuple[ErrorDetail, ...]:
        """The service's errors, in order."""
        return _details(self.errors)


class _Refusal(msgspec.Struct):
    errors: Any = None


def _detail(entry: object) -> ErrorDetail:
    if not isinstance(entry, dict):
        return ErrorDetail(str(entry)[:_LONGEST_TEXT])
    code, url, source = entry.get("code"), entry.get("documentation_url"), entry.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return ErrorDetail(
        message=str(entry.get("message") or "")[:_LONGEST_TEXT],
        code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        documentation_url=url[:_LONGEST_TEXT] if isinstance(url, str) else None,
        pointer=pointer[:_LONGEST_TEXT] if isinstance(pointer, str) else None,
    )


def _details(errors: object) -> tuple[ErrorDetail, ...]:
    # Errors are kept, thousands of them by a fan-out, so what they say has to have an end.
    return tuple(map(_detail, errors[:_MOST_DETAILS])) if isinstance(errors, list) else ()


def refusal_details(body: bytes) -> tuple[ErrorDetail, ...]:
    """Read the errors out of a refusal's body, whatever it is; a body without any gives none."""
    try:
        return _details(msgspec.json.decode(body, type=_Refusal).errors)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()


def _class_for(status: int, codes: Sequence[int]) -> type[ApiError]:
    if not _AUTHENTICATION_CODES.isdisjoint(codes):
        return AuthenticationError
    if not _RATE_LIMIT_CODES.isdisjoint(codes):
        return RateLimited
    if status in _CLASS_OF_STATUS:
        return _CLASS_OF_STATUS[status]
    if status >= _SERVER_ERROR:
        return ServerError
    if status >= _CLIENT_ERROR:
        return InvalidRequest
    return next((_CLASS_OF_CODE[code] for code in codes if code in _CLASS_OF_CODE), ApiError)


def _sentence(status: int, details: tuple[ErrorDetail, ...], endpoint: Endpoint[Record]) -> str:
    codes = [detail.code for detail in details]
    if details:
        said = "; ".join(map(str, details))
    elif HTTPStatus.MULTIPLE_CHOICES <= status < _CLIENT_ERROR:
        said = "the service redirects, and credentials do not follow"
    else:
        said = f"the service refused with status {status} and no reason"
    if status == HTTPStatus.FORBIDDEN and _PERMISSION_CODE in codes:
        # Of a wrong token it says the same, with another status.
        return f"{said} (the token may lack the permission Billing Read)"
    if not _AUTHENTICATION_CODES.isdisjoint(codes):
        return said
    if endpoint.stage and status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        said += f" (the endpoint {endpoint.name} is {endpoint.stage} and not open to every account)"
    return said


def error_for(
    status: int,
    headers: Headers,
    details: tuple[ErrorDetail, ...],
    endpoint: Endpoint[Record],
    now: datetime,
) -> ApiError:
    """Return the error that a refusal means.

    Args:
        status: The HTTP status; 200 when only the envelope says no.
        headers: The response's headers, looked up without regard to case.
        details: The envelope's errors, if it had any.
        endpoint: The endpoint that was asked.
        now: The present moment, for a ``Retry-After`` that is a date.
    """
    codes = [detail.code for detail in details if detail.code is not None]
    return _class_for(status, codes)(
        _sentence(status, details, endpoint),
        status=status,
        errors=details,
        ray_id=headers.get("cf-ray"),
        retry_after=parse_retry_after(headers, now),
    )
