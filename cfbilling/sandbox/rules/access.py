"""Access: credentials, and the scopes that are refused to them."""

import re

from attrs import frozen

from cfbilling.sandbox.data.identities import Identities
from cfbilling.sandbox.rules.endpoints import Endpoint, Target
from cfbilling.sandbox.rules.envelope import ApiError
from cfbilling.sandbox.rules.requests import Headers

__all__ = ["Access", "Refusal"]

_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_CODES = {404: 7003}


@frozen
class Refusal:
    """Why a request is not served.

    Attributes:
        status: HTTP status.
        error: The error in the envelope.
    """

    status: int
    error: ApiError


class Access:
    """Checks credentials, and remembers what is refused to whom."""

    def __init__(self, identities: Identities, tokens: int) -> None:
        self._tokens = {identities.api_token(index): f"token-{index}" for index in range(tokens)}
        self._legacy = (identities.email, identities.api_key)
        self._refused: dict[tuple[str | None, Endpoint | None], Refusal] = {}
        self._forbidden: set[str] = set()

    @property
    def api_tokens(self) -> list[str]:
        """Every valid API token."""
        return list(self._tokens)

    def credential(self, secret: str) -> str:
        """Return the name of the credential with this token or key.

        Raises:
            KeyError: There is none.
        """
        return "key" if secret == self._legacy[1] else self._tokens[secret]

    def authenticate(self, headers: Headers) -> str | Refusal:
        """Return the name of the credential that was used, or why it is no good."""
        legacy = headers.get("x-auth-email"), headers.get("x-auth-key")
        authorization = headers.get("authorization")
        if authorization is not None and legacy != (None, None):
            return Refusal(401, ApiError("More than one authentication scheme", 10000))
        if authorization is not None:
            bearer = _BEARER.fullmatch(authorization)
            name = self._tokens.get(bearer[1]) if bearer else None
            return name or Refusal(403, ApiError("Invalid access token", 9109))
        if legacy == self._legacy:
            return "key"
        return Refusal(401, ApiError("Authentication error", 10000))

    def refuse(self, scope_id: str, endpoint: Endpoint | None, status: int) -> None:
        """Refuse a scope at one endpoint, or at every endpoint if it is None."""
        error = ApiError("Not found or no access", _CODES.get(status))
        self._refused[scope_id, endpoint] = Refusal(status, error)

    def allow(self, scope_id: str, endpoint: Endpoint | None) -> None:
        """Take back a refusal; None takes back every refusal of the scope."""
        for refused in list(self._refused):
            if refused[0] == scope_id and endpoint in (None, refused[1]):
                del self._refused[refused]

    def forbid_billing(self, credential: str) -> None:
        """Take the permission to read billing data from a credential."""
        self._forbidden.add(credential)

    def permit_billing(self, credential: str) -> None:
        """Give a credential the permission to read billing data, which it has from the start."""
        self._forbidden.discard(credential)

    def refusal(self, target: Target, credential: str) -> Refusal | None:
        """Return why *target* is not served to a credential, or None if it is."""
        if credential in self._forbidden and target.endpoint != "accounts":
            return Refusal(403, ApiError("Authentication error", 10000))
        return self._refused.get((target.scope_id, target.endpoint)) or self._refused.get(
            (target.scope_id, None)
        )
