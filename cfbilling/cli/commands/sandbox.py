"""The command ``cfbilling sandbox``: an API server to develop against."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
from contextlib import AsyncExitStack
from typing import Any

import click

from cfbilling.cli.completion import files
from cfbilling.cli.errors import CommandError
from cfbilling.cli.exit_codes import NETWORK, OK
from cfbilling.cli.output import require_writable, write_whole
from cfbilling.cli.process import run
from cfbilling.sandbox import Sandbox

__all__ = ["sandbox"]

_QUOTA = re.compile(r"(\d{1,9})(?:/(\d{1,9}(?:\.\d+)?))?", re.ASCII)


@click.command(short_help="Serve an API of invented accounts on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; any by default.")
@click.option("--accounts", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--organizations", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", default=1, show_default=True, help="What all data is derived from.")
@click.option(
    "--records-per-day", type=click.IntRange(min=0), default=12, show_default=True, metavar="N"
)
@click.option("--revision", type=click.Choice(["seed", "later"]), default="seed")
@click.option(
    "--quota",
    default="1200/300",
    show_default=True,
    metavar="Q/W",
    help="Q requests in W seconds; 0 counts nothing.",
)
@click.option(
    "--tokens",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="API tokens, each with a quota of its own.",
)
@click.option(
    "--accounts-out",
    metavar="FILE",
    shell_complete=files,
    help="Write the accounts to FILE, as --accounts-file takes them; of several tokens, each "
    "account names one in turn.",
)
def sandbox(*, host: str, port: int, quota: str, accounts_out: str | None, **given: Any) -> None:
    """Serve an API of invented accounts on this machine, until Ctrl-C.

    It prints the lines that point this command line at it, to be pasted into another shell, and
    the ids of all accounts.

    \b
    Example:
      cfbilling sandbox --port 8787 --accounts 5 --quota 100/60
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def serve() -> int:
        requests, window = _quota(quota)
        if accounts_out is not None:
            require_writable(accounts_out)
        server = Sandbox(host=host, port=port, quota=requests, window=window, **given)
        return await _serve(server, f"{host}:{port}", accounts_out)

    run(serve)


def _quota(text: str) -> tuple[int | None, float]:
    """Return requests and seconds of ``Q/W``; a quota of 0 counts nothing."""
    found = _QUOTA.fullmatch(text.strip())
    window = float(found[2] or 300) if found else 0.0
    if not found or not window:
        raise CommandError(f"--quota must be like 1200/300, not {text!r}")
    return int(found[1]) or None, window


async def _serve(server: Sandbox, where: str, accounts_out: str | None) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(server)
        except OSError as error:
            raise CommandError(f"cannot listen on {where}: {error.strerror}", NETWORK) from error
        if accounts_out is not None:
            await write_whole(accounts_out, _accounts_file(server))
        print("\n".join(_instructions(server, accounts_out)), flush=True)
        await stop.wait()
    return OK


def _accounts_file(server: Sandbox) -> bytes:
    names = list(_tokens(server)) or [""]
    lines = (
        ",".join(filter(None, (account_id, names[number % len(names)])))
        for number, account_id in enumerate(server.account_ids)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _tokens(server: Sandbox) -> dict[str, str]:
    """Return the variable of each token; none of them if there is but one."""
    tokens = server.api_tokens if len(server.api_tokens) > 1 else []
    return {f"CLOUDFLARE_API_TOKEN_{number}": token for number, token in enumerate(tokens, 1)}


def _instructions(server: Sandbox, accounts_out: str | None) -> list[str]:
    variables = {
        "CLOUDFLARE_BASE_URL": server.base_url,
        "CLOUDFLARE_API_TOKEN": server.api_token,
        "CLOUDFLARE_ACCOUNT_ID": server.account_ids[0],
        "CLOUDFLARE_ORGANIZATION_ID": server.organization_ids[0],
        **_tokens(server),
    }
    listed = [f"#   {account_id}" for account_id in server.account_ids]
    if accounts_out is None:
        accounts = ["# Its accounts:", *listed]
    else:
        accounts = [f"# Its accounts, for --accounts-file, are in {accounts_out}"]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return [
        "# A sandbox of invented accounts. In another shell:",
        *exports,
        *accounts,
        "# Then, for example:",
        "cfbilling usage $CLOUDFLARE_ACCOUNT_ID --last 7d",
        "# Ctrl-C ends it.",
    ]
