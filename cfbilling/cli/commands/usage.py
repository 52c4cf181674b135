"""The command ``cfbilling usage``: what accounts used."""

from __future__ import annotations

from typing import Any

import attrs
import click

from cfbilling.cli.errors import CommandError
from cfbilling.cli.export import Export, run_export
from cfbilling.cli.options import (
    accounts_argument,
    connection_options,
    export_from,
    format_options,
    metric_option,
    query_from,
    range_options,
    selection_options,
    verbosity_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.selection import selection_of

__all__ = ["usage"]


@click.command(short_help="Usage of contracts (version 2), on request with costs.")
@accounts_argument
@range_options
@metric_option
@selection_options
@format_options()
@connection_options
@verbosity_options
def usage(
    account: tuple[str, ...],
    *,
    cost: bool,
    filters: tuple[str, ...],
    groups: tuple[str, ...],
    **given: Any,
) -> None:
    """Write the usage of ACCOUNTs: one record for each metric and day.

    With --cost, --filter or --group-by it is the cost query that is asked. All of this is of
    contracts only (version 2); for self-serve accounts, see 'cfbilling costs'.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling usage $CLOUDFLARE_ACCOUNT_ID --month 2025-01 -o january.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    def export() -> Export:
        selection = selection_of(cost=cost, filters=filters, groups=groups)
        if given["metric"] is not None and not selection.is_plain:
            raise CommandError("--metric goes with neither --cost, --filter nor --group-by")
        query = attrs.evolve(query_from(given, "usage", account), selection=selection)
        made = export_from(given, query)
        return attrs.evolve(made, choice=attrs.evolve(made.choice, groups=selection.group_by))

    run(lambda: run_export(export()))
