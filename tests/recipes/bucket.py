"""A bucket on loopback, and a proxy before it that fails, hangs or cuts off what is put."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from cfbilling.sync import Store, StoreFormat

__all__ = ["Answer", "Bucket", "Proxy", "reset", "silence", "status", "times"]

Answer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
_HOP_BY_HOP = {"connection", "content-encoding", "content-length", "date", "server"}
_HOP_BY_HOP |= {"transfer-encoding"}


class Bucket:
    """Where the server of a bucket is, and how to be let in.

    Attributes:
        url: The server.
        name: The bucket.
        secret: What must never be told.
    """

    name = "costs"
    secret = "hush-" * 8

    def __init__(self, url: str) -> None:
        self.url = url

    def options(self, url: str, *, tries: int = 1, seconds: float = 30) -> dict[str, Any]:
        """Return the options of a store, through whatever is at *url*.

        Args:
            url: The server, or a proxy before it.
            tries: How often botocore sends a request.
            seconds: How long it waits for an answer.
        """
        return {
            "endpoint_url": url,
            "key": "AKIAIOSFODNN7EXAMPLE",
            "secret": self.secret,
            "config_kwargs": {
                "retries": {"total_max_attempts": tries},
                "read_timeout": seconds,
                "connect_timeout": seconds,
            },
        }


class Proxy:
    """Passes requests on, but for those that are answered instead.

    Args:
        bucket: What they are passed on to.

    Attributes:
        folder: A folder of the bucket that no other proxy has.
        put: What answers a PUT; ``None`` of it passes the request on.
        sent: The bytes of bodies that were sent in answer to GETs.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._url = ""
        self.folder = f"s3://{bucket.name}/{secrets.token_hex(8)}"
        # A bucket takes several requests for an object at once; the one on loopback fails then.
        self._turn = asyncio.Lock()
        self.put: Answer | None = None
        self.sent = 0

    def store(self, form: StoreFormat = "parquet", **settings: Any) -> Store:
        """Return a store behind it, with the settings of `Bucket.options`."""
        return Store(self.folder, format=form, **self._bucket.options(self._url, **settings))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "PUT" and self.put is not None:
            instead = await self.put(request)
            if instead is not None:
                return instead
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        async with (
            self._turn,
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{self._bucket.url}{request.raw_path}",
                headers=headers,
                data=body,
                skip_auto_headers=["Accept", "Accept-Encoding", "User-Agent", "Content-Type"],
            ) as answer,
        ):
            content = await answer.read()
            fields = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            if request.method == "HEAD":
                fields["Content-Length"] = answer.headers.get("Content-Length", "0")
            if request.method == "GET":
                self.sent += len(content)
            return web.Response(status=answer.status, headers=fields, body=content)

    @classmethod
    @asynccontextmanager
    async def before(cls, bucket: Bucket) -> AsyncIterator[Proxy]:
        """Run a proxy before a bucket."""
        proxy = cls(bucket)
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{rest:.*}", proxy._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy._url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()


def status(number: int, code: str = "InternalError") -> Answer:
    """Answer with a status, as the service does when it fails."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        text = f"<Error><Code>{code}</Code><Message>try again</Message></Error>"
        return web.Response(status=number, text=text, content_type="application/xml")

    return answer


async def reset(request: web.Request) -> web.Response:
    """Break the connection off in the midst of what is sent."""
    await request.content.read(100)
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def silence(until: asyncio.Event, reached: asyncio.Event) -> Answer:
    """Say nothing for as long as it takes, then pass on."""

    async def answer(request: web.Request) -> None:
        await request.read()
        reached.set()
        await until.wait()

    return answer


def times(count: int, answer: Answer) -> Answer:
    """Answer so many requests, and pass on the others."""
    left = [count]

    async def answered(request: web.Request) -> web.StreamResponse | None:
        left[0] -= 1
        return await answer(request) if left[0] >= 0 else None

    return answered
