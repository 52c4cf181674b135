"""What the cost query filters and groups by, checked before a request is sent.

Vendor's document: https://developers.cloudflare.com/api/resources/billing/subresources/usage/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, Self, cast
from uuid import UUID

import attrs

from cfbilling.errors import ConfigurationError

__all__ = ["GroupBy", "UsageFilter"]

_MOST_METRICS = 20
_LONGEST_METRIC = 128
_MOST_FAMILIES = 10
_MOST_TAGS = 10
_MOST_VALUES = 20
_LONGEST_KEY = 256
_LONGEST_VALUE = 1024


def _texts(name: str, given: object, most: int, longest: int, least: int = 1) -> tuple[str, ...]:
    """Return texts that are unique and as many and as long as they may be, sorted."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{name} must be a sequence of texts")
    texts = tuple(given)
    for text in texts:
        if not isinstance(text, str) or not least <= len(text) <= longest:
            raise ConfigurationError(f"{name} must be texts of {least} to {longest} characters")
        _check_unicode(name, text)
    # Plain ones, whatever a subclass makes of itself; their order means nothing to the service.
    texts = tuple(sorted(map(str.__str__, texts)))
    if len(texts) > most:
        raise ConfigurationError(f"{name} must be at most {most}")
    if len(set(texts)) < len(texts):
        raise ConfigurationError(f"{name} must differ from each other")
    return texts


def _check_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} has a character that is not Unicode text") from None


def _metric_ids(given: object) -> tuple[str, ...]:
    return _texts("filter_by.metric_ids", given, _MOST_METRICS, _LONGEST_METRIC)


def _family_ids(given: object) -> tuple[str, ...]:
    name = "filter_by.product_family_ids"
    ids = _texts(name, given, _MOST_FAMILIES, _LONGEST_KEY)
    try:
        texts = tuple(sorted(str(UUID(text)) for text in ids))
    except ValueError:
        raise ConfigurationError(f"{name} must be UUIDs") from None
    if len(set(texts)) < len(texts):
        raise ConfigurationError(f"{name} must differ from each other")
    return texts


def _tags(given: object) -> Mapping[str, tuple[str, ...]]:
    name = "filter_by.tags"
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{name} must be a mapping from key to values")
    _texts(f"the keys of {name}", list(given), _MOST_TAGS, _LONGEST_KEY)
    tags: dict[str, tuple[str, ...]] = {}
    for key, any_of in given.items():
        values = _texts(f"the values of {name}", any_of, _MOST_VALUES, _LONGEST_VALUE, least=0)
        if not values:
            raise ConfigurationError(f"the values of {name} must be at least 1")
        tags[str.__str__(key)] = values
    return MappingProxyType(tags)


@attrs.frozen(kw_only=True)
class UsageFilter:
    """Which usage the cost query is about; everything that is given has to hold.

    Args:
        metric_ids: Ids of billable metrics, at most 20: any of them.
        product_family_ids: UUIDs of product families, at most 10: any of them.
        tags: For each key, at most 10 of them, the values of which any will do, at most 20; ``""``
            is a tag without a value.

    Raises:
        ConfigurationError: For what the service would refuse; it names the argument.
    """

    metric_ids: tuple[str, ...] = attrs.field(default=(), converter=_metric_ids)
    product_family_ids: tuple[str, ...] = attrs.field(default=(), converter=_family_ids)
    tags: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, converter=_tags, hash=False)

    def __getstate__(self) -> tuple[object, ...]:
        return self.metric_ids, self.product_family_ids, dict(self.tags)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        metric_ids, product_family_ids, tags = state
        object.__setattr__(self, "metric_ids", metric_ids)
        object.__setattr__(self, "product_family_ids", product_family_ids)
        object.__setattr__(self, "tags", MappingProxyType(cast("dict[str, Any]", tags)))

    def to_wire(self) -> dict[str, object]:
        """Return the filter as the service takes it."""
        wire: dict[str, object] = {}
        if self.metric_ids:
            wire["BillableMetricIds"] = list(self.metric_ids)
        if self.product_family_ids:
            wire["ProductFamilyIds"] = list(self.product_family_ids)
        if self.tags:
            wire["Tags"] = [{"Key": key, "Values": list(v)} for key, v in self.tags.items()]
        return wire


def _group_key(given: object) -> str:
    (key,) = _texts("the key of group_by", [given], 1, _LONGEST_KEY)
    return key


def _group_kind(given: object) -> Literal["TAG", "DIMENSION"]:
    if given == "TAG":
        return "TAG"
    if given == "DIMENSION":
        return "DIMENSION"
    raise ConfigurationError("the type of group_by must be TAG or DIMENSION")


@attrs.frozen
class GroupBy:
    """What the cost query splits its records by; made by `tag` or `dimension`.

    Attributes:
        type: ``TAG`` or ``DIMENSION``.
        key: The tag's key, or the dimension's: ``account_id``, ``zone_id``, ``region``, or one of
            a metric's ``dimension_keys``.

    Raises:
        ConfigurationError: For what the service would refuse; it names the argument.
    """

    type: Literal["TAG", "DIMENSION"] = attrs.field(converter=_group_kind)
    key: str = attrs.field(converter=_group_key)

    @classmethod
    def tag(cls, key: str) -> Self:
        """Return a grouping by the values of a tag."""
        return cls("TAG", key)

    @classmethod
    def dimension(cls, key: str) -> Self:
        """Return a grouping by a dimension."""
        return cls("DIMENSION", key)

    def to_wire(self) -> dict[str, str]:
        """Return the grouping as the service takes it."""
        return {"Type": self.type, "Key": self.key}
