"""Pages that are cut anew for each request, while items come and go."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.errors import DecodeError
from cfbilling.protocol.pages import MOST_PAGES, Item, PageInfo, Pages, read_page_info


def items_of(*ids: str) -> list[Item]:
    """Return items that are what their ids say."""
    return [Item(item_id, item_id.encode()) for item_id in ids]


def nameless(*contents: str) -> list[Item]:
    """Return items without ids."""
    return [Item(None, content.encode()) for content in contents]


def read(pages: Pages, service: Callable[[int], tuple[list[Item], PageInfo | None]]) -> list[Item]:
    """Read all pages; return what is new of them."""
    found: list[Item] = []
    while not pages.has_ended:
        items, info = service(pages.next_page)
        is_new = pages.take(items, info)
        found += [item for item, fresh in zip(items, is_new, strict=True) if fresh]
    return found


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

    def page(self, number: int) -> tuple[list[Item], PageInfo | None]:
        """Return a page and what it says of all pages."""
        begin = (number - 1) * self.size
        info = PageInfo(self.size, len(self.items)) if self.tells else None
        return items_of(*self.items[begin : begin + self.size]), info

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
        items, info = service.page(pages.next_page)
        is_new = pages.take(items, info)
        found += [str(item.id) for item, fresh in zip(items, is_new, strict=True) if fresh]
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
    """With the number of items, no page is asked for that there is not.

    But after a full first page, of which that number may be all that is told.
    """
    service = Service(count, size, tells=tells)
    pages, asked = Pages(size), 0
    while not pages.has_ended:
        pages.take(*service.page(pages.next_page))
        asked += 1
    expected = max(1, -(-count // size)) + (count == size)
    assert asked == expected if tells else asked <= expected + 1


def test_items_without_ids_all_come() -> None:
    """Where nothing tells one from another, each is what it is."""
    pages = Pages(2)
    assert [True, True] == pages.take(nameless("a", "a"), PageInfo(2, 3))
    assert [True] == pages.take(nameless("a"), PageInfo(2, 3))
    assert pages.has_ended


def test_a_service_that_ignores_the_page_ends() -> None:
    """The same page over and over is one page, also if its items change."""
    for contents in (b"same", b"other"):
        pages = Pages(2)
        assert [True, True] == pages.take(items_of("a", "b"), None)
        while not pages.has_ended:
            again = [Item("a", contents), Item("b", b"b")]
            assert [False, False] == pages.take(again, None)


@pytest.mark.parametrize("total", [None, 4, 100])
def test_a_page_that_repeats_without_ids_is_an_error(total: int | None) -> None:
    """Whether it is the same page or one that is just alike cannot be known."""
    pages = Pages(2)
    pages.take(nameless("a", "b"), PageInfo(2, total))
    with pytest.raises(DecodeError, match="repeats"):
        pages.take(nameless("a", "b"), PageInfo(2, total))


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("tells", [True, False])
def test_different_items_may_have_one_id(size: int, tells: bool) -> None:  # noqa: FBT001 - parametrized
    """A payment and its refund are two items, on one page or on two, however often it is read."""
    ids = ["w", "x", "x", "y", "z"]
    items = [Item(item_id, str(n).encode()) for n, item_id in enumerate(ids)]
    changed: list[int] = []

    def service(number: int) -> tuple[list[Item], PageInfo | None]:
        if number == 2 and not changed:
            changed.append(number)
            items.insert(0, Item("new", b"new"))
        info = PageInfo(size, len(items)) if tells else None
        return items[(number - 1) * size : number * size], info

    expected = {item.content for item in items}
    found = [item.content for item in read(Pages(size), service)]
    assert expected <= set(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("empty", [1, 2, 3])
@pytest.mark.parametrize("is_always", [True, False])
def test_an_empty_page_before_the_last_ends_nothing(
    size: int, empty: int, *, is_always: bool
) -> None:
    """What it lacked is read after all, or is an error; it is never lost in silence."""
    service, told = Service(size * 4 + 1, size), list[int]()

    def page(number: int) -> tuple[list[Item], PageInfo | None]:
        items, info = service.page(number)
        told.append(number)
        return ([] if number == empty and (is_always or told.count(number) == 1) else items), info

    pages = Pages(size)
    if is_always:
        with pytest.raises(DecodeError, match=f"{size * 3 + 1} of {size * 4 + 1} items"):
            read(pages, page)
    else:
        assert sorted(service.items) == sorted(str(item.id) for item in read(pages, page))


def test_an_empty_page_without_ids_is_an_error() -> None:
    """What has no ids is not read twice, so nothing can be made up for."""
    pages = Pages(2)
    pages.take(nameless("a", "b"), PageInfo(2, 5))
    pages.take([], PageInfo(2, 5))
    with pytest.raises(DecodeError, match="3 of 5 items"):
        for page in (nameless("e"), []):
            pages.take(page, PageInfo(2, 5))


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 10),
    total=st.sampled_from([0, "page", "true", 10**30]),
    per_page=st.sampled_from([None, 0, 1, "true", 10**9]),
)
def test_wrong_numbers_lose_nothing(
    count: int, size: int, total: int | str, per_page: int | str | None
) -> None:
    """Whatever a full page says of all pages, everything comes, or an error."""
    service = Service(count, size)

    def page(number: int) -> tuple[list[Item], PageInfo | None]:
        items, _ = service.page(number)
        numbers = {"page": len(items), "true": count}
        told = numbers[total] if isinstance(total, str) else total
        return items, PageInfo(size if per_page == "true" else per_page, told)  # type: ignore[arg-type]  # one text only

    assert service.items == [item.id for item in read(Pages(size), page)]


@pytest.mark.parametrize("asked", [50, 1000])
@pytest.mark.parametrize("count", [19, 20, 21, 120, 130])
def test_a_service_may_give_fewer_than_it_says(asked: int, count: int) -> None:
    """Pages are as long as they are, whatever is told; each is asked for once."""
    service, told = Service(count, 20), list[int]()

    def page(number: int) -> tuple[list[Item], PageInfo | None]:
        told.append(number)
        return service.page(number)[0], PageInfo(asked, count)

    assert service.items == [item.id for item in read(Pages(50), page)]
    assert list(range(1, -(-count // 20) + 1)) == told


def test_a_list_that_never_keeps_still_is_an_error() -> None:
    """It is not read for ever."""
    pages = Pages(1)
    with pytest.raises(DecodeError, match="change faster"):
        for number in range(1000):
            total = 3 + number % 2
            items = items_of(f"item-{number}") if pages.next_page <= total else []
            pages.take(items, PageInfo(1, total))


def test_pages_without_end_are_an_error() -> None:
    """There is a last page that is asked for."""
    pages = Pages(1)
    with pytest.raises(DecodeError, match=f"more than {MOST_PAGES} pages"):
        for number in range(MOST_PAGES + 1):
            pages.take(nameless(str(number)), None)


def test_others_are_asked_for_ahead_only_if_there_are_more() -> None:
    """The first page is asked for alone; then as many as there are."""
    pages = Pages(10)
    assert [1] == list(pages.ahead(8))
    pages.take(items_of(*map(str, range(10))), PageInfo(10, 35))
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
