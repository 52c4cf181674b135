"""A request, and what the sandbox remembers of it."""

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from cfbilling.sandbox.rules.endpoints import Endpoint

__all__ = ["Headers", "Request", "RequestFacts"]

_SECRET = frozenset({"authorization", "x-auth-email", "x-auth-key", "cookie"})


class Headers(Mapping[str, str]):
    """Header fields of a request; names in any case, secrets not in the repr."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        shown = {name: "***" if name in _SECRET else value for name, value in self._fields.items()}
        return f"Headers({shown})"


@frozen
class Request:
    """One HTTP request.

    Attributes:
        method: HTTP method.
        path: Decoded path.
        query: Decoded query parameters.
        headers: Header fields.
        keep_alive: Whether the client wants to use the connection again.
        body: Its body; None for one that is too long to be kept.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    keep_alive: bool
    body: bytes | None = b""


@frozen
class RequestFacts:
    """One request that the sandbox received.

    Attributes:
        method: HTTP method.
        path: Path with the base path, without the query.
        endpoint: Endpoint of the path; None for an unknown route.
        scope_id: Id of the account or organization in the path; None if there is none.
        query: Decoded query parameters.
        headers: Header fields.
        credential: Name of the credential, as "token-0" or "key"; None without a valid one.
        received: Monotonic time of the sandbox's clock.
        status: Status of the response; None if the connection was reset before the status was sent.
        body: Body of the request; empty if it was too long to be read.
    """

    method: str
    path: str
    endpoint: Endpoint | None
    scope_id: str | None
    query: Mapping[str, str]
    headers: Headers = field(converter=Headers)
    credential: str | None
    received: float
    status: int | None
    body: bytes = b""
