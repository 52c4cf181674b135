"""Services whose pages are odder than the sandbox's: everything comes once, or an error."""

from __future__ import annotations

from typing import Any

import pytest

from cfbilling import DecodeError
from cfbilling.events import ChunkDone, Event
from cfbilling.progress import Progress
from tests.integration.json_server import Answer, Asked, json_server, result

ACCOUNT = "a" * 32


def _page(asked: Asked, count: int, size: int = 50) -> list[dict[str, Any]]:
    begin = (int(asked.query["page"]) - 1) * size
    return [{"id": f"item-{n}", "amount": n} for n in range(begin, min(begin + size, count))]


@pytest.mark.parametrize(
    ("info", "requests"),
    [
        ({"per_page": 50, "total_count": 0}, 4),
        ({"per_page": 50, "total_count": 50}, 3),
        ({"per_page": 10**9, "total_count": 120}, 3),
        ({"per_page": 1, "total_count": 10**30}, 3),
        ({"per_page": 50, "total_count": 120}, 3),
        (7, 3),
    ],
)
async def test_what_is_told_of_pages_is_checked(info: object, requests: int) -> None:
    """Numbers that the pages belie lose nothing, and cost one request at most."""
    async with (
        json_server(lambda asked: result(_page(asked, 120), result_info=info)) as served,
        served.client() as client,
    ):
        items = await client.billing_history(ACCOUNT).collect()
        assert [f"item-{n}" for n in range(120)] == [item.id for item in items]
        assert len(served.asked) <= requests


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_pages_may_be_shorter_than_told(concurrency: int) -> None:
    """A service that caps its pages and does not say so gives everything."""
    info = {"per_page": 50, "total_count": 120}
    async with (
        json_server(lambda asked: result(_page(asked, 120, 20), result_info=info)) as served,
        served.client(concurrency=concurrency) as client,
    ):
        assert len(await client.billing_history(ACCOUNT).collect()) == 120
        assert [str(n) for n in range(1, 7)] == sorted(
            asked.query["page"] for asked in served.asked
        )


async def test_an_empty_page_in_the_middle_is_no_end() -> None:
    """Once, it is read again; if it stays empty, the stream ends with an error."""
    empty: list[str] = []

    def answer(asked: Asked) -> Answer:
        is_empty = asked.query["page"] in empty
        if is_empty and is_once:
            empty.clear()
        items = [] if is_empty else _page(asked, 250)
        return result(items, result_info={"per_page": 50, "total_count": 250})

    for is_once in (True, False):
        empty[:] = ["2"]
        async with json_server(answer) as served, served.client() as client:
            if is_once:
                items = await client.billing_history(ACCOUNT).collect()
                assert len({item.id for item in items}) == len(items) == 250
            else:
                with pytest.raises(DecodeError, match="200 of 250 items") as caught:
                    await client.billing_history(ACCOUNT).collect()
                assert ("billing_history", ACCOUNT) == (
                    caught.value.endpoint,
                    caught.value.scope_id,
                )


async def test_different_items_of_one_id_all_come() -> None:
    """A payment and its refund may be under one id."""
    rows = [{"id": "x", "type": "payment"}, {"id": "x", "type": "refund"}, {"id": "y"}]
    info = {"page": 1, "per_page": 50, "count": 3, "total_count": 3}
    async with (
        json_server(lambda _: result(rows, result_info=info)) as served,
        served.client() as client,
    ):
        items = await client.billing_history(ACCOUNT).collect()
        assert rows == [item.to_wire() for item in items]
        assert len(served.asked) == 1


async def test_a_page_that_repeats_for_ever_is_an_error() -> None:
    """Without ids, what is the same again is not taken for more."""
    async with (
        json_server(lambda _: result([{"amount": 1}] * 50)) as served,
        served.client() as client,
    ):
        with pytest.raises(DecodeError, match="repeats"):
            await client.billing_history(ACCOUNT).collect()
        assert len(served.asked) == 2


async def test_pages_are_counted_as_one_chunk() -> None:
    """Progress and the counters know the items, however many pages they come in."""
    progress, done = Progress(), list[ChunkDone]()

    def observe(event: Event) -> None:
        progress(event)
        if isinstance(event, ChunkDone):
            done.append(event)

    info = {"per_page": 50, "total_count": 120}
    async with (
        json_server(lambda asked: result(_page(asked, 120), result_info=info)) as served,
        served.client(observer=observe) as client,
    ):
        await client.billing_history(ACCOUNT).collect()
        assert (120, 1.0) == (progress.records, progress.fraction)
        assert (120, 1) == (client.stats.records, client.stats.chunks)
    assert [("billing_history", ACCOUNT, 120, 0)] == [
        (event.endpoint, event.scope_id, event.records, event.outside) for event in done
    ]
