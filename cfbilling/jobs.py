"""Units of work: what is to be fetched, as values that any job runner can carry.

A unit is one account or organization, one endpoint and one UTC month. Its borders never move, so
its result replaces all that was kept for it before, an empty one too (FOCUS calls that overwrite
delivery): a job that is delivered twice, dies or is repeated does no harm.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias, cast, get_args

import attrs

from cfbilling.chunk import DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.filters import GroupBy, UsageFilter
from cfbilling.protocol.endpoints import ENDPOINTS
from cfbilling.protocol.requests import Query, Request, Source, charge_query, checked_groups
from cfbilling.protocol.splitter import Moment, whole_range
from cfbilling.records import ChargeRecord

__all__ = ["UnitEndpoint", "WorkUnit", "checked_units", "plan"]

UnitEndpoint: TypeAlias = Literal[
    "usage", "organization_usage", "billable_usage", "costs", "paygo_usage", "paygo_usage_beta"
]
"""The endpoints that yield records of a range."""

_VERSION = 1
_DIGEST_BYTES = 8
_DAY = timedelta(days=1)
_MONTHS = 12


def checked_units(units: Iterable[WorkUnit]) -> Iterable[WorkUnit]:
    """Return the argument *units*; what is in it is not looked at.

    Raises:
        ConfigurationError: If it is none, such as one text.
    """
    if isinstance(units, str | bytes | Mapping) or not isinstance(units, Iterable):
        raise ConfigurationError("units must be an iterable of units, and no async one")
    return units


def _day(name: str, given: object) -> date:
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            raise ConfigurationError(f"{name} is not an ISO 8601 date") from None
    if type(given) is not date:
        raise ConfigurationError(f"{name} must be a date")
    return given


@attrs.frozen(kw_only=True)
class WorkUnit:
    """What is to be fetched, as a value: it holds no secret, pickles, and survives JSON.

    Attributes:
        endpoint: The endpoint's name, as in `BillingClient.fan_out`.
        scope_id: The account, or the organization for ``organization_usage``.
        start: The first UTC day.
        end: The first UTC day outside.
        metric: As in `BillingClient.usage`.
        cost: As in `BillingClient.usage`.
        filter_by: As in `BillingClient.usage`.
        group_by: As in `BillingClient.usage`.
        source: As in `BillingClient.costs`.
        credential: The name of the credential to ask under; ``None`` for the client's default.

    Raises:
        ConfigurationError: For what cannot be right; it names the attribute.
    """

    endpoint: UnitEndpoint
    scope_id: str
    start: date
    end: date
    metric: str | None = None
    cost: bool = False
    filter_by: UsageFilter | None = None
    group_by: tuple[GroupBy, ...] = attrs.field(default=(), converter=checked_groups)
    source: Source = "auto"
    credential: str | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("endpoint", "scope_id", "metric", "source", "credential"):
            given = getattr(self, name)
            if type(given) is not str and isinstance(given, str):
                # A plain one, whatever a subclass makes of itself.
                object.__setattr__(self, name, str.__str__(given))
        if isinstance(self.filter_by, UsageFilter) and not self.filter_by.to_wire():
            object.__setattr__(self, "filter_by", None)
        if self.endpoint not in get_args(UnitEndpoint):
            raise ConfigurationError("endpoint must be the name of one that yields records")
        for name in ("start", "end"):
            object.__setattr__(self, name, _day(name, getattr(self, name)))
        if self.credential is not None and (
            not isinstance(self.credential, str) or not self.credential
        ):
            raise ConfigurationError("credential must be a name, or None")
        self._query(whole_range(self.start, self.end)).about(self.scope_id)

    @property
    def id(self) -> str:
        """What names it, in every process and for ever: ``usage/<scope>/2025-01-01/2025-02-01``.

        Parameters follow as a digest. It is made of letters, digits, ``-``, ``_`` and ``/``.
        """
        name = f"{self.endpoint}/{self.scope_id}/{self.start}/{self.end}"
        if not (parameters := self._parameters()):
            return name
        text = json.dumps(parameters, sort_keys=True).encode()
        return f"{name}-{hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()}"

    @property
    def record_type(self) -> type[ChargeRecord]:
        """The class of its records."""
        return cast("type[ChargeRecord]", ENDPOINTS[self.endpoint].record_type)

    def _parameters(self) -> dict[str, object]:
        parameters: dict[str, object] = {}
        if self.metric is not None:
            parameters["metric"] = self.metric
        if self.cost:
            parameters["cost"] = True
        if self.filter_by is not None and (filters := _filter_to_dict(self.filter_by)):
            parameters["filter_by"] = filters
        if self.group_by:
            parameters["group_by"] = [[group.type, group.key] for group in self.group_by]
        if self.source != "auto":
            parameters["source"] = self.source
        return parameters

    def to_dict(self) -> dict[str, object]:
        """Return the unit as what JSON can hold."""
        told: dict[str, object] = {
            "version": _VERSION,
            "endpoint": self.endpoint,
            "scope_id": self.scope_id,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }
        if parameters := self._parameters():
            told["parameters"] = parameters
        if self.credential is not None:
            told["credential"] = self.credential
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, object]) -> WorkUnit:
        """Return the unit that `to_dict` told of.

        Raises:
            ConfigurationError: For another version, or a field that is missing, unknown or wrong.
        """
        if not isinstance(told, Mapping):
            raise ConfigurationError("a unit must be an object")
        version = told.get("version")
        if type(version) is not int or version != _VERSION:
            raise ConfigurationError(f"the unit's version is not {_VERSION}")
        fields = dict(told)
        del fields["version"]
        parameters = fields.pop("parameters", {})
        _check_names("a unit", fields, {"endpoint", "scope_id", "start", "end"}, {"credential"})
        return cls(**cast("Any", fields), **_parameters_from(parameters))

    def _query(self, chunk: DateChunk) -> Query[Any]:
        return charge_query(
            ENDPOINTS[self.endpoint],
            chunk,
            metric=self.metric,
            cost=self.cost,
            filter_by=self.filter_by,
            group_by=self.group_by,
            source=self.source,
        )

    def request(self, today: date) -> Request[Any] | None:
        """Return the request that it is, without the days after *today*.

        Args:
            today: The present UTC day.

        Returns:
            ``None`` if all its days are to come.
        """
        end = self.end if today == date.max else min(self.end, today + _DAY)
        if end <= self.start:
            return None
        return self._query(DateChunk(self.start, end)).about(self.scope_id)


def plan(
    accounts: Iterable[str | object] | Mapping[str, str | None],
    start: Moment,
    end: Moment,
    *,
    endpoint: UnitEndpoint = "costs",
    metric: str | None = None,
    cost: bool = False,
    filter_by: UsageFilter | None = None,
    group_by: Iterable[GroupBy] = (),
    source: Source = "auto",
) -> Iterator[WorkUnit]:
    """Yield the units that a range of many accounts is, month by month for each account.

    Args:
        accounts: Ids or what has an ``id``, taken one by one as they are needed; or a mapping from
            id to the name of a credential.
        start: The first moment, as in `BillingClient.usage`; the month that it is in comes whole.
        end: The first moment outside; the month that the moment before is in comes whole.
        endpoint: The endpoint's name.
        metric: As in `BillingClient.usage`.
        cost: As in `BillingClient.usage`.
        filter_by: As in `BillingClient.usage`.
        group_by: As in `BillingClient.usage`.
        source: As in `BillingClient.costs`.

    Raises:
        ConfigurationError: At once, for a range or parameters that cannot be right; while
            iterating, for an id that cannot be one.
    """
    is_text = isinstance(accounts, str | bytes | bytearray)
    if is_text or isinstance(accounts, AsyncIterable) or not isinstance(accounts, Iterable):
        raise ConfigurationError("accounts must be an iterable of ids, and no async one")
    template = WorkUnit(
        endpoint=endpoint,
        scope_id="0" * 32,
        start=date(2000, 1, 1),
        end=date(2000, 2, 1),
        metric=metric,
        cost=cost,
        filter_by=filter_by,
        group_by=checked_groups(group_by),
        source=source,
    )
    months = _months(whole_range(start, end))
    return _units(accounts, template, months)


def _units(
    accounts: Iterable[object], template: WorkUnit, months: list[tuple[date, date]]
) -> Iterator[WorkUnit]:
    for account in accounts:
        credential = accounts[account] if isinstance(accounts, Mapping) else None
        scope_id = cast("str", _id_of(account))  # the unit checks it
        for start, end in months:
            yield attrs.evolve(
                template, scope_id=scope_id, start=start, end=end, credential=credential
            )


def _id_of(account: object) -> object:
    if isinstance(account, str):
        return account
    try:
        return getattr(account, "id", account)
    except Exception as error:
        raise ConfigurationError("accounts has one whose id cannot be read") from error


def _months(whole: DateChunk) -> list[tuple[date, date]]:
    first, last = whole.first_day, whole.day_after - _DAY
    numbers = range(first.year * _MONTHS + first.month - 1, last.year * _MONTHS + last.month)
    return [(_month(number), _month(number + 1)) for number in numbers]


def _month(number: int) -> date:
    year, month = divmod(number, _MONTHS)
    return date.max if year > date.max.year else date(year, month + 1, 1)


def _filter_to_dict(filters: UsageFilter) -> dict[str, object]:
    told: dict[str, object] = {}
    if filters.metric_ids:
        told["metric_ids"] = list(filters.metric_ids)
    if filters.product_family_ids:
        told["product_family_ids"] = list(filters.product_family_ids)
    if filters.tags:
        told["tags"] = {key: list(values) for key, values in filters.tags.items()}
    return told


def _check_names(
    what: str, told: Mapping[str, object], needed: set[str], optional: set[str]
) -> None:
    if missing := needed - told.keys():
        raise ConfigurationError(f"{what} has no {min(missing)}")
    if unknown := told.keys() - needed - optional:
        raise ConfigurationError(f"{what} has an unknown field {min(map(str, unknown))!r}")


def _parameters_from(told: object) -> dict[str, Any]:
    if not isinstance(told, Mapping):
        raise ConfigurationError("a unit's parameters must be an object")
    known = {"metric", "cost", "filter_by", "group_by", "source"}
    _check_names("a unit's parameters", told, set(), known)
    parameters = dict(told)
    if "filter_by" in parameters:
        filters = parameters["filter_by"]
        if not isinstance(filters, Mapping):
            raise ConfigurationError("filter_by must be an object")
        _check_names("filter_by", filters, set(), {"metric_ids", "product_family_ids", "tags"})
        parameters["filter_by"] = UsageFilter(**filters)
    if "group_by" in parameters:
        groups = parameters["group_by"]
        if not isinstance(groups, list) or not all(_is_pair(group) for group in groups):
            raise ConfigurationError("group_by must be an array of pairs")
        parameters["group_by"] = tuple(GroupBy(*group) for group in groups)
    return parameters


def _is_pair(group: object) -> bool:
    return isinstance(group, list | tuple) and len(group) == 2  # noqa: PLR2004 - type and key
