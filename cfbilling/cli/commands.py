"""What can be typed after ``cfbilling``."""

from __future__ import annotations

import asyncio
import sys

import click

from cfbilling import BillingError, __version__
from cfbilling.cli.demo import run_demo

__all__ = ["commands"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cfbilling")
def commands() -> None:
    """Cloudflare billing and usage data."""


@commands.command()
@click.option(
    "--live",
    is_flag=True,
    help="Ask the real API, with CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.",
)
def demo(*, live: bool) -> None:
    """Stream 13 months of usage and show what it cost.

    Without --live, a sandbox of invented accounts answers, on this machine:

      cfbilling demo
    """
    try:
        asyncio.run(run_demo(live=live))
    except BillingError as error:
        click.echo(f"cfbilling: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
