"""The command ``cfbilling usage``: what accounts used."""

from __future__ import annotations

from typing import Any

import click

from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    connection_options,
    export_from,
    format_options,
    metric_option,
    range_options,
    verbosity_options,
)
from cfbilling.cli.process import run

__all__ = ["usage"]


@click.command()
@accounts_argument
@range_options
@metric_option
@format_options()
@connection_options
@verbosity_options
def usage(account: tuple[str, ...], **given: Any) -> None:
    """Write the usage of ACCOUNTs: one record for each metric and day.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling usage $CLOUDFLARE_ACCOUNT_ID --month 2025-01 -o january.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(lambda: run_export(export_from(given, "usage", account)))
