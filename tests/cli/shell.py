"""A sandbox that runs beside a test, and the real command pointed at it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from cfbilling.sandbox import Sandbox

__all__ = ["Shell", "serving"]

COMMAND = (sys.executable, "-m", "cfbilling")


@contextmanager
def serving(**settings: Any) -> Iterator[Sandbox]:
    """Run a sandbox on a loop of its own, in a thread."""
    sandbox = Sandbox(**settings)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(step: Any) -> None:
        asyncio.run_coroutine_threadsafe(step, loop).result(10)

    wait(sandbox.__aenter__())
    try:
        yield sandbox
    finally:
        wait(sandbox.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@attrs.frozen
class Shell:
    """The command, pointed at a sandbox by its environment."""

    sandbox: Sandbox

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the command sees."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "error",
            "COLUMNS": "120",
            "CLOUDFLARE_API_TOKEN": self.sandbox.api_token,
            "CLOUDFLARE_BASE_URL": self.sandbox.base_url,
            **more,
        }

    def run(
        self, *arguments: str, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment(**environment),
            timeout=60,
            check=False,
        )

    def start(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the command, to be ended by the test."""
        return subprocess.Popen(
            [*COMMAND, *arguments], env=self.environment(), stdout=stdout, stderr=stderr
        )
