"""A client for each credential, open only while accounts of it are asked about.

A client has connections of its own, and a process may have no more than some hundred.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from cfbilling import BillingClient, Credentials
from cfbilling.cli.connection import Connection
from cfbilling.events import Observer

__all__ = ["OwnClients"]


class OwnClients:
    """Opens a client with the first account of its credential, and closes it after the last.

    Args:
        connection: The way to the service.
        observer: Told what happens.
        credentials: The credential of each account.
    """

    def __init__(
        self, connection: Connection, observer: Observer, credentials: Iterable[Credentials]
    ) -> None:
        self._connection = connection
        self._observer = observer
        self._left = Counter(credentials)
        self._opening = asyncio.Lock()
        self._open: dict[Credentials, tuple[BillingClient, AsyncExitStack]] = {}

    @asynccontextmanager
    async def lent(self, credentials: Credentials) -> AsyncIterator[BillingClient]:
        """Lend the client of a credential, once for each of its accounts."""
        async with self._opening:
            if credentials not in self._open:
                stack = AsyncExitStack()
                client = self._connection.client(credentials, self._observer)
                self._open[credentials] = await stack.enter_async_context(client), stack
        client, stack = self._open[credentials]
        try:
            yield client
        finally:
            self._left[credentials] -= 1
            if not self._left[credentials]:
                del self._open[credentials]
                await stack.aclose()

    async def aclose(self) -> None:
        """Close all that are open still."""
        while self._open:
            _, (_, stack) = self._open.popitem()
            await stack.aclose()
