"""The options that several commands share, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, TypeVar

import click

from cfbilling.cli.accounts import Accounts, accounts_of, all_accounts_of, lines_of
from cfbilling.cli.completion import files
from cfbilling.cli.connection import Connection
from cfbilling.cli.date_range import DateRange, date_range_of
from cfbilling.cli.errors import CommandError
from cfbilling.cli.export import Export
from cfbilling.cli.formats.choice import FORMATS, FormatChoice
from cfbilling.cli.progress_bar import Verbosity
from cfbilling.cli.query import Endpoint, Query, Question

__all__ = [
    "accounts_argument",
    "accounts_from",
    "all_accounts_option",
    "choice_from",
    "connection_from",
    "connection_options",
    "connection_options_waiting",
    "days_from",
    "decimal_scale_option",
    "export_from",
    "format_options",
    "metric_option",
    "query_from",
    "range_options",
    "selection_options",
    "source_option",
    "spreadsheet_option",
    "verbosity_from",
    "verbosity_options",
]

F = TypeVar("F", bound=Callable[..., Any])
Given = Mapping[str, Any]
"""What was typed, by the names of the options."""


def _all_of(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        """Add the options to a command."""
        return reduce(lambda made, decorator: decorator(made), reversed(decorators), function)

    return decorate


_connection = _all_of(
    click.option("--base-url", metavar="URL", help="Where the API is, such as a sandbox's URL."),
    click.option(
        "--token-file",
        metavar="FILE",
        shell_complete=files,
        help="Read the API token from FILE (or /dev/fd/N), not from the environment.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=3600.0,
        show_default=True,
        metavar="SECONDS",
        help="The most that one request may take with its whole answer, without those waits.",
    ),
    click.option(
        "--attempts",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        metavar="N",
        help="How many attempts of one request may fail; 1 tries nothing again.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(1, 1000),
        default=8,
        show_default=True,
        metavar="N",
        help="Requests in flight.",
    ),
)


def connection_options_waiting(seconds: float) -> Callable[[F], F]:
    """Return the options for the connection, of a command that waits so long by default."""
    return _all_of(
        click.option(
            "--max-wait",
            type=click.FloatRange(min=0),
            default=seconds,
            show_default=True,
            metavar="SECONDS",
            help="The most that one request may wait for its quota and retries.",
        ),
        _connection,
    )


connection_options = connection_options_waiting(600.0)

verbosity_options = _all_of(
    click.option("-q", "--quiet", is_flag=True, help="No progress, only errors."),
    click.option("-v", "--verbose", is_flag=True, help="Each request, retry and chunk too."),
)

range_options = _all_of(
    click.option("--from", "start", metavar="D", help="First day, such as 2025-01-01 (UTC)."),
    click.option(
        "--to", "end", metavar="D", help="First day not included; without it, through today."
    ),
    click.option("--month", metavar="M", help="One month, such as 2025-01."),
    click.option("--last", metavar="N", help="The last days, today included: 90d or 12w."),
)

metric_option = _all_of(
    click.option("--metric", metavar="M", help="Only this billable metric."),
)

selection_options = _all_of(
    click.option("--cost", is_flag=True, help="With costs and prices, which usage alone has not."),
    click.option(
        "--filter",
        "filters",
        multiple=True,
        metavar="F",
        help="Only usage of a metric (metric=ID), a product family (family=UUID) or a tag "
        "(tag:KEY=VALUE; without VALUE, a tag that has none). Repeatable: of metrics, of families "
        "and of the values of one tag any will do; metrics, families and each tag all have to "
        "hold.",
    ),
    click.option(
        "--group-by",
        "groups",
        multiple=True,
        metavar="G",
        help="Split each record by tag:KEY or by dimension:KEY, such as account_id, zone_id or "
        "region; at most twice.",
    ),
)

_WITHOUT_COSTS = ("usage", "org-usage", "paygo")


class _Sources(click.Choice):  # type: ignore[type-arg]  # generic since click 8.2 only
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in _WITHOUT_COSTS:
            self.fail(f"{value} does not tell the costs that FOCUS is about.", param, ctx)
        return super().convert(value, param, ctx)


source_option = _all_of(
    click.option(
        "--source",
        type=_Sources(["auto", "v2", "v1"]),
        default="auto",
        show_default=True,
        help="v2: the cost query of contracts. v1: the billable usage of self-serve accounts. "
        "auto: for each account the first of them that lets it in.",
    ),
)

all_accounts_option = _all_of(
    click.option(
        "--all-accounts",
        is_flag=True,
        help="Every account that the credential sees, in place of ACCOUNTs; they are asked about "
        "as the service lists them.",
    ),
)

accounts_argument = _all_of(
    click.argument("account", nargs=-1),
    click.option(
        "--accounts-file",
        metavar="FILE",
        shell_complete=files,
        help="More accounts, one on each line: 'id', or 'id,TOKEN_ENV_NAME' to name the "
        "environment variable with the token for it. '-' reads standard input.",
    ),
    all_accounts_option,
)


def format_options(*names: str) -> Callable[[F], F]:
    """Return the options for the output; *names* are the formats on offer."""
    return _all_of(
        click.option(
            "-f",
            "--format",
            "shape",
            type=click.Choice(names or FORMATS),
            help="By default what FILE's name says; on standard output, a table.",
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            shell_complete=files,
            help="Write FILE instead of standard output; it appears only when it is complete.",
        ),
        spreadsheet_option,
        click.option(
            "--no-account-id",
            is_flag=True,
            help="Of several accounts: no column or key that says whose a record is.",
        ),
        decimal_scale_option,
    )


def spreadsheet_option(function: F) -> F:
    """Add the option to a command that may write CSV."""
    return click.option(
        "--spreadsheet-safe",
        is_flag=True,
        help="CSV: put an apostrophe before text that begins with = + - @, tab or CR, so that no "
        "spreadsheet runs it as a formula. Off by default, since it alters the text.",
    )(function)


def decimal_scale_option(function: F) -> F:
    """Add the option to a command that may write Parquet."""
    return click.option(
        "--decimal-scale",
        type=click.IntRange(0, 38),
        metavar="S",
        help="Parquet: digits after the point of every number, decimal128(38, S); by default "
        "28 for amounts and prices, 22 for quantities. One that does not fit is an error.",
    )(function)


def connection_from(given: Given) -> Connection:
    """Return the way to the service."""
    return Connection(
        given["base_url"],
        given["token_file"],
        given["attempts"],
        given["max_wait"],
        given["timeout"],
        given["concurrency"],
    )


def verbosity_from(given: Given) -> Verbosity:
    """Return how much to say.

    Raises:
        CommandError: If it is both more and less than usual.
    """
    if given["quiet"] and given["verbose"]:
        raise CommandError("--quiet and --verbose exclude each other")
    return Verbosity(given["quiet"], given["verbose"])


def choice_from(given: Given) -> FormatChoice:
    """Return what the options say about the format."""
    return FormatChoice(
        given["shape"],
        given["spreadsheet_safe"],
        given["decimal_scale"],
        account_id=not given["no_account_id"],
    )


def accounts_from(given: Given, ids: Sequence[str]) -> Accounts:
    """Return the accounts to ask about: these ids and those of a file, or all.

    Raises:
        CommandError: If the accounts or their credentials are not right.
    """
    path, token_file = given.get("accounts_file"), given["token_file"]
    if given.get("all_accounts"):
        return all_accounts_of(ids, path, token_file)
    return accounts_of(ids, None if path is None else lines_of(path), token_file)


def days_from(given: Given) -> DateRange:
    """Return the range of days.

    Raises:
        CommandError: If the options make none.
    """
    today = datetime.now(UTC).date()
    return date_range_of(given["start"], given["end"], given["month"], given["last"], today)


def query_from(given: Given, endpoint: Endpoint, ids: Sequence[str]) -> Query:
    """Return what to ask the service about these ids, and about those that a file names.

    Raises:
        CommandError: If the accounts, their credentials or the days are not right.
    """
    accounts = accounts_from(given, ids)
    return Query(endpoint, accounts, days_from(given), given.get("metric"))


def export_from(given: Given, question: Question) -> Export:
    """Return what to write and where to.

    Raises:
        CommandError: If options are wrong, each for itself or together.
    """
    return Export(
        question,
        connection_from(given),
        choice_from(given),
        given["output"],
        verbosity_from(given),
    )
