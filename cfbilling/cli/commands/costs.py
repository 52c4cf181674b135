"""The command ``cfbilling costs``: what the usage of accounts cost, in the columns of FOCUS."""

from __future__ import annotations

from typing import Any

import attrs
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
from cfbilling.cli.query import Source

__all__ = ["costs"]

_WITHOUT_COSTS = ("usage", "org-usage", "paygo")


class _Sources(click.Choice):  # type: ignore[type-arg]  # generic since click 8.2 only
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in _WITHOUT_COSTS:
            self.fail(f"{value} does not tell the costs that FOCUS is about.", param, ctx)
        return super().convert(value, param, ctx)


@click.command(short_help="What usage cost, of any account, as FOCUS rows.")
@accounts_argument
@range_options
@click.option(
    "--source",
    type=_Sources(["auto", "v2", "v1"]),
    default="auto",
    show_default=True,
    help="v2: the cost query of contracts. v1: the billable usage of self-serve accounts. auto: "
    "for each account the first of them that lets it in.",
)
@format_options()
@connection_options
@verbosity_options
def costs(account: tuple[str, ...], *, source: Source, **given: Any) -> None:
    """Write what the usage of ACCOUNTs cost: FOCUS rows, whichever version lets an account in.

    Without days, the current month (UTC) through today. The column x_Source says which version a
    row comes from. CSV and Parquet are FOCUS 1.2 and 1.3 datasets.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling costs $CLOUDFLARE_ACCOUNT_ID --month 2025-01 -o january.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(
        lambda: run_export(
            export_from(given, attrs.evolve(query_from(given, "costs", account), source=source))
        )
    )
