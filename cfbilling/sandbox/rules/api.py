"""The vendor's rules: what a request is answered if nothing goes wrong."""

from collections.abc import Callable

from attrs import evolve, frozen

from cfbilling.sandbox.rules.access import Access, Refusal
from cfbilling.sandbox.rules.admission import Admission
from cfbilling.sandbox.rules.answers import Answers, Question
from cfbilling.sandbox.rules.endpoints import Target, methods_of, target_of
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.ranges import InvalidQueryError
from cfbilling.sandbox.rules.rate_limits import RateLimits
from cfbilling.sandbox.rules.requests import Request, RequestFacts
from cfbilling.sandbox.rules.responses import Response, failure

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
        admission: Kinds of accounts.
        answers: What is answered to whoever is let in.
        monotonic: Function that returns the current monotonic time.
    """

    access: Access
    limits: RateLimits
    admission: Admission
    answers: Answers
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
            body=request.body or b"",
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
        if target is None or not self.admission.routes(target):
            return failure(404, ApiError(f"No route for that URI: {request.path}", 7003))
        methods = methods_of(target.endpoint)
        if request.method not in methods:
            message = f"Method {request.method} not available for that URI"
            allowed = ("Allow", ", ".join(methods))
            return failure(405, ApiError(message, 7001), headers=(allowed,))
        if request.body is None:
            return failure(413, ApiError("The body of the request is too long"))
        return self._served(request, target, identified)

    def _served(self, request: Request, target: Target, credential: str) -> Response:
        refusal = self.access.refusal(target, credential) or self.admission.refusal(target)
        if refusal is not None:
            return failure(refusal.status, refusal.error)
        members = self.answers.results.members(target)
        if members is None:
            return failure(404, ApiError("Could not route to the account: no such id", 7003))
        try:
            return self.answers.to(Question(request, target, members))
        except InvalidQueryError as error:
            return failure(400, ApiError(f"Invalid request parameters: {error}", 1183))


def _documented(response: Response, target: Target | None) -> Response:
    if target is None or target.endpoint != "billing_profile":
        return response
    errors = (evolve(error, documentation_url=_PROFILE_DOCS) for error in response.errors)
    return evolve(response, errors=tuple(errors))
