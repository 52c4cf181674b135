"""The ids of product families, the same in every sandbox."""

from functools import cache
from uuid import NAMESPACE_DNS, uuid5

__all__ = ["family_id"]


@cache
def family_id(family: str) -> str:
    """Return the UUID of a product family."""
    return str(uuid5(NAMESPACE_DNS, family))
