"""Tags: what somebody wrote on accounts and zones to tell usage apart."""

from collections.abc import Mapping
from typing import TypeAlias

from cfbilling.sandbox.data.identities import Identities

__all__ = ["TAG_KEYS", "TagValue", "matches", "tags"]

TagValue: TypeAlias = str | bool

# None is no tag, and True is a tag without a value.
_VALUES: Mapping[str, tuple[TagValue | None, ...]] = {
    "team": ("edge", "検索", 'data "lake"', "Größe", None),
    "env": ("production", "staging", "production", True),
    "critical": (True, None, None),
    "cost center/№": ("4711", "0815", None, True, "}]"),
}
TAG_KEYS = frozenset(_VALUES)


def tags(identities: Identities, account: int, zone: int | None) -> Mapping[str, TagValue]:
    """Return the tags of a zone, or those of the account for usage outside of any zone."""
    bits = identities.digest("tags", account, "account" if zone is None else zone)
    pairs = zip(bits, _VALUES.items(), strict=False)
    chosen = ((key, values[bit % len(values)]) for bit, (key, values) in pairs)
    return {key: value for key, value in chosen if value is not None}


def matches(value: TagValue | None, wanted: frozenset[str]) -> bool:
    """Tell whether a tag has one of the *wanted* values; "" stands for none."""
    return ("" if value is True else value) in wanted
