"""Pages that are cut anew for each request, while items come and go."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.errors import DecodeError
from cfbilling.protocol.pages import MOST_PAGES, PageInfo, Pages, read_page_info


class Service:
    """A list that changes while it is read.

    Args:
        count: The number of its items.
        size: The most items of a page, whatever is asked for.
        tells: Whether a page says how many there are.
    """

    def __init__(self, count: int, size: int, *, tells: bool = True) -> None:
        self.items = [f"item-{number}" for number in range(count)]
        self.size = size
        self.tells = tells
        self.removed: set[str] = set()
        self.new = 0

    def page(self, number: int) -> tuple[list[str | None], PageInfo | None]:
        """Return a page and what it says of all pages."""
        begin = (number - 1) * self.size
        info = PageInfo(self.size, len(self.items)) if self.tells else None
        return list(self.items[begin : begin + self.size]), info

    def change(self, rnd: random.Random) -> None:
        """Put an item at the front, or remove one."""
        if self.items and rnd.random() < 0.5:
            gone = self.items.pop(rnd.randrange(len(self.items)))
            self.removed.add(gone)
        else:
            self.new += 1
            self.items.insert(0, f"new-{self.new}")


@given(
    count=st.integers(0, 60),
    per_page=st.integers(1, 10),
    size=st.integers(1, 10),
    changes=st.integers(0, 4),
    tells=st.booleans(),
    rnd=st.randoms(use_true_random=False),
)
@settings(max_examples=400)
def test_what_was_there_comes_once(  # noqa: PLR0917 - one for each thing that varies
    count: int,
    per_page: int,
    size: int,
    changes: int,
    tells: bool,  # noqa: FBT001 - hypothesis passes by name
    rnd: random.Random,
) -> None:
    """Nothing comes twice; where the pages say how many there are, nothing is lost either."""
    service = Service(count, min(size, per_page), tells=tells)
    before, found, asked = set(service.items), list[str](), 0
    pages = Pages(per_page)
    while not pages.has_ended:
        ids, info = service.page(pages.next_page)
        is_new = pages.take(ids, info)
        found += [str(item) for item, fresh in zip(ids, is_new, strict=True) if fresh]
        asked += 1
        if changes and rnd.random() < 0.5:
            changes -= 1
            service.change(rnd)
    assert len(found) == len(set(found))
    if tells:
        assert before - service.removed <= set(found)
    # Five readings at most, of a page more than there are.
    assert asked <= 5 * (2 + (count + service.new) // service.size)


@given(count=st.integers(0, 40), size=st.integers(1, 10), tells=st.booleans())
def test_what_keeps_still_is_read_once(count: int, size: int, tells: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
    """With the number of items, no page is asked for that there is not."""
    service = Service(count, size, tells=tells)
    pages, asked = Pages(size), 0
    while not pages.has_ended:
        pages.take(*service.page(pages.next_page))
        asked += 1
    expected = max(1, -(-count // size))
    assert asked == expected if tells else asked <= expected + 1


def test_items_without_ids_all_come() -> None:
    """Where nothing tells one from another, each is what it is."""
    pages = Pages(2)
    assert [True, True] == pages.take([None, None], PageInfo(2, 3))
    assert [True] == pages.take([None], PageInfo(2, 3))
    assert pages.has_ended


def test_a_service_that_ignores_the_page_ends() -> None:
    """The same page over and over is one page."""
    pages = Pages(2)
    assert [True, True] == pages.take(["a", "b"], None)
    while not pages.has_ended:
        assert [False, False] == pages.take(["a", "b"], None)


def test_a_list_that_never_keeps_still_is_an_error() -> None:
    """It is not read for ever."""
    pages = Pages(1)
    with pytest.raises(DecodeError, match="change faster"):
        for number in range(1000):
            pages.take([f"item-{number}"], PageInfo(1, 3 + number % 2))


def test_pages_without_end_are_an_error() -> None:
    """There is a last page that is asked for."""
    pages = Pages(1)
    with pytest.raises(DecodeError, match="pages"):
        for _ in range(MOST_PAGES + 1):
            pages.take([None], None)


def test_others_are_asked_for_ahead_only_if_there_are_more() -> None:
    """The first page is asked for alone; then as many as there are."""
    pages = Pages(10)
    assert [1] == list(pages.ahead(8))
    pages.take([str(n) for n in range(10)], PageInfo(10, 35))
    assert [2, 3, 4] == list(pages.ahead(8))
    assert [2, 3] == list(pages.ahead(2))


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"page": 1, "per_page": 5, "count": 5, "total_count": 12}, PageInfo(5, 12)),
        ({"per_page": -1, "total_count": True}, PageInfo(None, None)),
        ({"per_page": "5", "total_count": 1.5}, PageInfo(None, None)),
        ({}, PageInfo(None, None)),
        (None, None),
        ([], None),
        ("x", None),
    ],
)
def test_what_a_page_says_may_be_anything(info: object, expected: PageInfo | None) -> None:
    """Only natural numbers are believed."""
    assert expected == read_page_info(info)
