"""Listening, and one task for each open connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from cfbilling.sandbox.rules.requests import Request
from cfbilling.sandbox.server.request_reader import MalformedRequestError, read_request

__all__ = ["Connections", "Respond"]

Respond: TypeAlias = Callable[[Request, asyncio.StreamWriter], Awaitable[bool]]

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Connections:
    """Accepts connections, reads their requests and lets *respond* answer them.

    Args:
        respond: Coroutine function that answers one request and tells whether the connection can
            serve another.
    """

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start to listen and return the port."""
        self._server = await asyncio.start_server(self._accept, host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def close(self) -> None:
        """Stop listening and drop every connection, whatever it is doing."""
        if self._server is None:
            return
        self._server.close()
        # A connection accepted just now gets its task only in the loop's next turn.
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task, writer in self._tasks.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # The client may go away at any time, often because it was meant to.
            with suppress(ConnectionError):
                await self._converse(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader):
                if not await self._respond(request, writer):
                    return
        except MalformedRequestError:
            writer.write(_BAD_REQUEST)
            await writer.drain()
