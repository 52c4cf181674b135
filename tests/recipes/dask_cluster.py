"""A Dask cluster of processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["DaskCluster"]

_SECONDS = 15.0


class DaskCluster:
    """A scheduler and its workers; a context manager that kills them.

    Args:
        folder: For what they write.
        workers: How many workers.
        environ: What the workers have in their environment.
        threads: How many tasks each of them does at once.
    """

    def __init__(
        self, folder: Path, workers: int, environ: Mapping[str, str], threads: int = 1
    ) -> None:
        self._folder = folder
        self._environ = dict(os.environ) | dict(environ)
        self._workers = workers
        self._threads = threads
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        file = self._folder / "scheduler.json"
        self._scheduler = self._started(
            "scheduler", "--host=127.0.0.1", "--port=0", f"--scheduler-file={file}"
        )
        ends = time.monotonic() + _SECONDS
        while not (text := file.read_text() if file.exists() else ""):
            assert time.monotonic() < ends, "the scheduler does not begin"
            time.sleep(0.05)
        self.address: str = json.loads(text)["address"]
        for number in range(self._workers):
            self._started(
                "worker",
                self.address,
                "--no-nanny",
                f"--name=worker-{number}",
                f"--nthreads={self._threads}",
                f"--local-directory={self._folder}",
            )
        return self

    def _started(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", what, *arguments, "--no-dashboard"]
        with (self._folder / f"{what}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--dashboard-address=:0"], env=self._environ, stdout=log, stderr=log
            )
        self._running.append(process)
        return process

    def stop_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self._scheduler is not None
        self._scheduler.send_signal(signal.SIGKILL)
        self._scheduler.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._running:
            process.kill()
            process.wait()
