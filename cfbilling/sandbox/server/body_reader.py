"""The body of a request, whose end the header fields tell."""

import asyncio
from collections.abc import AsyncIterator

from cfbilling.sandbox.rules.requests import Headers

__all__ = ["MOST_BYTES", "MalformedRequestError", "read_body"]

MOST_BYTES = 1024 * 1024
_PIECE = 64 * 1024
_LINE = b"\r\n"


class MalformedRequestError(ValueError):
    """Bytes that are no HTTP request."""


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> bytes | None:
    """Read a body to its end, and return it unless it is longer than `MOST_BYTES`.

    Raises:
        MalformedRequestError: The body has no length.
    """
    kept: list[bytes] = []
    size = 0
    # A body that is too long is read as well: the answer comes behind it on the connection.
    async for piece in _pieces(reader, headers):
        size += len(piece)
        if size <= MOST_BYTES:
            kept.append(piece)
    return b"".join(kept) if size <= MOST_BYTES else None


async def _pieces(reader: asyncio.StreamReader, headers: Headers) -> AsyncIterator[bytes]:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        async for piece in _exactly(reader, _number(headers.get("content-length", "0"), 10)):
            yield piece
        return
    while size := _number((await reader.readuntil(_LINE)).partition(b";")[0].decode("latin-1"), 16):
        async for piece in _exactly(reader, size):
            yield piece
        await reader.readexactly(len(_LINE))
    while await reader.readuntil(_LINE) != _LINE:
        pass


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.readexactly(min(size, _PIECE))
        size -= len(piece)
        yield piece


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError as error:
        raise MalformedRequestError("not a length") from error
    if number < 0:
        raise MalformedRequestError("a length is not negative")
    return number
