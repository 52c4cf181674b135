"""A client that is none of ours, so that the sandbox is judged by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

import aiohttp
import pytest

from cfbilling.sandbox import Sandbox

Fetch = Callable[..., Coroutine[None, None, tuple[int, Mapping[str, str], bytes]]]
Raw = Callable[..., Coroutine[None, None, tuple[bytes, bytes, bool]]]


class Gate(asyncio.Event):
    """An event that knows when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        """Wait, after telling so."""
        self.reached.set()
        return await super().wait()


def parsed(body: bytes) -> dict[str, Any]:
    """Read an envelope with exact numbers."""
    envelope: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    return envelope


def code(body: bytes) -> int:
    """Return the first error code of an envelope that reports failure."""
    envelope = json.loads(body)
    assert (envelope["success"], envelope["result"]) == (False, None)
    return int(envelope["errors"][0]["code"])


def usage_path(sandbox: Sandbox, days: str = "from=2025-05-01&to=2025-05-02") -> str:
    """Return the path and query of the first account's usage."""
    return f"/accounts/{sandbox.account_ids[0]}/billable/usage?{days}"


def dechunked(body: bytes) -> bytes:
    """Undo chunked transfer coding as far as it goes."""
    whole = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return bytes(whole)


@pytest.fixture
async def fetch() -> AsyncIterator[Fetch]:
    """Get a path with the first token, or other headers; return status, headers and body."""
    async with aiohttp.ClientSession() as session:

        async def get(
            sandbox: Sandbox,
            path: str,
            query: Mapping[str, str] | None = None,
            headers: Mapping[str, str] | None = None,
            *,
            method: str = "GET",
            body: bytes | None = None,
        ) -> tuple[int, Mapping[str, str], bytes]:
            if headers is None:
                headers = {"Authorization": f"Bearer {sandbox.api_token}"}
            async with session.request(
                method,
                sandbox.base_url + path,
                params=query,
                headers=headers,
                data=None if body is None else BytesIO(body),
                allow_redirects=False,
            ) as response:
                return response.status, response.headers, await response.read()

        yield get


async def opened(
    sandbox: Sandbox, path: str, headers: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and ask for a path with the first token."""
    port = int(sandbox.base_url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ask(writer, sandbox, path, headers)
    return reader, writer


def ask(writer: asyncio.StreamWriter, sandbox: Sandbox, path: str, headers: str = "") -> None:
    """Ask for a path on an open connection."""
    writer.write(
        f"GET /client/v4{path} HTTP/1.1\r\nHost: sandbox\r\n{headers}"
        f"Authorization: Bearer {sandbox.api_token}\r\n\r\n".encode()
    )


@pytest.fixture
def raw() -> Raw:
    """Get a path over a bare socket; return head, body and whether the connection was reset."""

    async def get(sandbox: Sandbox, path: str, headers: str = "") -> tuple[bytes, bytes, bool]:
        reader, writer = await opened(sandbox, path, f"{headers}Connection: close\r\n")
        received, reset = bytearray(), False
        try:
            while data := await reader.read(65536):
                received += data
        except ConnectionResetError:
            reset = True
        writer.close()
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        return head, body, reset

    return get
