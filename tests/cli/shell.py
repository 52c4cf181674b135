"""A sandbox that runs beside a test, and the real command pointed at it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any, Literal
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import attrs

from cfbilling.cli.program import program
from cfbilling.sandbox import Sandbox

__all__ = [
    "COMMAND",
    "Ended",
    "Shell",
    "on_terminal",
    "run_here",
    "saying",
    "serving",
    "started",
]

COMMAND = (sys.executable, "-m", "cfbilling")
OBJECTS = ("/billing/profile", "/billing/credits", "/billable-usage/info")


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


@contextmanager
def saying(members: str, *, status: int = 200) -> Iterator[dict[str, str]]:
    """Serve what no sandbox would say, and give the environment that points the command at it.

    Args:
        members: The text of a record's members as JSON, without the braces; each answer has or is
            one such record, on the first day that was asked for. With another status, the members
            of the answer's only error.
        status: The status of each answer.
    """

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (first,) = parse_qs(urlsplit(self.path).query).get("from", ["2025-01-01"])
            self._answer(f"{first}T00:00:00Z")

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(asked["TimePeriod"]["From"])

        def _answer(self, first: str) -> None:
            record = f'{{"ChargePeriodStart":"{first}",{members}}}'
            has_more = parse_qs(urlsplit(self.path).query).get("page", ["1"]) == ["1"]
            result = f"[{record}]" if has_more else "[]"
            result = record if self.path.endswith(OBJECTS) else result
            result, errors = (result, "") if status == 200 else ("null", f"{{{members}}}")
            success = "true" if status == 200 else "false"
            body = f'{{"success":{success},"errors":[{errors}],"result":{result}}}'.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield {
                "PATH": os.environ["PATH"],
                "PYTHONWARNINGS": "error",
                "COLUMNS": "120",
                "CLOUDFLARE_API_TOKEN": "token",
                "CLOUDFLARE_ACCOUNT_ID": "a" * 32,
                "CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{server.server_port}",
            }
        finally:
            server.shutdown()
            thread.join()


@attrs.frozen
class Ended:
    """A command that came to its end.

    Attributes:
        returncode: The exit code.
        stdout: The bytes on standard output.
        stderr: The bytes on standard error.
    """

    returncode: int
    stdout: bytes
    stderr: bytes


def run_here(*arguments: str, environment: Mapping[str, str], stdin: bytes = b"") -> Ended:
    """Run the command to its end in this process, which needs no time to start.

    Its standard streams are files with descriptors, for it writes past Python's own buffers.
    """
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        io.TextIOWrapper(io.BytesIO(stdin), "utf-8") as text_in,
        _text(out) as text_out,
        _text(err) as text_err,
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.multiple(sys, stdin=text_in, stdout=text_out, stderr=text_err),
    ):
        try:
            program.main(arguments, "cfbilling")
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0
        text_out.flush()
        text_err.flush()
        return Ended(code, _content(out), _content(err))


def _text(file: IO[bytes]) -> IO[str]:
    return open(file.fileno(), "w", encoding="utf-8", closefd=False)


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


@contextmanager
def started(
    *arguments: str,
    environment: Mapping[str, str],
    stdout: int | None = None,
    stderr: int | None = None,
    is_nohup: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command as a process of its own, to be ended by the test.

    Args:
        arguments: Its arguments.
        environment: What it sees.
        stdout: Its standard output.
        stderr: Its standard error.
        is_nohup: Whether it is started as ``nohup`` does.
    """
    # A child inherits an ignored signal, such as that of a test run in the background.
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_IGN if is_nohup else signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=dict(environment), stdout=stdout, stderr=stderr
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with process:
        try:
            yield process
        finally:
            # Else a test that fails would wait for ever.
            process.kill()


def on_terminal(
    *arguments: str,
    environment: Mapping[str, str],
    stream: Literal["stdout", "stderr"],
    encoding: str = "utf-8",
) -> tuple[int, str]:
    """Run the command with a standard stream on a terminal, and return what that showed."""
    master, slave = pty.openpty()
    out, err = (slave, subprocess.DEVNULL) if stream == "stdout" else (subprocess.DEVNULL, slave)
    with started(*arguments, environment=environment, stdout=out, stderr=err) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break
        code = process.wait(30)
    os.close(master)
    return code, shown.decode(encoding)


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

    def run(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
        """Run the command to its end."""
        return run_here(*arguments, stdin=stdin, environment=self.environment(**environment))
