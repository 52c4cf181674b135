"""The command ``cfbilling org-usage``: what the accounts of an organization used."""

from __future__ import annotations

from typing import Any

import click

from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    connection_options,
    export_from,
    format_options,
    metric_option,
    query_from,
    range_options,
    verbosity_options,
)
from cfbilling.cli.process import run

__all__ = ["org_usage"]


@click.command("org-usage", short_help="Usage of every account of an organization (version 2).")
@click.argument("organization")
@range_options
@metric_option
@format_options()
@connection_options
@verbosity_options
def org_usage(organization: str, **given: Any) -> None:
    """Write the usage of every account of an ORGANIZATION.

    An organization that does not exist has no records, and that is not an error.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling org-usage $CLOUDFLARE_ORGANIZATION_ID --month 2025-01 --format ndjson
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(
        lambda: run_export(
            export_from(given, query_from(given, "organization_usage", [organization]))
        )
    )
