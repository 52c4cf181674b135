"""The command ``cfbilling billable-usage``: what self-serve accounts used and what it cost."""

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

__all__ = ["billable_usage"]


@click.command("billable-usage", short_help="Usage and costs of self-serve accounts (version 1).")
@accounts_argument
@range_options
@format_options()
@connection_options
@verbosity_options
def billable_usage(account: tuple[str, ...], **given: Any) -> None:
    """Write the billable usage of self-serve ACCOUNTs (version 1), with its costs.

    Without days, the current billing cycle through today. Fixed fees are not in it: see
    'cfbilling subscriptions'.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling billable-usage $CLOUDFLARE_ACCOUNT_ID --last 90d -o quarter.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(lambda: run_export(export_from(given, query_from(given, "billable_usage", account))))
