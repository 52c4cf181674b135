"""A server of hand-written answers, for services that are odder than the sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
from aiohttp import web

from cfbilling import ApiToken, BillingClient, Clock, RetryPolicy

__all__ = ["Answer", "Asked", "Served", "json_server", "refused", "result"]

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@attrs.frozen
class Asked:
    """A request.

    Attributes:
        method: Its method.
        path: Its path.
        query: Its query.
        body: Its body.
        token: The token that signs it.
    """

    method: str
    path: str
    query: dict[str, str]
    body: str
    token: str


Answer = tuple[int, dict[str, Any]]


def result(value: object, **more: object) -> Answer:
    """Return an answer that holds a result."""
    return 200, {"errors": [], "messages": [], "result": value, "success": True, **more}


def refused(status: int, code: int = 1234) -> Answer:
    """Return an answer that says no."""
    errors = [{"code": code, "message": "no"}]
    return status, {"errors": errors, "messages": [], "result": None, "success": False}


@attrs.frozen
class Served:
    """What is served.

    Attributes:
        url: Its URL.
        asked: The requests, in order.
    """

    url: str
    asked: list[Asked]

    def client(self, credentials: Any = ApiToken("t"), **more: Any) -> BillingClient:  # noqa: B008 - frozen
        """Return a client of it on a day of its own, which tries nothing again."""
        return BillingClient(
            credentials,
            base_url=self.url,
            clock=Clock(now=lambda: NOW),
            retry=RetryPolicy(attempts=1),
            **more,
        )


@asynccontextmanager
async def json_server(answer: Callable[[Asked], Answer]) -> AsyncIterator[Served]:
    """Serve what a function answers."""
    asked: list[Asked] = []

    async def serve(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        body = await request.text()
        asked.append(Asked(request.method, request.path, dict(request.query), body, token))
        status, told = answer(asked[-1])
        return web.Response(status=status, text=json.dumps(told), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Served(f"http://127.0.0.1:{runner.addresses[0][1]}", asked)
    finally:
        await runner.cleanup()
