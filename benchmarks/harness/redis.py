"""A Redis of one's own, on loopback, for as long as it is needed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["REDIS_SERVER", "redis_server"]

REDIS_SERVER = "redis-server"
"""The program, of Debian's package of that name."""


@contextmanager
def redis_server() -> Iterator[str]:
    """Run one that keeps nothing, and give its URL.

    Raises:
        FileNotFoundError: If the program is not installed.
    """
    if (program := shutil.which(REDIS_SERVER)) is None:
        raise FileNotFoundError(f"there is no {REDIS_SERVER}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert any("Ready to accept" in line for line in server.stdout)
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()
