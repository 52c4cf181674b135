"""What is asked, and a request about one account or organization, as values."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Generic, TypedDict, TypeVar
from urllib.parse import quote_plus

import attrs

from cfbilling.chunk import DateChunk
from cfbilling.errors import BillingError, ConfigurationError
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.records import Record

__all__ = ["Query", "Request", "RequestFacts", "about"]

_LONGEST_METRIC = 128
_SCOPE_ID = re.compile(r"[0-9a-f]{32}")

R_co = TypeVar("R_co", bound=Record, covariant=True)


class RequestFacts(TypedDict):
    """What errors and events tell of a request."""

    endpoint: str
    scope_id: str
    chunk: DateChunk | None


@attrs.frozen(eq=False)
class Query(Generic[R_co]):
    """What is asked, of whichever account or organization.

    Attributes:
        endpoint: The row of the endpoint table.
        chunk: The date range asked for; ``None`` leaves it to the service.
        metric: The one metric asked for; ``None`` asks for all.

    Raises:
        ConfigurationError: If the metric is empty, longer than 128 characters, not text, or not
            taken by the endpoint.
    """

    endpoint: Endpoint[R_co]
    chunk: DateChunk | None = None
    metric: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.metric is not None:
            _check_metric(self.endpoint, self.metric)

    def about(self, scope_id: object) -> Request[R_co]:
        """Return the request about one account or organization, whose id may be anything yet.

        Raises:
            ConfigurationError: If the id is not 32 lower-case hexadecimal digits.
        """
        if not isinstance(scope_id, str) or _SCOPE_ID.fullmatch(scope_id) is None:
            name = self.endpoint.scope
            raise ConfigurationError(f"{name} must be 32 lower-case hexadecimal digits")
        return Request(self.endpoint, scope_id, self.chunk, self.metric)


@attrs.frozen(eq=False)
class Request(Generic[R_co]):
    """One GET request, before it is signed; made by `Query.about`, which checks the id.

    Attributes:
        endpoint: The row of the endpoint table.
        scope_id: The account or organization asked about.
        chunk: The date range asked for; ``None`` leaves it to the service.
        metric: The one metric asked for; ``None`` asks for all.
    """

    endpoint: Endpoint[R_co]
    scope_id: str
    chunk: DateChunk | None = None
    metric: str | None = None

    def over(self, chunk: DateChunk) -> Request[R_co]:
        """Return the same request for another date range."""
        return Request(self.endpoint, self.scope_id, chunk, self.metric)

    @property
    def facts(self) -> RequestFacts:
        """What errors and events tell of it."""
        return {"endpoint": self.endpoint.name, "scope_id": self.scope_id, "chunk": self.chunk}

    @property
    def target(self) -> str:
        """The path and query below the base URL."""
        path = self.endpoint.path.format_map({self.endpoint.scope: self.scope_id})
        query: list[str] = []
        if self.chunk is not None:
            query += [f"from={self.chunk.first_day}", f"to={self.chunk.day_after}"]
        if self.metric is not None:
            query.append(f"metric={quote_plus(self.metric)}")
        return f"{path}?{'&'.join(query)}" if query else path


def _check_metric(endpoint: Endpoint[Record], metric: object) -> None:
    if not endpoint.filters_metric:
        raise ConfigurationError(f"the endpoint {endpoint.name} takes no metric")
    if not isinstance(metric, str) or not 0 < len(metric) <= _LONGEST_METRIC:
        raise ConfigurationError(f"metric must be 1 to {_LONGEST_METRIC} characters of text")
    try:
        metric.encode()
    except UnicodeEncodeError:
        raise ConfigurationError("metric has a character that is not Unicode text") from None


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
