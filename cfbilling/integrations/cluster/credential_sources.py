"""Where a worker finds the credentials that units name; what travels to it is only this."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

import attrs

from cfbilling.credentials import ApiToken, Credentials, credentials_from_env
from cfbilling.errors import ConfigurationError

__all__ = ["CredentialSource", "FromEnvironment", "FromFolder"]

_LONGEST_FILE = 65536
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")


class CredentialSource(Protocol):
    """Finds credentials on a worker; it has to pickle, and to hold no secret."""

    def find(self, name: str | None) -> Credentials:
        """Return the credential of a name; ``None`` is the default one's.

        Raises:
            ConfigurationError: If there is none; its text holds no secret.
        """
        ...


@attrs.frozen
class FromEnvironment:
    """Credentials in a worker's environment.

    A name is that of the variable with its API token; the default one is `credentials_from_env`.
    """

    def find(self, name: str | None) -> Credentials:
        """Return the credential of a name.

        Raises:
            ConfigurationError: If the variable is not set, or holds no token.
        """
        if name is None:
            return credentials_from_env()
        try:
            return ApiToken(os.environ.get(name, ""))
        except ConfigurationError as error:
            # A name that is really a token must not be shown.
            shown = name if name in os.environ else "the variable that the unit's credential names"
            raise ConfigurationError(f"{shown}: {error}") from None


@attrs.frozen
class FromFolder:
    """Credentials in files on a worker, each with one API token, as secrets are often mounted.

    Attributes:
        path: The folder; it must be there on each worker.
        default: The name of the default credential's file.
    """

    path: str = attrs.field(converter=str)
    default: str = "CLOUDFLARE_API_TOKEN"

    def find(self, name: str | None) -> Credentials:
        """Return the credential in the file of that name.

        Raises:
            ConfigurationError: If there is no such file, it cannot be read, or holds no token.
        """
        file = self.default if name is None else name
        # A name is no path: one may come from who may not read all that the worker may.
        if not _NAME.fullmatch(file):
            raise ConfigurationError("the unit's credential cannot be the name of a file")
        try:
            with Path(self.path, file).open("rb") as opened:
                # One byte more than there may be, so that a token is never cut.
                data = opened.read(_LONGEST_FILE + 1)
            if len(data) <= _LONGEST_FILE:
                return ApiToken(data.decode("utf-8-sig"))
            reason = f"longer than {_LONGEST_FILE:,} bytes, so this is no token"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            reason = "this is not UTF-8 text"
        except ConfigurationError as error:
            reason = str(error)
        raise ConfigurationError(f"the file of the unit's credential in {self.path}: {reason}")
