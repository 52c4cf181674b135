"""What the cost query selects and splits by: what was typed, made into what the client takes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cfbilling import ConfigurationError, GroupBy, UsageFilter
from cfbilling.cli.errors import CommandError

__all__ = ["Selection", "selection_of"]

_MOST_GROUPS = 2


@attrs.frozen
class Selection:
    """What is asked of usage beside its days.

    Attributes:
        cost: Whether costs are wanted, ``--cost``.
        filter_by: What the usage has to be about, ``--filter``.
        group_by: What each record is split by, ``--group-by``.
    """

    cost: bool = False
    filter_by: UsageFilter | None = None
    group_by: tuple[GroupBy, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether all usage is asked for, as it is."""
        return self == Selection()


def selection_of(*, cost: bool, filters: Sequence[str], groups: Sequence[str]) -> Selection:
    """Return what the options say.

    Args:
        cost: ``--cost``.
        filters: Each ``--filter``: ``metric=ID``, ``family=UUID`` or ``tag:KEY=VALUE``.
        groups: Each ``--group-by``: ``tag:KEY`` or ``dimension:KEY``.

    Raises:
        CommandError: For what the service would refuse; it names the option.
    """
    return Selection(cost, _filter(filters) if filters else None, _groups(groups))


def _filter(given: Sequence[str]) -> UsageFilter:
    metrics: list[str] = []
    families: list[str] = []
    tags: dict[str, list[str]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if equals and name == "metric":
            metrics.append(value)
        elif equals and name == "family":
            families.append(value)
        elif equals and name.startswith("tag:"):
            tags.setdefault(name.removeprefix("tag:"), []).append(value)
        else:
            wanted = "metric=ID, family=UUID or tag:KEY=VALUE"
            raise CommandError(f"--filter must be like {wanted}, not {text!r}")
    try:
        return UsageFilter(metric_ids=metrics, product_family_ids=families, tags=tags)
    except ConfigurationError as error:
        # What is an argument of the client is none of the command.
        raise CommandError(f"--filter: {error.message.replace('filter_by.', '')}") from error


def _groups(given: Sequence[str]) -> tuple[GroupBy, ...]:
    groups = tuple(map(_group, given))
    if len(groups) > _MOST_GROUPS:
        raise CommandError(f"--group-by may be given {_MOST_GROUPS} times at most")
    if len(set(groups)) < len(groups):
        raise CommandError("--group-by must not be given twice with the same key")
    return groups


def _group(text: str) -> GroupBy:
    kind, _, key = text.partition(":")
    if kind not in ("tag", "dimension") or not key:
        raise CommandError(f"--group-by must be like tag:KEY or dimension:KEY, not {text!r}")
    try:
        return GroupBy.tag(key) if kind == "tag" else GroupBy.dimension(key)
    except ConfigurationError as error:
        raise CommandError(f"--group-by: {error.message}") from error
