"""The command ``cfbilling sync``: a store of costs or usage, kept true."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import click

from cfbilling import ConfigurationError
from cfbilling.cli.accounts import AccountIds, Accounts, lines_of, named_accounts
from cfbilling.cli.completion import folders
from cfbilling.cli.errors import CommandError
from cfbilling.cli.open_store import STORE_FORMATS, open_store
from cfbilling.cli.options import (
    accounts_argument,
    accounts_from,
    connection_from,
    connection_options,
    decimal_scale_option,
    metric_option,
    selection_options,
    source_option,
    verbosity_from,
    verbosity_options,
)
from cfbilling.cli.process import run
from cfbilling.cli.query import Endpoint
from cfbilling.cli.selection import selection_of
from cfbilling.cli.sync.cluster import Cluster, cluster_at
from cfbilling.cli.sync.dry_run import show_plan
from cfbilling.cli.sync.job import Job
from cfbilling.cli.sync.months import month_range_of
from cfbilling.cli.sync.run import run_sync
from cfbilling.cli.sync.units import Table
from cfbilling.sync import RESTATE

__all__ = ["sync"]

_HORIZON = re.compile(r"(\d{1,4})([dw])", re.ASCII)
_DAYS = {"d": 1, "w": 7}
_MOST_DAYS = 3660


@click.command(short_help="Keep a store of costs or usage true, month by month.")
@click.argument("dest", shell_complete=folders)
@accounts_argument
@click.option(
    "--from",
    "start",
    metavar="MONTH",
    help="First month, such as 2025-01 (UTC).  [default: 12 months before the current one]",
)
@click.option(
    "--to",
    "end",
    metavar="MONTH",
    help="First month not included; without it, through the current one.",
)
@click.option(
    "--restate",
    metavar="N",
    default=f"{RESTATE.days}d",
    show_default=True,
    help="How long after its last day a month may still change, such as 35d or 5w: until it was "
    "fetched after that, it is fetched again each time.",
)
@click.option(
    "--endpoint",
    type=click.Choice(get_args(Endpoint)),
    default="costs",
    show_default=True,
    metavar="NAME",
    help="What to keep: " + ", ".join(get_args(Endpoint)) + ".",
)
@source_option
@metric_option
@selection_options
@click.option(
    "-f",
    "--format",
    "shape",
    type=click.Choice(STORE_FORMATS),
    default="parquet",
    show_default=True,
    help="The format of the store's files; NDJSON is gzipped.",
)
@decimal_scale_option
@click.option(
    "--prune",
    is_flag=True,
    help="Remove accounts that are no longer on the list of --all-accounts or --accounts-file, "
    "with all their months; nothing if that list is empty or could not be read whole.",
)
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Fetch, write and remove nothing: tell what would be, how many requests that takes and "
    "how long their quota lasts. Only --all-accounts asks the service, for the list.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Fetch on the workers of the Dask cluster of this scheduler, such as tcp://host:8786. "
    "They write to DEST, which has to be one place for all, and take the tokens from their own "
    "environment; NAME in --accounts-file is a variable there.",
)
@click.option(
    "--dask-tokens",
    metavar="FOLDER",
    help="With --dask: the workers read tokens from files in FOLDER instead, NAME being a file "
    "there, CLOUDFLARE_API_TOKEN the one without NAME.",
)
@connection_options
@verbosity_options
def sync(dest: str, account: tuple[str, ...], *, dry_run: bool, **given: Any) -> None:
    """Keep in DEST what ACCOUNTs cost or used: a file for each account and month (UTC).

    DEST is a folder, or a URL that fsspec opens, such as s3://bucket/folder. A month that is
    missing, not over or perhaps restated is fetched, and its file is replaced whole; the others
    are left as they are. So repeat the command as often as you like, each night for example. An
    account that fails is named, and its files stay.

    \b
    Example, with what 'cfbilling sandbox' prints set in your shell:
      cfbilling sync store $CLOUDFLARE_ACCOUNT_ID --from 2025-01
    """  # noqa: D301 - click's mark for text that is not to be wrapped

    async def work() -> int:
        job = _job(dest, account, given)
        return await (show_plan(job) if dry_run else run_sync(job))

    run(work)


def _job(dest: str, ids: Sequence[str], given: dict[str, Any]) -> Job:
    """Return what was asked for, when all of it is checked.

    Raises:
        CommandError: If an option is wrong, or an extra is missing.
    """
    if given["decimal_scale"] is not None and given["shape"] != "parquet":
        raise CommandError("--decimal-scale goes with --format parquet only")
    store = open_store("DEST", dest, given["shape"], given["decimal_scale"])
    table = _table(given)
    cluster = _cluster(given)
    _check_accounts(given)
    accounts = _accounts_there(given, ids) if cluster else accounts_from(given, ids)
    return Job(
        store=store,
        table=table,
        accounts=accounts,
        credentials=accounts.by_name if isinstance(accounts, Accounts) else None,
        cluster=cluster,
        restate=_horizon(given["restate"]),
        prunes=given["prune"],
        connection=connection_from(given),
        verbosity=verbosity_from(given),
    )


def _cluster(given: dict[str, Any]) -> Cluster | None:
    if given["dask"] is None:
        if given["dask_tokens"] is not None:
            raise CommandError("--dask-tokens goes with --dask only")
        return None
    return cluster_at(given["dask"], given["dask_tokens"])


def _accounts_there(given: dict[str, Any], ids: Sequence[str]) -> AccountIds:
    """Return the accounts of a job whose credentials are found elsewhere."""
    if given["all_accounts"]:
        # The list is asked for here.
        return accounts_from(given, ids)
    if given["token_file"] is not None:
        raise CommandError("--token-file is of this machine: for the workers, see --dask-tokens")
    path = given["accounts_file"]
    named = named_accounts(ids, None if path is None else lines_of(path))
    if not named:
        raise CommandError("no account: name one, or use --accounts-file or --all-accounts")
    return AccountIds(list(named), names=named)


def _check_accounts(given: dict[str, Any]) -> None:
    if given["prune"] and not given["all_accounts"] and given["accounts_file"] is None:
        raise CommandError(
            "--prune needs --all-accounts or --accounts-file: a list of all that is to stay"
        )
    if given["all_accounts"] and given["endpoint"] == "organization_usage":
        raise CommandError("--all-accounts lists no organizations: name them")


def _table(given: dict[str, Any]) -> Table:
    endpoint: Endpoint = given["endpoint"]
    selection = selection_of(cost=given["cost"], filters=given["filters"], groups=given["groups"])
    if given["source"] != "auto" and endpoint != "costs":
        raise CommandError("--source goes with --endpoint costs only")
    if not selection.is_plain and endpoint != "usage":
        raise CommandError("--cost, --filter and --group-by go with --endpoint usage only")
    if given["metric"] is not None:
        if not selection.is_plain:
            raise CommandError("--metric goes with neither --cost, --filter nor --group-by")
        if endpoint not in ("usage", "organization_usage"):
            raise CommandError("--metric goes with --endpoint usage or organization_usage only")
    months = month_range_of(given["start"], given["end"], datetime.now(UTC).date())
    table = Table(endpoint, months, given["metric"], selection, given["source"])
    try:
        _ = table.example
    except ConfigurationError as error:
        raise CommandError(f"--{error}") from error
    return table


def _horizon(text: str) -> timedelta:
    found = _HORIZON.fullmatch(text.strip())
    days = int(found[1]) * _DAYS[found[2]] if found else _MOST_DAYS + 1
    if days > _MOST_DAYS:
        raise CommandError(f"--restate must be like 35d or 5w, at most {_MOST_DAYS}d, not {text!r}")
    return timedelta(days=days)
