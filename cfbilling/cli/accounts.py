"""The accounts to ask about, and their credentials."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import attrs

from cfbilling import (
    Account,
    ApiToken,
    BillingClient,
    ConfigurationError,
    Credentials,
    RecordStream,
    credentials_from_env,
)
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import AUTHENTICATION, REFUSED

__all__ = [
    "AccountIds",
    "Accounts",
    "accounts_of",
    "all_accounts_of",
    "credentials_of",
    "lines_of",
    "named_accounts",
]

_LONGEST_TOKEN_FILE = 65536


@attrs.frozen
class AccountIds:
    """The accounts of a run, whatever their credentials.

    Attributes:
        ids: Each id once, in order; none while only the service knows them.
        names: The name of each id's credential, when lines of the file name their own.
        are_all: Whether they are all that the credential sees, ``--all-accounts``.
    """

    ids: Sequence[str]
    names: Mapping[str, str | None] = attrs.field(
        factory=dict[str, str | None], kw_only=True, repr=False
    )
    are_all: bool = attrs.field(default=False, kw_only=True)

    @property
    def count(self) -> int | None:
        """How many they are, if that is known before they are asked about."""
        return None if self.are_all else len(self.ids)

    def asked(self, ended: int) -> int:
        """Return how many were asked about, of which so many came to their end.

        Raises:
            CommandError: If all that the credential sees are none.
        """
        if self.are_all and not ended:
            raise CommandError("--all-accounts: the credential sees no account", REFUSED)
        return ended if self.are_all else len(self.ids)

    async def each(self, client: BillingClient | None) -> AsyncGenerator[str, None]:
        """Yield each id; the client is asked for the list of accounts, if that is wanted."""
        if self.are_all and client is not None:
            async with client.accounts() as accounts:
                async for account in accounts:
                    yield account.id or ""
        for account_id in self.ids:
            yield account_id


@attrs.frozen
class Accounts(AccountIds):
    """The accounts of a run, and their credentials.

    Attributes:
        credentials: The client's credential.
        own: The credential of each id, when lines of the file name their own.
        are_many: Whether there may be more than one; a file counts as many.
    """

    credentials: Credentials
    own: Mapping[str, Credentials] | None = None
    are_many: bool = False

    @property
    def by_name(self) -> Credentials | Mapping[str | None, Credentials]:
        """What a client takes for units, which have the names of credentials."""
        if self.own is None:
            return self.credentials
        return {self.names[account_id]: found for account_id, found in self.own.items()}

    def for_fan_out(
        self, client: BillingClient
    ) -> Sequence[str] | Mapping[str, Credentials] | RecordStream[Account]:
        """Return what `BillingClient.fan_out` takes."""
        if self.are_all:
            return client.accounts()
        return self.ids if self.own is None else self.own


def credentials_of(token_file: str | None) -> Credentials:
    """Return the credential from ``--token-file``, else from the environment.

    Raises:
        CommandError: If there is none.
    """
    try:
        if token_file is None:
            return credentials_from_env()
        return ApiToken(_token_in(token_file))
    except ConfigurationError as error:
        where = "" if token_file is None else f"--token-file {token_file}: "
        raise CommandError(f"{where}{error}", AUTHENTICATION) from error


def _token_in(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            # One byte more than there may be, so that a token is never cut.
            data = file.read(_LONGEST_TOKEN_FILE + 1)
    except OSError as error:
        raise CommandError(f"--token-file {path}: {error.strerror}") from error
    if len(data) > _LONGEST_TOKEN_FILE:
        reason = f"longer than {_LONGEST_TOKEN_FILE:,} bytes, so this is no token"
        raise CommandError(f"--token-file {path}: {reason}", AUTHENTICATION)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"--token-file {path}: this is not UTF-8 text", AUTHENTICATION) from None


def lines_of(accounts_file: str) -> list[str]:
    """Return the lines of the accounts file; ``-`` is standard input.

    Raises:
        CommandError: If it cannot be read.
    """
    try:
        return _bytes_of(accounts_file).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise CommandError(f"--accounts-file {accounts_file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CommandError(f"--accounts-file {accounts_file}: this is not UTF-8 text") from None


def _bytes_of(path: str) -> bytes:
    if path != "-":
        return Path(path).read_bytes()
    # Python has none if it was closed, whatever its annotation says.
    stdin: TextIO | None = sys.stdin
    if stdin is None:
        raise CommandError("--accounts-file -: standard input is closed")
    # As bytes: the text would be of whatever encoding the environment names.
    return stdin.buffer.read()


def all_accounts_of(
    given: Sequence[str], accounts_file: str | None, token_file: str | None
) -> Accounts:
    """Return all accounts that the credential sees, whichever they are.

    Raises:
        CommandError: If others are named as well, or the credential is missing.
    """
    if given or accounts_file is not None:
        raise CommandError("--all-accounts goes with neither ACCOUNT nor --accounts-file")
    return Accounts((), credentials_of(token_file), are_many=True, are_all=True)


def accounts_of(
    given: Sequence[str],
    lines: Iterable[str] | None,
    token_file: str | None,
    environ: Mapping[str, str] = os.environ,
) -> Accounts:
    """Return the accounts to ask about: the arguments, then the lines of the file.

    A line is ``id`` or ``id,NAME``, where NAME is the environment variable that holds the token
    for that account. Empty lines and those that begin with ``#`` are skipped.

    Raises:
        CommandError: If no account is named, a line is malformed, or a credential is missing.
    """
    tokens = _read(given, lines)
    if not tokens:
        raise CommandError("no account: name one, or use --accounts-file or --all-accounts")
    are_many = len(tokens) > 1 or lines is not None
    first_lines: dict[str | None, int] = {}
    for line in tokens.values():
        first_lines.setdefault(line.name, line.number)
    if first_lines.keys() == {None}:
        return Accounts(list(tokens), credentials_of(token_file), None, are_many)
    found = {
        name: credentials_of(token_file) if name is None else _credential(name, number, environ)
        for name, number in first_lines.items()
    }
    own = {account_id: found[line.name] for account_id, line in tokens.items()}
    names = {account_id: line.name for account_id, line in tokens.items()}
    return Accounts(list(tokens), next(iter(own.values())), own, are_many, names=names)


def named_accounts(given: Sequence[str], lines: Iterable[str] | None) -> dict[str, str | None]:
    """Return the ids of the arguments and then of the lines, each with its line's NAME, if any.

    Raises:
        CommandError: If a line is malformed.
    """
    return {account_id: line.name for account_id, line in _read(given, lines).items()}


@attrs.frozen
class _Line:
    """What is said of an account: the name of its token's variable, if any, and in which line."""

    name: str | None = None
    number: int = 0


def _read(given: Sequence[str], lines: Iterable[str] | None) -> dict[str, _Line]:
    tokens = dict.fromkeys(given, _Line())
    for number, line in enumerate(lines or (), 1):
        _add(tokens, line, number)
    return tokens


def _add(tokens: dict[str, _Line], line: str, number: int) -> None:
    text = line.strip()
    if not text or text.startswith("#"):
        return
    account_id, comma, name = (part.strip() for part in text.partition(","))
    if not account_id or (comma and not name) or "," in name:
        raise CommandError(f"--accounts-file, line {number}: expected 'id' or 'id,TOKEN_ENV_NAME'")
    if tokens.setdefault(account_id, _Line(name or None, number)).name != (name or None):
        raise CommandError(f"--accounts-file, line {number}: {account_id} has another token above")


def _credential(name: str, number: int, environ: Mapping[str, str]) -> Credentials:
    where = f"--accounts-file, line {number}"
    if name not in environ:
        # A name that is really a token must not be shown.
        raise CommandError(f"{where}: the variable that it names is not set", AUTHENTICATION)
    try:
        return ApiToken(environ[name])
    except ConfigurationError as error:
        raise CommandError(f"{where}: {name}: {error}", AUTHENTICATION) from error
