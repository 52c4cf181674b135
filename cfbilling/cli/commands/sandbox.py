"""The sandbox as a command: the API server to develop against."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal

import attrs

from cfbilling.cli.exit_codes import NETWORK, OK, CommandError
from cfbilling.sandbox import Revision, Sandbox

__all__ = ["Served", "quota_of", "run_sandbox"]

_QUOTA = re.compile(r"(\d{1,9})(?:/(\d{1,9}(?:\.\d+)?))?", re.ASCII)


@attrs.frozen
class Served:
    """What the sandbox is to be like.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for any.
        accounts: How many accounts.
        organizations: How many organizations share them.
        seed: What all data is derived from.
        records_per_day: Records of each account on each day.
        revision: Which of the published shapes records have.
        quota: Requests in a window; None to count nothing.
        window: Seconds of a window.
    """

    host: str
    port: int
    accounts: int
    organizations: int
    seed: int
    records_per_day: int
    revision: Revision
    quota: int | None
    window: float


def quota_of(text: str) -> tuple[int | None, float]:
    """Return requests and seconds of ``Q/W``; a quota of 0 counts nothing.

    Raises:
        CommandError: If it is none.
    """
    found = _QUOTA.fullmatch(text.strip())
    window = float(found[2] or 300) if found else 0.0
    if not found or not window:
        raise CommandError(f"--quota must be like 1200/300, not {text!r}")
    return int(found[1]) or None, window


async def run_sandbox(served: Served) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit code.

    Raises:
        CommandError: If the port cannot be listened on.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with Sandbox(**attrs.asdict(served)) as sandbox:
            print("\n".join(_whereabouts(sandbox)), flush=True)
            await stop.wait()
    except OSError as error:
        address = f"{served.host}:{served.port}"
        raise CommandError(f"cannot listen on {address}: {error.strerror}", NETWORK) from error
    return OK


def _whereabouts(sandbox: Sandbox) -> list[str]:
    variables = {
        "CLOUDFLARE_BASE_URL": sandbox.base_url,
        "CLOUDFLARE_API_TOKEN": sandbox.api_token,
        "CLOUDFLARE_ACCOUNT_ID": sandbox.account_ids[0],
        "CLOUDFLARE_ORGANIZATION_ID": sandbox.organization_ids[0],
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return [
        "# A sandbox of invented accounts. In another shell:",
        *exports,
        "# Then, for example:",
        "cfbilling usage $CLOUDFLARE_ACCOUNT_ID --last 7d",
        "# Ctrl-C ends it.",
    ]
