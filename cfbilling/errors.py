"""Every exception that this package raises.

    BillingError
    ├── ConfigurationError      the caller: a bad argument, a bad environment, a closed client
    ├── TransportError          the wire: no connection, a timeout, a broken or corrupt body
    ├── DecodeError             the data: malformed JSON, a wrong type, a wrong shape
    ├── ResponseTooLarge        the data: more bytes than ``max_response_bytes``
    ├── NumberOutOfRange        the data: a number that a column cannot hold exactly
    ├── StoreError              a store of ``cfbilling.sync`` that cannot be read or written
    ├── FanOutError             some accounts of a fan-out: a group of their errors
    └── ApiError                the service refused
        ├── InvalidRequest      400 and the other 4xx
        ├── AuthenticationError 401, or code 10000 or 9109 with any status
        ├── PermissionDenied    403
        ├── NotFound            404
        ├── NotCovered          the account is not billed by version 1, whatever it used
        ├── RateLimited         429, or code 10040 or 971
        └── ServerError         5xx, 408, 425

The facts are attributes, the sentence is only for people. Nothing secret is among them, and
the exception that led to one of these is its ``__cause__``. What the service says is shown with
its control characters escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import attrs

from cfbilling.chunk import DateChunk

__all__ = [
    "AccountFailure",
    "ApiError",
    "AuthenticationError",
    "BillingError",
    "ConfigurationError",
    "DecodeError",
    "ErrorDetail",
    "FanOutError",
    "InvalidRequest",
    "NotCovered",
    "NotFound",
    "NumberOutOfRange",
    "PermissionDenied",
    "RateLimited",
    "ResponseTooLarge",
    "ServerError",
    "StoreError",
    "TransportError",
    "printable",
]

_MOST_NAMED = 10


def printable(text: str) -> str:
    """Return a text of the service with what could steer a terminal or forge a line escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@attrs.frozen
class ErrorDetail:
    """One entry of the envelope's ``errors``, as the service sent it, its texts of sane length.

    Attributes:
        message: The service's own sentence.
        code: The service's number for it, when it sent one.
        documentation_url: The vendor's explanation, when it names one.
        pointer: The place in the request that it is about, when it says so.
    """

    message: str
    code: int | None = None
    documentation_url: str | None = None
    pointer: str | None = None

    def __str__(self) -> str:
        message = printable(self.message)
        return message if self.code is None else f"{self.code}: {message}"


class BillingError(Exception):
    """The root of everything that this package raises.

    Attributes:
        status: The HTTP status, when a response arrived.
        errors: The envelope's errors, in order.
        ray_id: The ``cf-ray`` header: what the vendor's support asks for.
        endpoint: The name of the endpoint, such as ``usage``.
        scope_id: The account or organization that was asked about.
        chunk: The date range of the request.
        retry_after: Seconds that the service asked to wait.
        attempts: The number of attempts that had failed when this error was raised.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        errors: tuple[ErrorDetail, ...] = (),
        ray_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors
        self.ray_id = ray_id
        self.retry_after = retry_after
        self.endpoint: str | None = None
        self.scope_id: str | None = None
        self.chunk: DateChunk | None = None
        self.attempts: int | None = None

    def during(self, *, endpoint: str, scope_id: str | None, chunk: DateChunk | None) -> Self:
        """Add which request it was, known one layer above the one that raises."""
        self.endpoint, self.scope_id, self.chunk = endpoint, scope_id, chunk
        return self

    def answered(self, status: int, ray_id: str | None) -> Self:
        """Add which response it was, known one layer above the one that raises."""
        self.status, self.ray_id = status, ray_id
        return self

    def forget_frames(self) -> Self:
        """Drop the tracebacks of this error and of all that led to it, and return it.

        A kept traceback keeps every frame's variables: bodies, headers and the credentials in
        them. Whoever keeps many errors, or sends them on, needs only what they say. What an error
        hides (``raise ... from None``) is dropped whole: a ``UnicodeDecodeError`` has the text.
        """
        left: list[BaseException | None] = [self]
        seen: set[int] = set()
        while left:
            error = left.pop()
            if error is not None and id(error) not in seen:
                seen.add(id(error))
                error.__traceback__ = None
                if error.__suppress_context__:
                    error.__context__ = None
                left += [error.__cause__, error.__context__]
                if isinstance(error, BaseExceptionGroup):
                    left += error.exceptions
        return self

    @property
    def message(self) -> str:
        """What went wrong, in one sentence, without the facts."""
        return str(self.args[0])

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes among ``errors``, in order."""
        return tuple(detail.code for detail in self.errors if detail.code is not None)

    def __str__(self) -> str:
        facts = {
            "status": self.status,
            "endpoint": self.endpoint,
            "scope": self.scope_id,
            "chunk": self.chunk,
            "retry after (s)": self.retry_after,
            "attempts": self.attempts,
            "ray": self.ray_id,
        }
        told = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        # A header can hold what steers a terminal as well as a body can.
        return printable(f"{self.message} ({told})" if told else self.message)


class ConfigurationError(BillingError, ValueError):
    """An argument or an environment variable is wrong; no request was sent."""


class TransportError(BillingError):
    """The request or its answer did not get through whole.

    Attributes:
        transient: Whether another attempt may help. A certificate that does not verify, for
            example, is not transient.
    """

    def __init__(self, message: str, *, status: int | None = None, transient: bool = True) -> None:
        super().__init__(message, status=status)
        self.transient = transient


class DecodeError(BillingError):
    """A whole answer arrived that is not what the service documents.

    Attributes:
        problem: The problem.
        path: Its place, such as ``result[3].ConsumedQuantity``.
    """

    def __init__(self, problem: str, path: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{problem} @ {path}" if path else problem, status=status)
        self.problem = problem
        self.path = path

    def __reduce__(self) -> tuple[type[Self], tuple[str, str], dict[str, object]]:
        return type(self), (self.problem, self.path), self.__dict__


class ResponseTooLarge(BillingError):
    """A body grew past ``max_response_bytes``, counted after decompression."""


class NumberOutOfRange(BillingError):
    """A number has more digits than its column; it would have to be rounded.

    Attributes:
        column: The column.
    """

    def __init__(self, message: str, *, column: str = "") -> None:
        super().__init__(message)
        self.column = column


class StoreError(BillingError):
    """An object of a store cannot be read or written; the object that was there stays.

    Attributes:
        transient: Whether another attempt may help: a network that fails, not a full disk.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class ApiError(BillingError):
    """The service answered, and the answer is no."""


class InvalidRequest(ApiError):
    """The service does not accept the request: 400 and the other 4xx."""


class AuthenticationError(ApiError):
    """The credentials are missing, wrong, expired or revoked."""


class PermissionDenied(ApiError):
    """The credentials are valid, but not for this."""


class NotFound(ApiError):
    """There is no such account or endpoint, or not for these credentials."""


class NotCovered(ApiError):
    """The account is not covered by version 1: that says nothing of what it used."""


class RateLimited(ApiError):
    """The quota is used up; ``retry_after`` says for how long, as far as that is known."""


class ServerError(ApiError):
    """The service failed: 5xx, and the two 4xx that ask to try again (408, 425)."""


@attrs.frozen
class AccountFailure:
    """An account whose records did not all come.

    Attributes:
        account_id: The account.
        error: Why.
    """

    account_id: str
    error: BillingError


class FanOutError(BillingError, ExceptionGroup[BillingError]):
    """Some accounts of a fan-out failed; all others were delivered whole.

    A group of the accounts' errors, so that ``except*`` works on it. ``except BillingError``
    takes it as well: it is one of them.

    Attributes:
        failures: Each failed account with its error.
    """

    failures: tuple[AccountFailure, ...]

    def __new__(cls, failures: Sequence[AccountFailure]) -> Self:
        """Make the group of the failures' errors."""
        group = ExceptionGroup.__new__(
            cls, _summary(failures), [failure.error for failure in failures]
        )
        group.failures = tuple(failures)
        return group

    def __init__(self, failures: Sequence[AccountFailure]) -> None:
        super().__init__(_summary(failures))

    def derive(self, errors: Sequence[BillingError], /) -> FanOutError:  # type: ignore[override]  # the group holds no others
        """Return the group of a part of the failures, as ``except*`` asks."""
        kept = {id(error) for error in errors}
        return FanOutError([f for f in self.failures if id(f.error) in kept])

    def __reduce__(self) -> tuple[type[FanOutError], tuple[tuple[AccountFailure, ...]]]:
        return FanOutError, (self.failures,)


def _summary(failures: Sequence[AccountFailure]) -> str:
    named = ", ".join(printable(failure.account_id) for failure in failures[:_MOST_NAMED])
    more = f" and {len(failures) - _MOST_NAMED} more" if len(failures) > _MOST_NAMED else ""
    accounts = "account" if len(failures) == 1 else "accounts"
    return f"{len(failures)} {accounts} failed: {named}{more}"
