"""What each endpoint answers to whoever is let in."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

from attrs import evolve, frozen

from cfbilling.sandbox.data.json_text import Json, Whitespace, json_text
from cfbilling.sandbox.data.subscriptions import Subscription
from cfbilling.sandbox.data.template import RECORD_DEPTH, Row, WireRecord
from cfbilling.sandbox.rules.anchored_ranges import AnchoredRanges
from cfbilling.sandbox.rules.endpoints import Endpoint, Target
from cfbilling.sandbox.rules.paging import Page, PageRules
from cfbilling.sandbox.rules.ranges import RangeRules, metric_of
from cfbilling.sandbox.rules.requests import Request
from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.rules.results import Results
from cfbilling.sandbox.rules.usage_queries import UsageQueryRules

__all__ = ["Answers", "Question"]


@frozen
class Question:
    """One request that is let in.

    Attributes:
        request: The request.
        target: What its path points at.
        members: The accounts that it concerns.
    """

    request: Request
    target: Target
    members: Sequence[int]


_HISTORY_PAGES = PageRules(least=1, most=50)
_ACCOUNT_PAGES = PageRules(least=5, most=50)

_Answer: TypeAlias = Callable[["Answers", Question], Response]


@frozen(kw_only=True)
class Answers:
    """The answer of every endpoint.

    Attributes:
        ranges: Rules of date ranges.
        anchored: Rules of date ranges of billable usage (version 1).
        queries: Rules of queries of usage.
        results: Results of every endpoint.
        result_info: Whether the envelope of a page tells which page it is.
        whitespace: Whitespace of JSON.
        today: Function that returns the current day in UTC.
    """

    ranges: RangeRules
    anchored: AnchoredRanges
    queries: UsageQueryRules
    results: Results
    result_info: bool
    whitespace: Whitespace
    today: Callable[[], date]

    def to(self, question: Question) -> Response:
        """Return the answer to *question*.

        Raises:
            InvalidQueryError: The vendor would refuse the query.
        """
        if question.request.method == "POST":
            return self.queried(question)
        return _ANSWERS[question.target.endpoint](self, question)

    def listed(self, question: Question) -> Response:
        """Return the records of usage or paygo."""
        target, members = question.target, question.members
        limited = target.endpoint in ("usage", "organization_usage")
        query = question.request.query
        days = self.ranges.days_of(query, self.today(), limited=limited)
        metric = metric_of(query) if limited else None
        return Response(
            result=lambda: _texts(
                self.results.rows(target.endpoint, members, days.start, days.end, metric)
            ),
            cache_key=(target, days, metric, self.results.restatements.version),
        )

    def queried(self, question: Question) -> Response:
        """Return the usage that a query selects."""
        (account,) = question.members
        days, selection = self.queries.read(question.request.body or b"", self.today())
        return Response(
            result=lambda: self._written(
                self.results.queries.records(account, days.start, days.end, selection)
            ),
            cache_key=(question.target, days, selection, self.results.restatements.version),
        )

    def profile(self, question: Question) -> Response:
        """Return a billing profile."""
        profile = json_text(self.results.profile(question.members[0]), self.whitespace, 1)
        return Response(result=lambda: profile, cache_key=(question.target,))

    def billable(self, question: Question) -> Response:
        """Return the records of billable usage (version 1)."""
        (account,) = question.members
        subscriptions = self.results.subscriptions
        spans = self.anchored.spans(question.request.query, subscriptions.of(account), self.today())
        if not subscriptions.covers(account):
            spans = ()
        return Response(
            result=lambda: _texts(self.results.billable.rows(account, spans)),
            cache_key=(question.target, spans, self.results.restatements.version),
        )

    def cycles(self, question: Question) -> Response:
        """Return the billing subscriptions of an account."""
        (account,) = question.members
        covered = self.results.subscriptions.covers(account)
        subscriptions = self.results.subscriptions.of(account) if covered else ()
        return self._whole(
            {"covered": covered, "subscriptions": [_described(each) for each in subscriptions]}
        )

    def metrics(self, question: Question) -> Response:
        """Return the billable metrics of an account."""
        self.ranges.days_of(question.request.query, self.today(), limited=True)
        return self._array(self.results.metrics(question.members[0]))

    def history(self, question: Question) -> Response:
        """Return one page of the billing history of an account."""
        query = question.request.query
        page = _HISTORY_PAGES.page_of(query)
        items = self.results.histories.of(question.members[0], query.get("status") or None)
        return self._paged(page.of(items), page, len(items))

    def credits(self, question: Question) -> Response:
        """Return the billing credits of an account."""
        return self._whole(self.results.credits(question.members[0]))

    def fees(self, question: Question) -> Response:
        """Return the subscriptions with a fixed fee of an account."""
        return self._array(self.results.fees.of(question.members[0]))

    def accounts(self, question: Question) -> Response:
        """Return one page of all accounts."""
        page = _ACCOUNT_PAGES.page_of(question.request.query)
        described = [self.results.described(account) for account in page.of(question.members)]
        return self._paged(described, page, len(question.members))

    def _paged(self, records: Sequence[WireRecord], page: Page, total: int) -> Response:
        info = page.info(total) if self.result_info else None
        return evolve(self._array(records), result_info=info)

    def _array(self, records: Iterable[WireRecord]) -> Response:
        return Response(result=lambda: self._written(records))

    def _written(self, records: Iterable[WireRecord | None]) -> Iterator[str | None]:
        return (
            None if record is None else json_text(record, self.whitespace, RECORD_DEPTH)
            for record in records
        )

    def _whole(self, value: Json) -> Response:
        text = json_text(value, self.whitespace, 1)
        return Response(result=lambda: text)


_ANSWERS: Mapping[Endpoint, _Answer] = {
    "usage": Answers.listed,
    "organization_usage": Answers.listed,
    "paygo_usage": Answers.listed,
    "paygo_usage_beta": Answers.listed,
    "billing_profile": Answers.profile,
    "billable_usage": Answers.billable,
    "billing_cycles": Answers.cycles,
    "billable_metrics": Answers.metrics,
    "billing_history": Answers.history,
    "billing_credits": Answers.credits,
    "subscriptions": Answers.fees,
    "accounts": Answers.accounts,
}


def _texts(rows: Iterator[Row | None]) -> Iterator[str | None]:
    return (None if row is None else row.render() for row in rows)


def _described(subscription: Subscription) -> Mapping[str, Json]:
    described: dict[str, Json] = {
        "id": subscription.id,
        "billing_cycle_anchor_timestamp": _moment(subscription.anchor),
        "start_timestamp": _moment(subscription.start),
    }
    if subscription.end is not None:
        described["end_timestamp"] = _moment(subscription.end)
    return described


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
