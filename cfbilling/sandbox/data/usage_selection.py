"""What a query of usage selects, and how it tells the records apart."""

from typing import Literal

from attrs import frozen

__all__ = ["DIMENSIONS", "Grouping", "GroupingType", "Selection"]

GroupingType = Literal["TAG", "DIMENSION"]

DIMENSIONS = frozenset({"account_id", "zone_id", "region"})


@frozen
class Grouping:
    """One tag or dimension by whose values records are told apart.

    Attributes:
        type: Whether it is a tag or a dimension.
        key: Name of the tag or dimension.
    """

    type: GroupingType
    key: str


@frozen(kw_only=True)
class Selection:
    """What a query of usage asks for, beside its days.

    Attributes:
        cost: Whether costs are wanted.
        metric_ids: The only metrics; empty for all.
        product_family_ids: The only product families; empty for all.
        tags: Keys that must all have one of their values.
        group_by: What records are told apart by.
    """

    cost: bool = False
    metric_ids: frozenset[str] = frozenset()
    product_family_ids: frozenset[str] = frozenset()
    tags: tuple[tuple[str, frozenset[str]], ...] = ()
    group_by: tuple[Grouping, ...] = ()
