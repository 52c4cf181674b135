"""The command ``cfbilling paygo``: the pay-as-you-go usage of accounts."""

from __future__ import annotations

from typing import Any

import click

from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    connection_options,
    export_from,
    format_options,
    query_from,
    range_options,
    verbosity_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.query import Endpoint

__all__ = ["paygo"]


@click.command(short_help="Pay-as-you-go usage, under the old names of version 1.")
@accounts_argument
@range_options
@click.option("--beta", is_flag=True, help="Ask the beta endpoint, which sends fewer fields.")
@format_options()
@connection_options
@verbosity_options
def paygo(account: tuple[str, ...], *, beta: bool, **given: Any) -> None:
    """Write the pay-as-you-go usage of ACCOUNTs.

    Today these endpoints are called billable-usage, and under this name may no longer answer.

    These records do not say whose they are. When more than one account is asked for, a table or
    a file with columns has a first column AccountId; NDJSON stays as the service sends it.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling paygo $CLOUDFLARE_ACCOUNT_ID --last 30d --format csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    endpoint: Endpoint = "paygo_usage_beta" if beta else "paygo_usage"
    run(lambda: run_export(export_from(given, query_from(given, endpoint, account))))
