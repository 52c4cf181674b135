"""The two ways to sign a request, as two types that cannot be mixed.

Vendor's document: https://developers.cloudflare.com/fundamentals/api/get-started/
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from cfbilling.errors import ConfigurationError

__all__ = ["ApiKey", "ApiToken", "Credentials", "credentials_from_env"]


def _header_value(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    text = value.strip()
    if not text:
        raise ConfigurationError(f"{name} is empty")
    if not (text.isascii() and text.isprintable()) or " " in text:
        # The value itself stays out of the message: it is a secret.
        raise ConfigurationError(f"{name} has a character that no such credential has")
    return text


def _token(value: str) -> str:
    return _header_value("token", value)


def _email(value: str) -> str:
    return _header_value("email", value)


def _key(value: str) -> str:
    return _header_value("key", value)


# The hash is kept: each request looks its lane up by its credential.
@attrs.frozen(cache_hash=True)
class ApiToken:
    """An API token, sent as ``Authorization: Bearer``; it needs *Billing Read*.

    Surrounding white space is dropped. The token is in no ``repr``, log or error.

    Raises:
        ConfigurationError: For a token that is empty or cannot stand in a header.
    """

    token: str = attrs.field(repr=False, converter=_token)

    def headers(self) -> dict[str, str]:
        """Return the headers that sign a request."""
        return {"Authorization": f"Bearer {self.token}"}


# The hash is kept: each request looks its lane up by its credential.
@attrs.frozen(cache_hash=True)
class ApiKey:
    """An e-mail address with the account's global API key (the legacy scheme).

    Surrounding white space is dropped. Neither of the two is in any ``repr``, log or error.

    Raises:
        ConfigurationError: For a value that is empty or cannot stand in a header.
    """

    email: str = attrs.field(repr=False, converter=_email)
    key: str = attrs.field(repr=False, converter=_key)

    def headers(self) -> dict[str, str]:
        """Return the headers that sign a request."""
        return {"X-Auth-Email": self.email, "X-Auth-Key": self.key}


Credentials = ApiToken | ApiKey


def credentials_from_env(environ: Mapping[str, str] | None = None) -> Credentials:
    """Read credentials from the variables that the vendor's own tools use.

    ``CLOUDFLARE_API_TOKEN`` wins; else ``CLOUDFLARE_EMAIL`` with ``CLOUDFLARE_API_KEY``. A
    variable that is empty or only white space counts as not set.

    Args:
        environ: The variables; by default the environment of this process.

    Raises:
        ConfigurationError: If nothing is set, or only half of the pair; it names the variables.
    """
    found = os.environ if environ is None else environ
    token, email, key = (
        found.get(name, "").strip()
        for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY")
    )
    if token:
        return ApiToken(token)
    if email and key:
        return ApiKey(email, key)
    if email or key:
        have, lack = ("EMAIL", "API_KEY") if email else ("API_KEY", "EMAIL")
        raise ConfigurationError(
            f"CLOUDFLARE_{have} is set, but CLOUDFLARE_{lack} is not: set both, "
            "or CLOUDFLARE_API_TOKEN alone"
        )
    raise ConfigurationError(
        "no credentials: set CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL with CLOUDFLARE_API_KEY"
    )
