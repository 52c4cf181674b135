"""The body of a query of usage, and every limit that it has."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeVar

from attrs import frozen

from cfbilling.sandbox.data.days import ONE_DAY, month_start
from cfbilling.sandbox.data.tags import TAG_KEYS
from cfbilling.sandbox.data.usage_selection import DIMENSIONS, Grouping, GroupingType, Selection
from cfbilling.sandbox.rules.body_fields import (
    array_of,
    document,
    object_of,
    text_of,
    unique_texts,
)
from cfbilling.sandbox.rules.ranges import DayRange, InvalidQueryError

__all__ = ["FilterName", "UsageQueryRules"]

FilterName = Literal["BillableMetricIds", "MetricIds"]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ANY_LENGTH = 0, 1024 * 1024
_KEY = 1, 256
_TYPES: tuple[GroupingType, ...] = ("TAG", "DIMENSION")

_T = TypeVar("_T")


@frozen
class UsageQueryRules:
    """How the server reads the body of a query of usage.

    Attributes:
        max_days: The longest period.
        filter_name: Name of the field that filters by metrics.
    """

    max_days: int
    filter_name: FilterName

    def read(self, body: bytes, today: date) -> tuple[DayRange, Selection]:
        """Return the days and what is wanted of them.

        Args:
            body: The body; empty for the defaults.
            today: The last day of a query without a period.

        Raises:
            InvalidQueryError: The vendor would refuse the query.
        """
        query = document(body)
        object_of(query, "the body", ("TimePeriod", "FilterBy", "GroupBy", "Metric"))
        days = _given(query, "TimePeriod", self._days) or DayRange(
            month_start(today), today + ONE_DAY
        )
        filters = _given(query, "FilterBy", self._filters) or Selection()
        selection = Selection(
            cost=_given(query, "Metric", _costs_wanted) or False,
            metric_ids=filters.metric_ids,
            product_family_ids=filters.product_family_ids,
            tags=filters.tags,
            group_by=_given(query, "GroupBy", _groupings) or (),
        )
        return days, selection

    def _days(self, value: object) -> DayRange | None:
        period = object_of(value, "TimePeriod", ("From", "To"))
        if not period:
            return None
        if len(period) == 1:
            raise InvalidQueryError("TimePeriod.From and TimePeriod.To must be given together")
        start = _moment(period["From"], "TimePeriod.From")
        end = _moment(period["To"], "TimePeriod.To")
        if end <= start:
            raise InvalidQueryError("TimePeriod.To must be after TimePeriod.From")
        if end - start > timedelta(days=self.max_days):
            raise InvalidQueryError(f"TimePeriod must not exceed {self.max_days} days")
        return DayRange(_first_day(start), _first_day(end))

    def _filters(self, value: object) -> Selection:
        filters = object_of(value, "FilterBy", (self.filter_name, "ProductFamilyIds", "Tags"))
        name = f"FilterBy.{self.filter_name}"
        metric_ids = filters.get(self.filter_name, [])
        return Selection(
            metric_ids=frozenset(unique_texts(metric_ids, name, (0, 20), (0, 128))),
            product_family_ids=_families(filters.get("ProductFamilyIds", [])),
            tags=tuple(_tags(filters.get("Tags", []))),
        )


def _given(query: Mapping[str, object], name: str, read: Callable[[object], _T]) -> _T | None:
    return read(query[name]) if name in query else None


def _costs_wanted(value: object) -> bool:
    if value not in ("usage", "cost"):
        raise InvalidQueryError("Metric must be usage or cost")
    return value == "cost"


def _families(value: object) -> frozenset[str]:
    name = "FilterBy.ProductFamilyIds"
    texts = unique_texts(value, name, (0, 10), _ANY_LENGTH)
    if not all(map(_UUID.fullmatch, texts)):
        raise InvalidQueryError(f"{name} must be UUIDs")
    return frozenset(text.lower() for text in texts)


def _tags(value: object) -> Iterator[tuple[str, frozenset[str]]]:
    for name, item in array_of(value, "FilterBy.Tags", (0, 10)):
        tag = object_of(item, name, ("Key", "Values"))
        key = text_of(tag.get("Key"), f"{name}.Key", _KEY)
        values = unique_texts(tag.get("Values"), f"{name}.Values", (1, 20), (0, 1024))
        if key not in TAG_KEYS:
            raise InvalidQueryError(f"{name}.Key is no tag of this account: {key}")
        yield key, frozenset(values)


def _groupings(value: object) -> tuple[Grouping, ...]:
    groupings = [_grouping(item, name) for name, item in array_of(value, "GroupBy", (0, 2))]
    if len(set(groupings)) < len(groupings):
        raise InvalidQueryError("GroupBy must not have an item twice")
    return tuple(groupings)


def _grouping(value: object, name: str) -> Grouping:
    grouping = object_of(value, name, ("Type", "Key"))
    key = text_of(grouping.get("Key"), f"{name}.Key", _KEY)
    for type_, known in zip(_TYPES, (TAG_KEYS, DIMENSIONS), strict=True):
        if grouping.get("Type") == type_:
            if key not in known:
                raise InvalidQueryError(f"{name}.Key is no {type_.lower()} of this account: {key}")
            return Grouping(type_, key)
    raise InvalidQueryError(f"{name}.Type must be TAG or DIMENSION")


def _moment(value: object, name: str) -> datetime:
    text = text_of(value, name, _ANY_LENGTH)
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidQueryError(f"{name} is not a moment of the calendar") from error
    raise InvalidQueryError(f"{name} must be a date and time with an offset")


def _first_day(moment: datetime) -> date:
    # A record belongs to a period by the moment at which its own period starts.
    day = moment.date()
    return day if moment.time() == time.min or day == date.max else day + ONE_DAY
