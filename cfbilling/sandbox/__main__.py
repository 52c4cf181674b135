"""Serve a sandbox until told to stop: ``python -m cfbilling.sandbox``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import TypeAlias, get_args

from cfbilling.sandbox.data.billable_fields import SubscriptionIds
from cfbilling.sandbox.data.charge_periods import ChargePeriodEnd
from cfbilling.sandbox.data.json_text import Whitespace
from cfbilling.sandbox.data.usage_fields import NullCosts, Revision
from cfbilling.sandbox.rules.admission import Kind
from cfbilling.sandbox.rules.anchored_ranges import (
    AnchorsOf,
    DefaultCycles,
    FirstCycle,
    TwoAnchors,
)
from cfbilling.sandbox.rules.rate_limits import Lockout, QuotaKind
from cfbilling.sandbox.rules.usage_queries import FilterName
from cfbilling.sandbox.sandbox import Sandbox
from cfbilling.sandbox.server.compression import Compression

__all__ = ["main", "parser", "serve"]

_SHOWN_ACCOUNTS = 100

_Add: TypeAlias = Callable[..., argparse.Action]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m cfbilling.sandbox",
        description="Play the billing API on loopback. Prints one line of JSON that says where.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="port to listen on (default: any)")
    add("--accounts", type=int, default=3, help="number of accounts")
    add("--organizations", type=int, default=1, help="number of organizations")
    add("--seed", type=int, default=1, help="what all data is derived from")
    add("--tokens", type=int, default=1, help="number of valid API tokens")
    add("--records-per-day", type=int, default=12, help="records of each account on each day")
    add("--padding", type=int, default=0, help="additional characters in each record")
    add("--revision", choices=get_args(Revision), default="seed", help="shape of usage records")
    add("--null-costs", choices=get_args(NullCosts), default="keep", help="costs of usage")
    add("--history-items", type=int, default=120, help="items in each billing history")
    add("--whitespace", choices=get_args(Whitespace), default="compact", help="JSON style")
    add("--max-days", type=int, default=31, help="longest range of the usage endpoints")
    add("--to-inclusive", action="store_true", help="the day of `to` belongs to the answer")
    add("--range-counts-inclusively", action="store_true", help="both ends count to the range")
    add("--compression", choices=get_args(Compression), default="auto", help="of bodies")
    add("--gzip-level", type=int, default=6, help="effort of gzip and deflate")
    add("--zstd-window-log", type=int, help="logarithm of the window of zstd")
    add("--cache-bodies", action="store_true", help="remember and replay each body")
    _add_quota(add)
    _add_version_1(add)
    _add_admission(add)
    add("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    return parser


def _add_quota(add: _Add) -> None:
    switch = argparse.BooleanOptionalAction
    add("--quota", type=int, default=1200, help="requests in a window; 0 to count nothing")
    add("--window", type=float, default=300, help="seconds of a window")
    kinds = get_args(QuotaKind)
    add("--quota-kind", choices=kinds, default=kinds[0], help="how it is counted and told")
    lockouts = get_args(Lockout)
    add("--lockout", choices=lockouts, default=lockouts[0], help="how long a refusal lasts")
    add("--quota-retry-after", action=switch, default=True, help="a refusal has Retry-After")


def _add_version_1(add: _Add) -> None:
    switch = argparse.BooleanOptionalAction
    add("--idle-days", type=float, default=0.0, help="fraction of days without billable usage")
    choices = get_args(SubscriptionIds)
    add("--subscription-ids", choices=choices, default="some", help="records that tell theirs")
    choices = get_args(ChargePeriodEnd)
    add("--charge-period-end", choices=choices, default="exclusive", help="how an end is written")
    add("--v1-to-inclusive", action=switch, default=True, help="`to` belongs to billable usage")
    choices = get_args(TwoAnchors)
    add("--two-anchors", choices=choices, default="empty", help="what a range with two gives")
    choices = get_args(AnchorsOf)
    add("--anchors-of", choices=choices, default="subscriptions", help="whose anchors count")
    add("--leading-days", action=switch, default=True, help="give days before the first anchor")
    choices = get_args(FirstCycle)
    add("--first-cycle", choices=choices, default="anchor", help="where the first one begins")
    cycles = get_args(DefaultCycles)
    add("--v1-default-cycles", type=int, choices=cycles, default=2, help="cycles without dates")


def _add_admission(add: _Add) -> None:
    switch = argparse.BooleanOptionalAction
    add("--kind", choices=get_args(Kind), default="both", help="versions that accounts may use")
    add("--restricted-status", type=int, default=403, help="status for who is not let in")
    add("--old-names", action=switch, default=True, help="the paygo endpoints are still there")
    names = get_args(FilterName)
    add("--filter-name", choices=names, default=names[0], help="filter of queries by metrics")
    add("--result-info", action=switch, default=True, help="pages tell how many items there are")
    add("--history-ids", action=switch, default=True, help="all items of the history have ids")


async def serve(arguments: argparse.Namespace) -> None:
    """Run a sandbox until a signal, or the end of standard input, stops it."""
    settings = vars(arguments)
    until_stdin_closes: bool = settings.pop("until_stdin_closes")
    settings["quota"] = settings["quota"] or None
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(**settings) as sandbox:
        sys.stdout.write(json.dumps(_whereabouts(sandbox)) + "\n")
        sys.stdout.flush()
        if until_stdin_closes:
            loop.add_reader(sys.stdin, _drain, stop)
        await stop.wait()
    if until_stdin_closes:
        loop.remove_reader(sys.stdin)


def main() -> None:
    """Run the command."""
    asyncio.run(serve(parser().parse_args()))


def _drain(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


def _whereabouts(sandbox: Sandbox) -> dict[str, str | list[str]]:
    return {
        "base_url": sandbox.base_url,
        "api_token": sandbox.api_token,
        "api_tokens": sandbox.api_tokens,
        "email": sandbox.email,
        "api_key": sandbox.api_key,
        "account_ids": sandbox.account_ids[:_SHOWN_ACCOUNTS],
        "organization_ids": sandbox.organization_ids,
    }


if __name__ == "__main__":
    main()
