"""A long result in pages: what is said of them, and which are to be asked for.

Pages are numbered from 1 and cut anew for each request, so an item moves to another page when
others come or go in the meantime. What moved backwards comes twice, and what moved forwards not
at all; then everything is read once more, and what came before is left out.

What a page says of all pages is believed only as far as the pages bear it out: they end when as
many items came as there are said to be, and with less than that they never end silently.

Vendor's document: https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from cfbilling.errors import DecodeError

__all__ = ["MOST_PAGES", "Item", "PageInfo", "Pages", "read_page_info"]

MOST_PAGES = 100_000
"""Pages after which a result is given up: a service that never ends would keep us for ever."""

_MOST_READINGS = 5


@attrs.frozen
class PageInfo:
    """What a page says of all pages.

    Attributes:
        per_page: The most items of a page.
        total: The number of all items.
    """

    per_page: int | None
    total: int | None


@attrs.frozen
class Item:
    """What is known of an item.

    Attributes:
        id: Its id, if it has one; several items may have the same.
        content: What it is, as a whole: two items of equal content are taken for one.
    """

    id: str | None
    content: bytes


def read_page_info(info: object) -> PageInfo | None:
    """Return what an envelope's ``result_info`` tells, if it is one."""
    if not isinstance(info, dict):
        return None
    return PageInfo(_natural(info.get("per_page")), _natural(info.get("total_count")))


def _natural(value: object) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and isinstance(value, int) and value >= 0 else None


class Pages:
    """Which pages of one result are to be asked for, given those that came.

    Args:
        per_page: The items of a page that were asked for; the service may give fewer.

    Attributes:
        next_page: The page that is taken next.
        has_ended: Whether everything came.
    """

    def __init__(self, per_page: int) -> None:
        self._per_page = per_page
        self._readings = 1
        self._is_total_true = True
        # How many items of an id were new, in all readings.
        self._taken: Counter[str] = Counter()
        self._ids_before: Counter[str] | None = None
        self._begin()

    def _begin(self) -> None:
        """Begin a reading."""
        self._came = 0
        self._different = 0
        self._longest = 0
        self._total: int | None = None
        self._has_changed = False
        self._has_moved = False
        self._ids: Counter[str] = Counter()
        self._contents: set[bytes] = set()
        self._page_before: Sequence[Item] = ()
        self.next_page = 1
        self.has_ended = False

    @property
    def _last(self) -> int | None:
        """The number of the last page, if it is told."""
        return None if self._total is None else -(-self._total // (self._longest or self._per_page))

    def ahead(self, count: int) -> range:
        """Return which pages may be asked for now: others than the next only if there are more."""
        last = min(self.next_page + count - 1, self._last or self.next_page)
        return range(self.next_page, max(self.next_page, last) + 1)

    def take(self, items: Sequence[Item], info: PageInfo | None) -> list[bool]:
        """Take the next page; return for each of its items whether it is new.

        Args:
            items: Its items.
            info: What the page says of all pages.

        Raises:
            DecodeError: If the pages do not end, never keep still, repeat each other or are fewer
                than they are said to be.
        """
        if self.next_page > MOST_PAGES:
            raise DecodeError(f"the result has more than {MOST_PAGES} pages", "result")
        moved = self._have_moved(items)
        is_new = [not was and self._is_new(item.id) for item, was in zip(items, moved, strict=True)]
        self._has_moved |= any(moved)
        self._different += moved.count(False)
        self._contents.update(item.content for item in items if item.id is not None)
        self._came += len(items)
        self._longest = max(self._longest, len(items))
        self._learn(info, len(items))
        if self._is_last(len(items), info, is_repeated=all(moved)):
            self._end()
        else:
            self.next_page += 1
            self._page_before = items
        return is_new

    def _have_moved(self, items: Sequence[Item]) -> list[bool]:
        """Return of each item of a page whether it was on another page of this reading."""
        before = self._page_before
        if items and [item.id for item in items] == [item.id for item in before]:
            if all(item.id is not None for item in items):
                return [True] * len(items)
            if items == before:
                # Without ids, whether it is the same or just alike cannot be known.
                raise DecodeError("a page repeats the one before", "result")
        # What is twice on one page is there twice: it did not move.
        return [item.id is not None and item.content in self._contents for item in items]

    def _is_new(self, item_id: str | None) -> bool:
        if item_id is None:
            return self._readings == 1
        self._ids[item_id] += 1
        is_new = self._ids[item_id] > self._taken[item_id]
        self._taken[item_id] += is_new
        return is_new

    def _learn(self, info: PageInfo | None, count: int) -> None:
        """Keep what a page says of how many items there are, unless it shows itself that not."""
        total = None if info is None else info.total
        if total is None or not self._is_total_true:
            return
        least = (self.next_page - 1) * self._longest + count if count else 0
        most = MOST_PAGES * max(self._longest, self._per_page)
        if not least <= total <= most:
            self._is_total_true, self._total = False, None
            return
        self._has_changed |= self._total not in {None, total}
        self._total = total

    def _is_last(self, count: int, info: PageInfo | None, *, is_repeated: bool) -> bool:
        if self._total is None or self._last is None:
            # A service may ignore what it is asked for. Then a first page that is shorter than
            # asked need not be the last, and a page that says nothing new is.
            return not count or is_repeated or count < self._longest
        if self._came < self._total:
            # There may be an empty page before the last, but none is taken for the last then.
            return not count and self.next_page >= self._last
        # Of a full first page, its number of items may be all that is told.
        told = None if info is None else info.per_page
        is_full = told is None or count >= min(told, self._per_page)
        return not (self.next_page == 1 and count == self._total and count and is_full)

    def _end(self) -> None:
        """End, or begin again if something may have been missed.

        Raises:
            DecodeError: If that does not help.
        """
        lacks = self._total is not None and self._different < self._total
        is_still = self._ids == self._ids_before or not self._taken
        if lacks and is_still and not (self._has_changed and self._taken):
            told = f"{self._different} of {self._total} items came"
            raise DecodeError(told, "result_info.total_count")
        is_whole = is_still or not (self._has_moved or self._has_changed)
        self.has_ended = is_whole and not lacks
        if self.has_ended:
            return
        if self._readings >= _MOST_READINGS:
            raise DecodeError("the pages change faster than they can be read", "result")
        self._readings += 1
        self._ids_before = self._ids
        self._begin()
