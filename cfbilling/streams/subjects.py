"""What a fan-out is about: accounts as a caller gives them, or units of work."""

from __future__ import annotations

import reprlib
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Generic, Protocol, TypeVar, cast

import attrs

from cfbilling.credentials import Credentials
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.requests import Query, Request
from cfbilling.records import ChargeRecord, Record

__all__ = ["AccountSubject", "Accounts", "Entry", "HasId", "Subject", "Unit", "UnitSubject"]

R_co = TypeVar("R_co", bound=Record, covariant=True)
K_co = TypeVar("K_co", covariant=True)


class HasId(Protocol):
    """Anything that has the id of an account, such as an `Account`."""

    @property
    def id(self) -> str | None:
        """The id."""
        ...


Accounts = Iterable[str | HasId] | AsyncIterable[str | HasId] | Mapping[str, Credentials]
"""Account ids, or what has one, taken one by one as they are needed; or id to its credentials."""


@attrs.frozen
class Entry:
    """What was given, of whatever type that is, and whose credential it is asked under."""

    item: object
    credentials: Credentials


class Subject(Protocol[K_co, R_co]):
    """Knows what to ask about an item, and what to call it."""

    @property
    def record_type(self) -> type[R_co]:
        """The class of all records, as far as it is known before there are items."""
        ...

    def record_type_of(self, item: object) -> type[R_co]:
        """Return the class of an item's records; called after `request` only."""
        ...

    def entries(self, items: Iterable[object]) -> Iterator[Entry]:
        """Yield an entry for each item, taken as it is needed."""
        ...

    def entry(self, item: object) -> Entry:
        """Return the entry for an item."""
        ...

    def request(self, item: object) -> Request[R_co] | None:
        """Return the request about an item; ``None`` if there is nothing to ask yet.

        Raises:
            ConfigurationError: If it cannot be one.
        """
        ...

    def key(self, item: object) -> K_co:
        """Return what its records are delivered with; called after `request` only."""
        ...

    def label(self, item: object) -> str:
        """Return what to call it, whatever it is."""
        ...


class AccountSubject(Generic[R_co]):
    """Accounts, by their ids or by what has one.

    Args:
        query: The query about each account.
        credentials: The credential of accounts that have none of their own.
    """

    def __init__(self, query: Query[R_co], credentials: Credentials) -> None:
        self._query = query
        self._credentials = credentials

    @property
    def record_type(self) -> type[R_co]:
        """The class of all records."""
        return self._query.endpoint.record_type

    def record_type_of(self, item: object) -> type[R_co]:  # noqa: ARG002 - the same for all
        """Return the class of an account's records."""
        return self.record_type

    def entries(self, items: Iterable[object]) -> Iterator[Entry]:
        """Yield an entry for each account; of a mapping, with its own credentials."""
        if isinstance(items, Mapping):
            for account_id, credentials in items.items():
                own = self._credentials if credentials is None else credentials
                yield Entry(account_id, own)
        else:
            for account in items:
                yield self.entry(account)

    def entry(self, item: object) -> Entry:
        """Return the entry for an account, or for what has the id of one."""
        return Entry(_id_of(item), self._credentials)

    def request(self, item: object) -> Request[R_co]:
        """Return the request about an account.

        Raises:
            ConfigurationError: If it is no id.
        """
        return self._query.about(item)

    def key(self, item: object) -> str:
        """Return the account's id."""
        # A plain one, whatever a subclass makes of itself.
        return str.__str__(cast("str", item))

    def label(self, item: object) -> str:
        """Return the account's id, or what was given instead."""
        return _label(item)


class Unit(Protocol):
    """A unit of work."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def credential(self) -> str | None:
        """The name of its credential; ``None`` for the default one."""
        ...

    @property
    def record_type(self) -> type[ChargeRecord]:
        """The class of its records."""
        ...

    def request(self, today: date) -> Request[Any] | None:
        """Return the request that it is; ``None`` if all its days are to come."""
        ...


U = TypeVar("U", bound=Unit)


class UnitSubject(Generic[U]):
    """Units of work.

    Args:
        unit_type: The class of the units.
        credentials: The credentials by name, at least one; ``None`` is the default one.
        today: Returns the present UTC day: later days are not asked for. It is asked for each unit,
            since units may come for weeks.
    """

    def __init__(
        self,
        unit_type: type[U],
        credentials: Mapping[str | None, Credentials],
        today: Callable[[], date],
    ) -> None:
        self._unit_type = unit_type
        self._credentials = credentials
        self._today = today

    @property
    def record_type(self) -> type[ChargeRecord]:
        """What the records of all units are, whatever else."""
        return ChargeRecord

    def record_type_of(self, item: object) -> type[ChargeRecord]:
        """Return the class of a unit's records."""
        return self._unit(item).record_type

    def entries(self, items: Iterable[object]) -> Iterator[Entry]:
        """Yield an entry for each unit."""
        return map(self.entry, items)

    def entry(self, item: object) -> Entry:
        """Return the entry for a unit; what is no unit, or names no credential, fails later."""
        name = item.credential if isinstance(item, self._unit_type) else None
        known = self._credentials.get(name)
        return Entry(item, next(iter(self._credentials.values())) if known is None else known)

    def request(self, item: object) -> Request[Any] | None:
        """Return the request that a unit is.

        Raises:
            ConfigurationError: If it is no unit, or names a credential that there is none of.
        """
        unit = self._unit(item)
        if unit.credential not in self._credentials:
            named = (
                "default credential"
                if unit.credential is None
                else f"credential {unit.credential!r}"
            )
            raise ConfigurationError(f"the client has no {named}")
        return unit.request(self._today())

    def key(self, item: object) -> U:
        """Return the unit."""
        return self._unit(item)

    def label(self, item: object) -> str:
        """Return the unit's id, or what was given instead."""
        return item.id if isinstance(item, self._unit_type) else _label(item)

    def _unit(self, item: object) -> U:
        if not isinstance(item, self._unit_type):
            raise ConfigurationError(f"a unit must be a {self._unit_type.__name__}")
        return item


def _id_of(account: object) -> object:
    """Return the id of what was given: an id, or something that has one."""
    if isinstance(account, str):
        return account
    try:
        return getattr(account, "id", account)
    except Exception:  # noqa: BLE001 - whatever it raises, it is no id
        return account


def _label(item: object) -> str:
    """Return what to call an item that may be anything."""
    kind = type(item)
    if isinstance(item, str):
        # A plain one, whatever a subclass makes of itself.
        return str.__str__(item)
    if kind in {bool, int, float, bytes, type(None)}:
        with suppress(ValueError):
            # Python refuses to write out a number of thousands of digits.
            return reprlib.repr(item)
    return f"<{kind.__name__}>"
