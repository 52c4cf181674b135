"""The vendor's rules: what a request is answered if nothing goes wrong."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from attrs import evolve, frozen

from cfbilling.sandbox.data.rendering import Whitespace, json_text
from cfbilling.sandbox.data.template import Row
from cfbilling.sandbox.rules.access import Access, Denial
from cfbilling.sandbox.rules.answers import Answer, failure
from cfbilling.sandbox.rules.endpoints import Target, target_of
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.facts import RequestFacts
from cfbilling.sandbox.rules.quota import Quotas
from cfbilling.sandbox.rules.ranges import InvalidQueryError, RangeRules, metric_of
from cfbilling.sandbox.rules.records import Records
from cfbilling.sandbox.server.requests import Request

_PROFILE_DOCS = "https://developers.cloudflare.com/api/resources/billing/subresources/profiles/"


@frozen
class Ruling:
    """How a request is to be answered.

    Attributes:
        facts: The request, with the status of the answer.
        answer: The answer.
        locked_out: Whether that is so because the quota is used up.
    """

    facts: RequestFacts
    answer: Answer
    locked_out: bool


@frozen(kw_only=True)
class Api:
    """Rules on requests; knows nothing of connections.

    Attributes:
        access: Who may see what.
        quotas: Who may ask how often; None if nobody counts.
        rules: Which ranges may be asked for.
        records: What there is to see.
        whitespace: How it is written.
        today: The current day in UTC.
        monotonic: When a request is received.
    """

    access: Access
    quotas: Quotas | None
    rules: RangeRules
    records: Records
    whitespace: Whitespace
    today: Callable[[], date]
    monotonic: Callable[[], float]

    def rule(self, request: Request) -> Ruling:
        """Decide what *request* is answered, and count it."""
        target = target_of(request.path)
        identified = self.access.authenticate(request.headers)
        credential = None if isinstance(identified, Denial) else identified
        allowance = None if self.quotas is None else self.quotas.spend(credential)
        locked_out = allowance is not None and allowance.locked_out
        if locked_out:
            answer = failure(429, ApiError("Rate limited. Please wait.", 10040))
        else:
            answer = _documented(self._answer(request, target, identified), target)
        if allowance is not None:
            answer = evolve(answer, headers=(*answer.headers, *allowance.headers()))
        facts = RequestFacts(
            method=request.method,
            path=request.path,
            endpoint=target.endpoint if target else None,
            scope_id=target.scope_id if target else None,
            query=request.query,
            headers=request.headers,
            credential=credential,
            received=self.monotonic(),
            status=answer.status,
        )
        return Ruling(facts, answer, locked_out)

    def _answer(self, request: Request, target: Target | None, identified: str | Denial) -> Answer:
        if isinstance(identified, Denial):
            return failure(identified.status, identified.error)
        if target is None:
            return failure(404, ApiError(f"No route for that URI: {request.path}", 7003))
        if request.method != "GET":
            message = f"Method {request.method} not available for that URI"
            return failure(405, ApiError(message, 7001), headers=(("Allow", "GET"),))
        return self._served(request, target)

    def _served(self, request: Request, target: Target) -> Answer:
        if denial := self.access.refusal(target):
            return failure(denial.status, denial.error)
        members = self.records.members(target)
        if members is None:
            return failure(404, ApiError("Could not route to the account: no such id", 7003))
        if target.endpoint == "billing_profile":
            profile = json_text(self.records.profile(members[0]), self.whitespace, 1)
            return Answer(result=lambda: profile, cache_key=(target,))
        return self._listed(request, target, members)

    def _listed(self, request: Request, target: Target, members: Sequence[int]) -> Answer:
        limited = target.endpoint in ("usage", "organization_usage")
        try:
            days = self.rules.days_of(request.query, self.today(), limited=limited)
            metric = metric_of(request.query) if limited else None
        except InvalidQueryError as error:
            return failure(400, ApiError(f"Invalid request parameters: {error}", 1183))
        return Answer(
            result=lambda: _texts(
                self.records.rows(target.endpoint, members, days.start, days.end, metric)
            ),
            cache_key=(target, days, metric),
        )


def _texts(rows: Iterator[Row | None]) -> Iterator[str | None]:
    return (None if row is None else row.render() for row in rows)


def _documented(answer: Answer, target: Target | None) -> Answer:
    if target is None or target.endpoint != "billing_profile":
        return answer
    errors = (evolve(error, documentation_url=_PROFILE_DOCS) for error in answer.errors)
    return evolve(answer, errors=tuple(errors))
