"""A long result in pages: what is said of them, and which are to be asked for.

Pages are numbered from 1 and cut anew for each request, so an item moves to another page when
others come or go in the meantime. What moved backwards comes twice, and what moved forwards not
at all; then everything is read once more, and what came before is left out.

Vendor's document: https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/
"""

from __future__ import annotations

import attrs

from cfbilling.errors import DecodeError

__all__ = ["MOST_PAGES", "PageInfo", "Pages", "read_page_info"]

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
        self._longest = 0
        self._last: int | None = None
        self._total: int | None = None
        self._has_moved = False
        self._seen: set[str] = set()
        self._seen_now: set[str] = set()
        self._seen_before: set[str] | None = None
        self.next_page = 1
        self.has_ended = False

    def ahead(self, count: int) -> range:
        """Return which pages may be asked for now: others than the next only if there are more."""
        last = min(self.next_page + count - 1, self._last or self.next_page)
        return range(self.next_page, max(self.next_page, last) + 1)

    def take(self, ids: list[str | None], info: PageInfo | None) -> list[bool]:
        """Take the next page; return for each of its items whether it is new.

        Args:
            ids: The id of each of its items, where it has one.
            info: What the page says of all pages.

        Raises:
            DecodeError: If the pages do not end, or never keep still.
        """
        if self.next_page > MOST_PAGES:
            raise DecodeError(f"the result has more than {MOST_PAGES} pages", "result")
        is_repeated = bool(ids) and all(item_id in self._seen_now for item_id in ids)
        is_new = [self._is_new(item_id) for item_id in ids]
        self._learn(info)
        page, self.next_page = self.next_page, self.next_page + 1
        if self._is_last(page, len(ids), is_repeated=is_repeated):
            self._end()
        elif self._last is not None and len(ids) < self._per_page:
            # It is not the last, so something went away while it was read.
            self._has_moved = True
        self._longest = max(self._longest, len(ids))
        return is_new

    def _learn(self, info: PageInfo | None) -> None:
        if info is None:
            return
        self._per_page = info.per_page or self._per_page
        if info.total is not None:
            if self._total not in {None, info.total}:
                self._has_moved = True
            self._total = info.total
            self._last = max(1, -(-info.total // self._per_page))

    def _is_last(self, page: int, count: int, *, is_repeated: bool) -> bool:
        if not count:
            return True
        if self._last is not None:
            return page >= self._last
        # A service may ignore what it is asked for. Then a first page that is shorter than asked
        # need not be the last, and a page that says nothing new is.
        return is_repeated or count < self._longest

    def _is_new(self, item_id: str | None) -> bool:
        if item_id is None:
            return self._readings == 1
        if item_id in self._seen_now:
            self._has_moved = True
        self._seen_now.add(item_id)
        is_new = item_id not in self._seen
        self._seen.add(item_id)
        return is_new

    def _end(self) -> None:
        """End, or begin again if something may have been missed."""
        is_still = not self._has_moved or self._seen_now == self._seen_before
        self.has_ended = is_still or not self._seen
        if self.has_ended:
            return
        if self._readings >= _MOST_READINGS:
            raise DecodeError("the pages change faster than they can be read", "result")
        self._readings += 1
        self._seen_before, self._seen_now = self._seen_now, set()
        self.next_page, self._longest = 1, 0
        self._total, self._last, self._has_moved = None, None, False
