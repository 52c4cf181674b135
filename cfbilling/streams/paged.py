"""A long result in pages, read as one: fetched ahead once it is known how many there are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from typing import TypeVar

from cfbilling.events import ChunkDone
from cfbilling.protocol.pages import Item, PageInfo, Pages
from cfbilling.protocol.requests import about
from cfbilling.records import Record
from cfbilling.streams.delivery import Delivery

__all__ = ["PagedDelivery"]

_DIGEST_BYTES = 16

R = TypeVar("R", bound=Record)


class PagedDelivery(Delivery[R]):
    """Delivers the items of all pages, each once."""

    async def batches(self) -> AsyncGenerator[list[R], None]:
        """Yield the new items of each page; no batch is empty."""
        per_page = self._request.endpoint.per_page or 1
        pages, tasks = Pages(per_page), self._resources.tasks
        asked: dict[int, asyncio.Task[tuple[list[R], PageInfo | None]]] = {}
        came = delivered = 0
        self._tell_started(None, 1)
        try:
            while not pages.has_ended:
                for number in pages.ahead(self._ahead):
                    if number not in asked:
                        asked[number] = tasks.start(self._page(number))
                number = pages.next_page
                items, info = await tasks.outcome(asked[number])
                del asked[number]
                with about(self._request.at_page(number)):
                    is_new = pages.take([_item(item) for item in items], info)
                if pages.next_page == 1:
                    # What was fetched ahead is of pages that have moved.
                    await tasks.end(asked.values())
                    asked.clear()
                came, delivered = came + len(items), delivered + sum(is_new)
                if new := [item for item, fresh in zip(items, is_new, strict=True) if fresh]:
                    yield new
            self._tell_done(delivered, came - delivered)
        finally:
            await tasks.end(asked.values())

    async def _page(self, number: int) -> tuple[list[R], PageInfo | None]:
        part = await self._fetch_part(self._request.at_page(number))
        return await self._decoded(part), part.received.pages

    def _tell_done(self, records: int, outside: int) -> None:
        """Tell that all came: however many pages it takes, it was announced as one chunk."""
        facts = self._request.facts
        self._resources.observer(
            ChunkDone(**facts, records=records, outside=outside, longest_slice=0.0)
        )


def _item(record: Record) -> Item:
    content = hashlib.blake2b(record.to_json(), digest_size=_DIGEST_BYTES).digest()
    return Item(getattr(record, "id", None), content)
