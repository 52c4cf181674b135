"""What is asked, and a request about one account or organization, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from types import TracebackType
from typing import Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote_plus

import attrs
import msgspec

from cfbilling.chunk import DateChunk
from cfbilling.errors import BillingError, ConfigurationError
from cfbilling.filters import GroupBy, UsageFilter
from cfbilling.protocol.endpoints import (
    ORGANIZATION_USAGE,
    PAYGO_USAGE,
    PAYGO_USAGE_BETA,
    USAGE,
    USAGE_QUERY,
    Endpoint,
    Parameter,
)
from cfbilling.records import Record

__all__ = [
    "SOURCES",
    "Query",
    "Request",
    "RequestFacts",
    "Source",
    "about",
    "charge_query",
    "checked_groups",
]

_LONGEST_TEXT = 128
_MOST_GROUPS = 2
# Usage alone has none, and pay-as-you-go one of four.
_WITHOUT_COSTS = frozenset(
    endpoint.name for endpoint in (USAGE, ORGANIZATION_USAGE, PAYGO_USAGE, PAYGO_USAGE_BETA)
)
_SCOPE_ID = re.compile(r"[0-9a-f]{32}")

R_co = TypeVar("R_co", bound=Record, covariant=True)


Source = Literal["auto", "v2", "v1"]
"""Which version of the API costs are taken from."""

SOURCES: tuple[Source, ...] = ("v2", "v1")


class RequestFacts(TypedDict):
    """What errors and events tell of a request."""

    endpoint: str
    scope_id: str | None
    chunk: DateChunk | None


@attrs.frozen(eq=False)
class Query(Generic[R_co]):
    """What is asked, of whichever account or organization.

    Attributes:
        endpoint: The row of the endpoint table.
        chunk: The date range asked for; ``None`` leaves it to the service.
        metric: The one metric asked for; ``None`` asks for all.
        status: The one status of items asked for; ``None`` asks for all.
        cost: Whether costs are asked for beside usage.
        filter_by: What the usage has to be about.
        group_by: What the records are split by, at most two.
        source: The version of the API that costs are taken from.

    Raises:
        ConfigurationError: If a parameter is none that the endpoint takes, or cannot be right.
    """

    endpoint: Endpoint[R_co]
    chunk: DateChunk | None = None
    metric: str | None = None
    status: str | None = None
    cost: bool = False
    filter_by: UsageFilter | None = None
    group_by: tuple[GroupBy, ...] = ()
    source: Source = "auto"

    def __attrs_post_init__(self) -> None:
        texts: dict[Parameter, object] = {"metric": self.metric, "status": self.status}
        for name, text in texts.items():
            if text is not None:
                self._check_taken(name)
                _check_text(name, text)
        if not isinstance(self.cost, bool):
            raise ConfigurationError("cost must be True or False")
        if self.cost:
            self._check_taken("cost")
        if self.filter_by is not None:
            self._check_taken("filter_by")
            if not isinstance(self.filter_by, UsageFilter):
                raise ConfigurationError("filter_by must be a UsageFilter")
        object.__setattr__(self, "group_by", checked_groups(self.group_by))
        if self.group_by:
            self._check_taken("group_by")
        if self.source not in ("auto", *SOURCES):
            raise ConfigurationError(f"source must be 'auto', 'v2' or 'v1'{_why_not(self.source)}")
        if self.source != "auto" and not self.endpoint.sources:
            told = f"the endpoint {self.endpoint.name} takes no source"
            raise ConfigurationError(f"{told}{_why_not(self.endpoint.name)}")

    def _check_taken(self, name: Parameter) -> None:
        if name not in self.endpoint.parameters:
            why = _why_not(self.endpoint.name) if name == "cost" else ""
            raise ConfigurationError(f"the endpoint {self.endpoint.name} takes no {name}{why}")

    def about(self, scope_id: object) -> Request[R_co]:
        """Return the request about one account or organization, whose id may be anything yet.

        Raises:
            ConfigurationError: If the id is not 32 lower-case hexadecimal digits.
        """
        name = self.endpoint.scope
        if name is None:
            return Request(self.endpoint, None, self.chunk, self)
        if not isinstance(scope_id, str) or _SCOPE_ID.fullmatch(scope_id) is None:
            raise ConfigurationError(f"{name} must be 32 lower-case hexadecimal digits")
        # A plain one, whatever a subclass makes of itself.
        return Request(self.endpoint, str.__str__(scope_id), self.chunk, self)


def charge_query(
    endpoint: Endpoint[Any],
    chunk: DateChunk | None,
    *,
    metric: str | None = None,
    cost: bool = False,
    filter_by: UsageFilter | None = None,
    group_by: Iterable[GroupBy] = (),
    source: Source = "auto",
) -> Query[Any]:
    """Return the query for the charges of a range: of usage, what the GET lacks is the POST's.

    Raises:
        ConfigurationError: If a parameter is none that the endpoint takes, or cannot be right.
    """
    groups = checked_groups(group_by)
    is_query = cost is not False or filter_by is not None or bool(groups)
    if endpoint is USAGE and is_query:
        if metric is not None:
            raise ConfigurationError("metric goes with neither cost, filter_by nor group_by")
        endpoint = USAGE_QUERY
    return Query(endpoint, chunk, metric, None, cost, filter_by, groups, source)


@attrs.frozen(eq=False)
class Request(Generic[R_co]):
    """One request, before it is signed; made by `Query.about`, which checks the id.

    Attributes:
        endpoint: The row of the endpoint table.
        scope_id: The account or organization asked about; ``None`` where the credential says it.
        chunk: The date range that its records are kept of; ``None`` leaves it to the service.
        query: What is asked beside that.
        dates: ``from`` and ``to`` as they are written, if not those of the chunk.
        page: The number of the page, if the endpoint answers in pages.
    """

    endpoint: Endpoint[R_co]
    scope_id: str | None
    chunk: DateChunk | None
    query: Query[R_co]
    dates: tuple[date, date] | None = None
    page: int | None = None

    def over(self, chunk: DateChunk, dates: tuple[date, date] | None = None) -> Request[R_co]:
        """Return the same request for another date range, however that is written."""
        return Request(self.endpoint, self.scope_id, chunk, self.query, dates)

    def at_page(self, page: int) -> Request[R_co]:
        """Return the same request for another page."""
        return Request(self.endpoint, self.scope_id, self.chunk, self.query, None, page)

    @property
    def facts(self) -> RequestFacts:
        """What errors and events tell of it."""
        return {"endpoint": self.endpoint.name, "scope_id": self.scope_id, "chunk": self.chunk}

    @property
    def _dates(self) -> tuple[date, date] | None:
        chunk = self.chunk
        if self.dates is not None or chunk is None:
            return self.dates
        return chunk.first_day, chunk.day_after

    @property
    def target(self) -> str:
        """The path and query below the base URL."""
        endpoint, query = self.endpoint, self.query
        path = endpoint.path
        if self.scope_id is not None:
            path = path.replace(f"{{{endpoint.scope}}}", self.scope_id)
        if endpoint.method == "POST":
            return path
        told: list[str] = []
        if (dates := self._dates) is not None:
            told.append(f"from={dates[0]}&to={dates[1]}")
        if query.metric is not None:
            told.append(f"metric={quote_plus(query.metric)}")
        if query.status is not None:
            told.append(f"status={quote_plus(query.status)}")
        if self.page is not None:
            told.append(f"page={self.page}&per_page={endpoint.per_page}")
        return f"{path}?{'&'.join(told)}" if told else path

    @property
    def body(self) -> bytes | None:
        """The JSON that is sent, if anything is."""
        if self.endpoint.method == "GET":
            return None
        query, body = self.query, dict[str, object]()
        if (dates := self._dates) is not None:
            body["TimePeriod"] = {"From": f"{dates[0]}T00:00:00Z", "To": f"{dates[1]}T00:00:00Z"}
        if query.filter_by is not None and (filters := query.filter_by.to_wire()):
            body["FilterBy"] = filters
        if query.group_by:
            body["GroupBy"] = [group.to_wire() for group in query.group_by]
        if query.cost:
            body["Metric"] = "cost"
        return msgspec.json.encode(body)


def _why_not(name: object) -> str:
    """Say why no FOCUS rows can be made of what an endpoint answers, if that is so."""
    if not isinstance(name, str) or name not in _WITHOUT_COSTS:
        return ""
    return f": {name} does not tell the costs that FOCUS is about; those are of costs()"


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT:
        raise ConfigurationError(f"{name} must be 1 to {_LONGEST_TEXT} characters of text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} has a character that is not Unicode text") from None


def checked_groups(given: object) -> tuple[GroupBy, ...]:
    """Return what records are to be split by.

    Raises:
        ConfigurationError: If it is no sequence of at most two of them.
    """
    if type(given) is tuple and not given:
        return given
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError("group_by must be a sequence of GroupBy")
    groups = tuple(given)
    if not all(isinstance(group, GroupBy) for group in groups):
        raise ConfigurationError("group_by must be a sequence of GroupBy")
    if len(groups) > _MOST_GROUPS or len(set(groups)) < len(groups):
        raise ConfigurationError(f"group_by must be at most {_MOST_GROUPS}, each once")
    return groups


class about:  # noqa: N801 - reads as a preposition: with about(request): ...
    """Adds to each error of ours which request it is about, and which response.

    The one place where errors learn that; what raises them need not know.

    Args:
        request: The request.
        status: The status of its response, if there was one.
        ray_id: The ``cf-ray`` header of its response, if there was one.
    """

    __slots__ = ("_ray_id", "_request", "_status")

    def __init__(
        self, request: Request[Record], status: int | None = None, ray_id: str | None = None
    ) -> None:
        self._request = request
        self._status = status
        self._ray_id = ray_id

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, BillingError):
            error.during(**self._request.facts)
            if self._status is not None:
                error.answered(self._status, self._ray_id)
