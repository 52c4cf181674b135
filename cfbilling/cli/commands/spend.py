"""The command ``cfbilling spend``: what accounts have spent so far, and whether it is too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cfbilling import BillingClient, BillingError, DecodeError, Record
from cfbilling.cli.errors import CommandError, print_error
from cfbilling.cli.exit_codes import OUTPUT, OVER
from cfbilling.cli.export import run_export
from cfbilling.cli.options import (
    accounts_argument,
    accounts_from,
    connection_options,
    export_from,
    format_options,
    verbosity_from,
    verbosity_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.spend.asking import ask_spending
from cfbilling.cli.spend.limits import limits_of
from cfbilling.cli.spend.line import SpendLine
from cfbilling.cli.spend.verdict import JudgedList, Verdict
from cfbilling.cli.waiting import failure_told

__all__ = ["spend"]


@click.command(short_help="Spent so far in this billing cycle, and whether it is too much.")
@click.option(
    "--over",
    "given_limits",
    multiple=True,
    metavar="AMOUNT",
    help="End with 8 if an account has spent more than AMOUNT, metered and fixed together: 50 for "
    "each currency by itself, 50USD for one. Repeatable, once for each currency.",
)
@accounts_argument
@format_options()
@connection_options
@verbosity_options
def spend(account: tuple[str, ...], *, given_limits: tuple[str, ...], **given: Any) -> None:
    """Write what ACCOUNTs have spent so far in this billing cycle, in each currency.

    Metered is the billed cost of usage, as of 'cfbilling costs', from the first day of the cycle
    through today (UTC). Where version 1 tells no cycle it is the month in UTC, and so it says.

    Fixed are the fees of subscriptions, but not of those in the state Trial, Cancelled, Failed or
    Expired. A fee is spent, whole, on the day that its period begins: a monthly one once in each
    cycle, a yearly one once a year, a weekly one each week. One that does not say when counts.

    With --over, each account is compared by itself. What is over is named on standard error, and
    the exit code is 8, whether others failed or not. What failed is never taken for little: an
    account of which anything is missing has no line, and one whose charges all lack a price is not
    known to be within its limit; then the exit code is 1, or what else is told of failures.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling spend $CLOUDFLARE_ACCOUNT_ID --over 500000
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def spent() -> int:
        limits = limits_of(given_limits)
        verdict = Verdict(bool(limits), verbosity_from(given).quiet)

        async def ask(client: BillingClient, account_id: str) -> Sequence[Record]:
            try:
                return await ask_spending(client, account_id, limits)
            except CommandError as error:
                # What nobody can add up is of one account, and says nothing of the others.
                raise DecodeError(str(error)) from error

        question = JudgedList(accounts_from(given, account), SpendLine, ask, verdict)
        try:
            return verdict.exit_code(await run_export(export_from(given, question)))
        except (BillingError, CommandError) as error:
            if not verdict.is_over:
                raise
            # Such as of the list of accounts, which ends the run before its end.
            print_error(failure_told(error) if isinstance(error, BillingError) else error)
            return OVER
        except BrokenPipeError:
            if not limits:
                raise
            # Elsewhere a reader who has had enough is no failure; a limit is to be kept by all.
            raise CommandError("the output was not read, so not all was compared", OUTPUT) from None

    run(spent)
