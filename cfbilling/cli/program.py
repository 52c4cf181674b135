"""What can be typed after ``cfbilling``: declarations, and no more."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from cfbilling import BillingError, __version__
from cfbilling.cli.commands.check import run_check
from cfbilling.cli.commands.demo import run_demo
from cfbilling.cli.commands.profile import run_profile
from cfbilling.cli.commands.report import Reporting, run_report
from cfbilling.cli.commands.sandbox import Served, quota_of, run_sandbox
from cfbilling.cli.export import Endpoint, Export, Question, run_export
from cfbilling.cli.options import (
    accounts_from,
    choice_from,
    connection_from,
    connection_options,
    format_options,
    many_accounts,
    range_from,
    range_options,
    talk_from,
    talk_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.report.totals import DIMENSIONS, Dimension
from cfbilling.sandbox import Revision

__all__ = ["program"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cfbilling")
def program() -> None:
    """Cloudflare billing and usage data, in a file, a table or a picture.

    The credential comes from CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL with CLOUDFLARE_API_KEY,
    or from --token-file; never from an argument, which other users of the machine can see.

    \b
    Exit codes:
      0    everything was delivered (or the reader of a pipe had enough)
      1    some accounts failed; standard error names them
      2    the command line is wrong
      3    no credential, or the service does not accept it
      4    the service refused: no such account, or no access
      5    rate-limited for longer than --max-wait
      6    the network or the service failed
      7    the output could not be written
      130  interrupted (Ctrl-C)
    """  # noqa: D301 - click's mark for text that is not to be wrapped


async def _export(endpoint: Endpoint, ids: tuple[str, ...], given: dict[str, Any]) -> int:
    question = Question(endpoint, accounts_from(given, ids), range_from(given), given.get("metric"))
    return await run_export(
        Export(
            question,
            connection_from(given),
            choice_from(given),
            given["output"],
            talk_from(given),
        )
    )


@program.command()
@many_accounts
@range_options
@click.option("--metric", metavar="M", help="Only this billable metric.")
@format_options()
@connection_options
@talk_options
def usage(account: tuple[str, ...], **given: Any) -> None:
    """Write the usage of ACCOUNTs: one record for each metric and day.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling usage $CLOUDFLARE_ACCOUNT_ID --month 2025-01 -o january.csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(_export("usage", account, given))


@program.command("org-usage")
@click.argument("organization")
@range_options
@click.option("--metric", metavar="M", help="Only this billable metric.")
@format_options()
@connection_options
@talk_options
def org_usage(organization: str, **given: Any) -> None:
    """Write the usage of every account of an ORGANIZATION.

    An organization that does not exist has no records, and that is no error.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling org-usage $CLOUDFLARE_ORGANIZATION_ID --month 2025-01 --format ndjson
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(_export("organization_usage", (organization,), given))


@program.command()
@many_accounts
@range_options
@click.option("--beta", is_flag=True, help="Ask the beta endpoint, which sends fewer fields.")
@format_options()
@connection_options
@talk_options
def paygo(account: tuple[str, ...], *, beta: bool, **given: Any) -> None:
    """Write the pay-as-you-go usage of ACCOUNTs.

    These records do not say whose they are. When more than one account is asked for, a table or
    a file with columns has a first column AccountId; NDJSON stays as the service sends it.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling paygo $CLOUDFLARE_ACCOUNT_ID --last 30d --format csv
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(_export("paygo_usage_beta" if beta else "paygo_usage", account, given))


@program.command()
@click.argument("account")
@format_options("table", "ndjson", "csv")
@connection_options
def profile(account: str, **given: Any) -> None:
    """Write who pays for an ACCOUNT and how: personal data.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling profile $CLOUDFLARE_ACCOUNT_ID
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(run_profile(account, connection_from(given), choice_from(given), given["output"]))


@program.command()
@many_accounts
@range_options
@click.option("--metric", metavar="M", help="Only this billable metric.")
@click.option(
    "--by", type=click.Choice(DIMENSIONS), default="product", show_default=True, help="What to sum."
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Lines to show; the others are one line together.",
)
@click.option("--html", metavar="FILE", help="Write a page that needs no network to be viewed.")
@click.option("--svg", metavar="FILE", help="Write the daily chart alone.")
@connection_options
@talk_options
def report(
    account: tuple[str, ...],
    *,
    by: Dimension,
    top: int,
    html: str | None,
    svg: str | None,
    **given: Any,
) -> None:
    """Add up the billed cost and the usage of ACCOUNTs: exactly, for each currency and unit.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling report $CLOUDFLARE_ACCOUNT_ID --last 90d --html report.html
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def report_them() -> int:
        question = Question(
            "usage", accounts_from(given, account), range_from(given), given["metric"]
        )
        reporting = Reporting(
            question, connection_from(given), by, top, html, svg, talk_from(given)
        )
        return await run_report(reporting)

    run(report_them())


@program.command()
@click.argument("account", required=False)
@click.option("--organization", metavar="ID", help="Try the endpoint for organizations too.")
@connection_options
def check(account: str | None, organization: str | None, **given: Any) -> None:
    """Tell which credential is found, whether it works, what is open to it, and its quota.

    Each endpoint is asked once, for yesterday. Without ACCOUNT, CLOUDFLARE_ACCOUNT_ID is asked
    about.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling check
    """  # noqa: D301 - click's mark for text that is not to be wrapped
    run(run_check(account, organization, connection_from(given)))


@program.command()
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
def sandbox(*, quota: str, revision: Revision, **given: Any) -> None:
    """Serve an API of invented accounts on this machine, until Ctrl-C.

    It prints the lines that point this command line at it, to be pasted into another shell.

    \b
    Example:
      cfbilling sandbox --port 8787 --accounts 5 --quota 100/60
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def serve() -> int:
        requests, window = quota_of(quota)
        return await run_sandbox(Served(revision=revision, quota=requests, window=window, **given))

    run(serve())


@program.command()
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
