"""A long result in pages, read as one: fetched ahead once it is known how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from cfbilling.protocol.pages import PageInfo, Pages
from cfbilling.protocol.requests import about
from cfbilling.records import Record
from cfbilling.streams.delivery import Delivery

__all__ = ["PagedDelivery"]

R = TypeVar("R", bound=Record)


class PagedDelivery(Delivery[R]):
    """Delivers the items of all pages, each once."""

    async def batches(self) -> AsyncGenerator[list[R], None]:
        """Yield the new items of each page; no batch is empty."""
        per_page = self._request.endpoint.per_page or 1
        pages, tasks = Pages(per_page), self._resources.tasks
        asked: dict[int, asyncio.Task[tuple[list[R], PageInfo | None]]] = {}
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
                    is_new = pages.take([getattr(item, "id", None) for item in items], info)
                if pages.next_page == 1:
                    # What was fetched ahead is of pages that have moved.
                    await tasks.end(asked.values())
                    asked.clear()
                if new := [item for item, fresh in zip(items, is_new, strict=True) if fresh]:
                    yield new
        finally:
            await tasks.end(asked.values())

    async def _page(self, number: int) -> tuple[list[R], PageInfo | None]:
        part = await self._fetch_part(self._request.at_page(number))
        return await self._decoded(part), part.received.pages
