"""Faults: which requests go wrong, and how."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal

from attrs import Factory, define, evolve, field, frozen, validators

from cfbilling.sandbox.rules.endpoints import Endpoint
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.requests import RequestFacts
from cfbilling.sandbox.rules.responses import Response, failure

__all__ = ["Fault", "Faults", "ResetPoint"]

ResetPoint = Literal["before_headers", "inside_headers", "after_headers"]

_INTERIM = validators.in_((100, 102, 103))
_CODES: Mapping[int, int] = {400: 1183, 401: 10000, 404: 7003, 429: 10040}


@frozen(kw_only=True)
class Fault:
    """One way in which a response goes wrong; the attributes may be combined.

    Bytes are counted in the encoded body, that is after compression and before chunking. A place
    beyond the end of the body changes nothing.

    Attributes:
        times: Number of requests that meet it; None for all of them.
        endpoint: The only endpoint concerned.
        scope_id: The only account or organization concerned.
        query: Query parameters that a request must have.
        when: Condition on a request, whose status is the one it would have got.
        status: Status to answer, with an envelope that reports failure.
        error_codes: Codes in that envelope; by default the vendor's usual one, if there is any.
        retry_after: Seconds, or any text, for the ``Retry-After`` field.
        html: Whether an HTML page is answered, with *status* or 200.
        redirect: URL to answer 302 with.
        headers: Header fields to add, or to send in place of the usual ones.
        cf_ray: Whether the response carries a ``cf-ray``.
        fail_at_end: Whether ``success: false`` and *error_codes* come after the whole result.
        reset_at: Point, or number of bytes of the body, at which the connection is reset.
        close_at: Number of bytes after which the connection is closed, the body unfinished.
        end_at: Number of bytes after which the body ends as if it were complete.
        corrupt_at: Place of a byte that is inverted.
        interim: Statuses of interim responses that come first: 100, 102, 103, any number of them.
        delay: Seconds of the sandbox's clock to wait.
        until: Event to wait for.
        hold_at: Number of bytes of the body after which *delay* and *until* are waited for; 0 for
            just after the headers, None for before them and after *interim*.
        trickle: Number of bytes that are sent at a time.
        trickle_delay: Seconds of the sandbox's clock to wait after each of them.
        unsolicited: Id of another account or organization, whose response to the same query
            follows on the connection as if it had been asked for.
        unsolicited_until: Event to wait for before that, with no other request read.
    """

    times: int | None = 1
    endpoint: Endpoint | None = None
    scope_id: str | None = None
    query: Mapping[str, str] = Factory(dict)
    when: Callable[[RequestFacts], bool] | None = None
    status: int | None = None
    error_codes: tuple[int, ...] = field(default=(), converter=tuple[int, ...])
    retry_after: int | str | None = None
    html: bool = False
    redirect: str | None = None
    headers: Mapping[str, str] = Factory(dict)
    cf_ray: bool = True
    fail_at_end: bool = False
    reset_at: ResetPoint | int | None = None
    close_at: int | None = None
    end_at: int | None = None
    corrupt_at: int | None = None
    interim: tuple[int, ...] = field(
        default=(), converter=tuple[int, ...], validator=validators.deep_iterable(_INTERIM)
    )
    delay: float = 0
    until: asyncio.Event | None = None
    hold_at: int | None = None
    trickle: int | None = None
    trickle_delay: float = 0
    unsolicited: str | None = None
    unsolicited_until: asyncio.Event | None = None

    def matches(self, facts: RequestFacts) -> bool:
        """Tell whether a request is one of those that this fault is meant for."""
        return (
            self.endpoint in (None, facts.endpoint)
            and self.scope_id in (None, facts.scope_id)
            and self.query.items() <= facts.query.items()
            and (self.when is None or self.when(facts))
        )

    def applied_to(self, response: Response) -> Response:
        """Return what is answered instead of *response*."""
        return evolve(
            self._replaced(response),
            headers=self._headers(response),
            retry_after=response.retry_after if self.retry_after is None else self.retry_after,
        )

    @property
    def cut_at(self) -> int | None:
        """The first byte of the body that is not sent any more."""
        cuts = [self.close_at, self.end_at, self.reset_at]
        return min((cut for cut in cuts if isinstance(cut, int)), default=None)

    def _replaced(self, response: Response) -> Response:
        if self.redirect is not None:
            return Response(status=self.status or 302, page=b"")
        if self.html:
            status = self.status or 200
            return Response(status=status, page=_page(status))
        if self.status is not None:
            return failure(self.status, *self._errors(self.status))
        if self.fail_at_end:
            return evolve(response, success=False, errors=self._errors(500), cache_key=None)
        return response

    def _errors(self, status: int) -> tuple[ApiError, ...]:
        message = _phrase(status)
        codes = self.error_codes or (_CODES.get(status),)
        return tuple(ApiError(message, code) for code in codes)

    def _headers(self, response: Response) -> tuple[tuple[str, str], ...]:
        added = {} if self.redirect is None else {"Location": self.redirect}
        added.update(self.headers)
        dropped = {name.lower() for name in added}
        if not self.cf_ray:
            dropped.add("cf-ray")
        kept = (field for field in response.headers if field[0].lower() not in dropped)
        return (*kept, *added.items())


@define
class _Entry:
    fault: Fault
    left: int | None


class Faults:
    """The faults still to come, each for as many requests as it says."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, *faults: Fault) -> None:
        """Script *faults*; a request meets the earliest added one that matches it."""
        self._entries.extend(_Entry(fault, fault.times) for fault in faults)

    def clear(self) -> None:
        """Behave from now on."""
        self._entries.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults that have not been used up."""
        return tuple(entry.fault for entry in self._entries)

    def take(self, facts: RequestFacts) -> Fault | None:
        """Use the first fault that matches a request, if there is any."""
        for entry in self._entries:
            if entry.fault.matches(facts):
                if entry.left is not None:
                    entry.left -= 1
                    if entry.left <= 0:
                        self._entries.remove(entry)
                return entry.fault
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"


def _page(status: int) -> bytes:
    phrase = _phrase(status)
    return (
        f"<!DOCTYPE html><html><head><title>{status}: {phrase}</title></head>"
        f"<body><h1>{phrase}</h1><p>“cloudflare” — {{}}]</p></body></html>"
    ).encode()
