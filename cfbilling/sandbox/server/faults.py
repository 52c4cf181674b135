"""Scripted misbehaviour: which requests go wrong, and how."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal

from attrs import Factory, define, evolve, field, frozen

from cfbilling.sandbox.rules.answers import Answer, failure
from cfbilling.sandbox.rules.endpoints import Endpoint
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.facts import RequestFacts

ResetPoint = Literal["before_headers", "inside_headers", "after_headers"]

_CODES: Mapping[int, int] = {400: 1183, 401: 10000, 404: 7003, 429: 10040}


@frozen(kw_only=True)
class Fault:
    """One way in which an answer goes wrong; the attributes may be combined.

    Bytes are counted in the encoded body, that is after compression and before chunking. A place
    beyond the end of the body changes nothing.

    Attributes:
        times: How many requests it hits; None for all of them.
        endpoint: Only requests of this endpoint.
        scope_id: Only requests of this account or organization.
        query: Only requests with at least these query parameters.
        when: Only requests of which this is true; their status is the one they would have got.
        status: Answer this status, with an envelope that reports failure.
        error_codes: Codes in that envelope; by default the vendor's usual one, if there is any.
        retry_after: Seconds or an HTTP date for the ``Retry-After`` field.
        html: Answer an HTML page, with *status* or 200.
        redirect: Answer 302 to this URL.
        headers: More header fields, or others in place of the usual ones.
        cf_ray: Whether the answer carries a ``cf-ray``.
        fail_at_end: Send the whole result, and then ``success: false`` with *error_codes*.
        reset_at: Reset the connection at this point, or after so many bytes of the body.
        close_at: Close the connection after so many bytes, leaving the body unfinished.
        end_at: End the body after so many bytes as if it were complete.
        corrupt_at: Invert the byte at this place.
        delay: Seconds of the sandbox's clock to wait.
        until: Event to wait for.
        hold_at: Do that waiting after so many bytes of the body; None for before the headers.
        trickle: Send so many bytes at a time.
        trickle_delay: Seconds of the sandbox's clock to wait after each of them.
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
    delay: float = 0
    until: asyncio.Event | None = None
    hold_at: int | None = None
    trickle: int | None = None
    trickle_delay: float = 0

    def matches(self, facts: RequestFacts) -> bool:
        """Tell whether a request is one of those that this fault is meant for."""
        return (
            self.endpoint in (None, facts.endpoint)
            and self.scope_id in (None, facts.scope_id)
            and self.query.items() <= facts.query.items()
            and (self.when is None or self.when(facts))
        )

    def disguise(self, answer: Answer) -> Answer:
        """Return what is answered instead of the honest *answer*."""
        return evolve(self._replaced(answer), headers=self._headers(answer))

    @property
    def cut_at(self) -> int | None:
        """The first byte of the body that is not sent any more."""
        cuts = [self.close_at, self.end_at, self.reset_at]
        return min((cut for cut in cuts if isinstance(cut, int)), default=None)

    def _replaced(self, answer: Answer) -> Answer:
        if self.redirect is not None:
            return Answer(status=self.status or 302, page=b"")
        if self.html:
            status = self.status or 200
            return Answer(status=status, page=_page(status))
        if self.status is not None:
            return failure(self.status, *self._errors(self.status))
        if self.fail_at_end:
            return evolve(answer, success=False, errors=self._errors(500), cache_key=None)
        return answer

    def _errors(self, status: int) -> tuple[ApiError, ...]:
        message = _phrase(status)
        codes = self.error_codes or (_CODES.get(status),)
        return tuple(ApiError(message, code) for code in codes)

    def _headers(self, answer: Answer) -> tuple[tuple[str, str], ...]:
        fields = dict(answer.headers)
        if self.redirect is not None:
            fields["Location"] = self.redirect
        if self.retry_after is not None:
            fields["Retry-After"] = str(self.retry_after)
        if not self.cf_ray:
            fields.pop("cf-ray", None)
        return tuple((fields | dict(self.headers)).items())


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
