"""A page in a real browser: as wide, as light or as dark as a test wants it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

__all__ = ["Tab", "browsing", "needs_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


@attrs.define
class Tab:
    """A page that is shown.

    Attributes:
        logged: What the page wrote to the console, or was refused.
    """

    _socket: aiohttp.ClientWebSocketResponse
    _numbers: Iterator[int] = attrs.field(factory=count)
    logged: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Have the browser do something, and return what came of it."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer: dict[str, Any] = await self._socket.receive_json()
            if answer.get("method") in ("Runtime.consoleAPICalled", "Log.entryAdded"):
                self.logged.append(answer)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def show(self, page: Path, *, width: int = 1100, dark: bool = False) -> None:
        """Load a page, and wait until it is there."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.call("Page.navigate", url=f"file://{page}")
        while await self.run("document.readyState + location.href") != f"completefile://{page}":
            pass

    async def run(self, script: str) -> Any:
        """Return what an expression of JavaScript comes to."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def picture(self) -> bytes:
        """Return the whole page as PNG."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@contextmanager
def _started() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                assert process.stderr
                for line in process.stderr:
                    if b"DevTools listening on ws://" in line:
                        yield process, line.decode().split("ws://")[1].split("/")[0]
                        return
            finally:
                process.kill()


@asynccontextmanager
async def browsing() -> AsyncIterator[Tab]:
    """Start a browser, and yield its only tab."""
    with _started() as (_, address):
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{address}/json/list") as response:
                pages = await response.json()
            (url,) = [page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"]
            async with session.ws_connect(url, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await tab.call(f"{domain}.enable")
                yield tab
