"""Pages of long lists."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from attrs import frozen

from cfbilling.sandbox.rules.ranges import InvalidQueryError

__all__ = ["Page", "PageRules"]

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

_T = TypeVar("_T")


@frozen
class Page:
    """One page of a list.

    Attributes:
        number: Number of the page; the first is 1.
        size: Number of items of a full page.
    """

    number: int
    size: int

    def of(self, items: Sequence[_T]) -> Sequence[_T]:
        """Return the items of *items* that are on it, none beyond the end."""
        start = (self.number - 1) * self.size
        return items[start : start + self.size]

    def info(self, total: int) -> Mapping[str, int]:
        """Return what the envelope tells of it if there are so many items in *total*."""
        count = len(self.of(range(total)))
        return {"page": self.number, "per_page": self.size, "count": count, "total_count": total}


@frozen
class PageRules:
    """How the server reads ``page`` and ``per_page``.

    Attributes:
        least: Smallest page.
        most: Largest page.
        usual: Page of a query that does not say.
    """

    least: int
    most: int
    usual: int = 20

    def page_of(self, query: Mapping[str, str]) -> Page:
        """Return the page that *query* asks for.

        Raises:
            InvalidQueryError: There are no such pages.
        """
        number, size = _number(query, "page", 1), _number(query, "per_page", self.usual)
        if not number:
            raise InvalidQueryError("page must be at least 1")
        if not self.least <= size <= self.most:
            raise InvalidQueryError(f"per_page must be between {self.least} and {self.most}")
        return Page(number, size)


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, str(usual))
    if not _NUMBER.fullmatch(text):
        raise InvalidQueryError(f"{name} must be a whole number")
    return int(text)
