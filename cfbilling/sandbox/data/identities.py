"""Identities: accounts, organizations and credentials, all derived from one seed."""

import hashlib

from attrs import frozen

__all__ = ["ID_LENGTH", "Identities"]

ID_LENGTH = 32
_INDEX_DIGITS = 8


@frozen
class Identities:
    """The invented world of one seed, derived on demand and never stored.

    An account id ends in its scrambled index, so that ten thousand accounts need no table.

    Attributes:
        seed: Number that everything is derived from.
        accounts: Number of accounts.
        organizations: Number of organizations that share them.
    """

    seed: int
    accounts: int
    organizations: int

    def digest(self, *parts: str | int, size: int = 16) -> bytes:
        """Derive *size* bytes that depend on the seed and on *parts* only."""
        text = "|".join(map(str, (self.seed, *parts)))
        return hashlib.blake2b(text.encode(), digest_size=size).digest()

    def number(self, *parts: str | int) -> int:
        """Derive a 64-bit number from *parts*."""
        return int.from_bytes(self.digest(*parts, size=8), "big")

    def account_id(self, index: int) -> str:
        """Return the id of account number *index*."""
        return self._scope_id("account", index)

    def account_index(self, account_id: str) -> int | None:
        """Return which account has this id, or None if there is none."""
        return self._scope_index("account", account_id, self.accounts)

    def organization_id(self, index: int) -> str:
        """Return the id of organization number *index*."""
        return self._scope_id("organization", index)

    def organization_index(self, organization_id: str) -> int | None:
        """Return which organization has this id, or None if there is none."""
        return self._scope_index("organization", organization_id, self.organizations)

    def members(self, organization: int) -> range:
        """Return the indexes of the accounts that an organization holds."""
        return range(organization, self.accounts, self.organizations)

    def api_token(self, index: int) -> str:
        """Return valid API token number *index*."""
        return self.digest("token", index, size=20).hex()

    @property
    def email(self) -> str:
        """The e-mail address of the legacy credential."""
        return f"billing+{self.number('email') % 10_000:04}@example.com"

    @property
    def api_key(self) -> str:
        """The global API key of the legacy credential."""
        return self.digest("key", size=18).hex()

    def _scope_id(self, kind: str, index: int) -> str:
        head = self.digest(kind, index, size=(ID_LENGTH - _INDEX_DIGITS) // 2).hex()
        return f"{head}{index ^ self._mask(kind):0{_INDEX_DIGITS}x}"

    def _scope_index(self, kind: str, scope_id: str, count: int) -> int | None:
        try:
            index = int(scope_id[-_INDEX_DIGITS:], 16) ^ self._mask(kind)
        except ValueError:
            return None
        known = index < count and self._scope_id(kind, index) == scope_id
        return index if known else None

    def _mask(self, kind: str) -> int:
        return int.from_bytes(self.digest("mask", kind, size=_INDEX_DIGITS // 2), "big")
