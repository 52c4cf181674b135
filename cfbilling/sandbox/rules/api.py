"""The vendor's rules: what a request is answered if nothing goes wrong."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from attrs import evolve, frozen

from cfbilling.sandbox.data.json_text import Whitespace, json_text
from cfbilling.sandbox.data.template import Row
from cfbilling.sandbox.rules.access import Access, Refusal
from cfbilling.sandbox.rules.endpoints import Target, target_of
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.ranges import InvalidQueryError, RangeRules, metric_of
from cfbilling.sandbox.rules.rate_limits import RateLimits
from cfbilling.sandbox.rules.requests import Request, RequestFacts
from cfbilling.sandbox.rules.responses import Response, failure
from cfbilling.sandbox.rules.results import Results

__all__ = ["Api", "Outcome"]

_PROFILE_DOCS = "https://developers.cloudflare.com/api/resources/billing/subresources/profiles/"


@frozen
class Outcome:
    """What a request comes to if nothing goes wrong.

    Attributes:
        facts: The request, with the status of the response.
        response: The response.
        locked_out: Whether the credential is locked out.
    """

    facts: RequestFacts
    response: Response
    locked_out: bool


@frozen(kw_only=True)
class Api:
    """All rules in their order; knows nothing of connections.

    Attributes:
        access: Credentials and refused scopes.
        limits: Rate limits of each credential.
        ranges: Rules of date ranges.
        results: Results of every endpoint.
        whitespace: Whitespace of JSON.
        today: Function that returns the current day in UTC.
        monotonic: Function that returns the current monotonic time.
    """

    access: Access
    limits: RateLimits
    ranges: RangeRules
    results: Results
    whitespace: Whitespace
    today: Callable[[], date]
    monotonic: Callable[[], float]

    def answer(self, request: Request) -> Outcome:
        """Decide what *request* is answered, and count it."""
        target = target_of(request.path)
        identified = self.access.authenticate(request.headers)
        credential = None if isinstance(identified, Refusal) else identified
        allowance = self.limits.spend(credential)
        if allowance.locked_out:
            response = failure(429, ApiError("Rate limited. Please wait.", 10040))
        else:
            response = _documented(self._answer(request, target, identified), target)
        response = evolve(
            response,
            headers=(*response.headers, *allowance.headers),
            retry_after=allowance.retry_after,
        )
        facts = RequestFacts(
            method=request.method,
            path=request.path,
            endpoint=target.endpoint if target else None,
            scope_id=target.scope_id if target else None,
            query=request.query,
            headers=request.headers,
            credential=credential,
            received=self.monotonic(),
            status=response.status,
        )
        return Outcome(facts, response, allowance.locked_out)

    def uncounted(self, request: Request) -> Response:
        """Return what *request* is answered within every limit, and count nothing."""
        target = target_of(request.path)
        identified = self.access.authenticate(request.headers)
        return _documented(self._answer(request, target, identified), target)

    def _answer(
        self, request: Request, target: Target | None, identified: str | Refusal
    ) -> Response:
        if isinstance(identified, Refusal):
            return failure(identified.status, identified.error)
        if target is None:
            return failure(404, ApiError(f"No route for that URI: {request.path}", 7003))
        if request.method != "GET":
            message = f"Method {request.method} not available for that URI"
            return failure(405, ApiError(message, 7001), headers=(("Allow", "GET"),))
        return self._served(request, target)

    def _served(self, request: Request, target: Target) -> Response:
        if refusal := self.access.refusal(target):
            return failure(refusal.status, refusal.error)
        members = self.results.members(target)
        if members is None:
            return failure(404, ApiError("Could not route to the account: no such id", 7003))
        if target.endpoint == "billing_profile":
            profile = json_text(self.results.profile(members[0]), self.whitespace, 1)
            return Response(result=lambda: profile, cache_key=(target,))
        return self._listed(request, target, members)

    def _listed(self, request: Request, target: Target, members: Sequence[int]) -> Response:
        limited = target.endpoint in ("usage", "organization_usage")
        try:
            days = self.ranges.days_of(request.query, self.today(), limited=limited)
            metric = metric_of(request.query) if limited else None
        except InvalidQueryError as error:
            return failure(400, ApiError(f"Invalid request parameters: {error}", 1183))
        return Response(
            result=lambda: _texts(
                self.results.rows(target.endpoint, members, days.start, days.end, metric)
            ),
            cache_key=(target, days, metric),
        )


def _texts(rows: Iterator[Row | None]) -> Iterator[str | None]:
    return (None if row is None else row.render() for row in rows)


def _documented(response: Response, target: Target | None) -> Response:
    if target is None or target.endpoint != "billing_profile":
        return response
    errors = (evolve(error, documentation_url=_PROFILE_DOCS) for error in response.errors)
    return evolve(response, errors=tuple(errors))
