"""The command that keeps a store true."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from tests.cli.shell import Ended, Shell, on_terminal, run_here, saying, serving

UNKNOWN = "f" * 32
MONTHS = ("--from", "2025-01", "--to", "2025-03")


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _keys(ids: list[str], table: str = "costs", name: str = "data.parquet") -> set[str]:
    months = ("2025-01", "2025-02")
    return {f"endpoint={table}/scope_id={id_}/month={m}/{name}" for id_ in ids for m in months}


def _asked(shell: Shell) -> list[str | None]:
    """Return the accounts of the requests since the last call; the list of accounts is None."""
    asked = [request.scope_id for request in shell.sandbox.requests]
    shell.sandbox.requests.clear()
    return asked


def _said(ran: Ended) -> tuple[str, str]:
    return ran.stdout.decode(), ran.stderr.decode()


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_what_is_settled_is_not_asked_for_again(shell: Shell, tmp_path: Path, form: str) -> None:
    """The first run fetches each month of each account, the next finds nothing to do."""
    name = {"parquet": "data.parquet", "ndjson": "data.ndjson.gz"}[form]
    arguments = ("sync", str(tmp_path), "--all-accounts", *MONTHS, "--format", form)
    ran = shell.run(*arguments)
    count = 3 * (31 + 28) * 12
    size = sum((tmp_path / key).stat().st_size for key in _files(tmp_path))
    assert ran.returncode == 0
    assert _keys(shell.sandbox.account_ids, name=name) == _files(tmp_path)
    assert _said(ran)[0] == (
        f"6 units fetched (6 new or restated), 0 skipped, {count:,} records, "
        f"{size / 1000:.1f} kB written\n"
    )
    assert "6 units" in _said(ran)[1]
    _asked(shell)
    again = shell.run(*arguments)
    assert (0, [None]) == (again.returncode, _asked(shell))
    assert _said(again)[0].startswith("0 units fetched (0 new or restated), 6 skipped, 0 records")


def test_what_may_be_restated_is_fetched_again(shell: Shell, account: str, tmp_path: Path) -> None:
    """With a longer horizon the months come again, and it is told which of them have changed."""
    arguments = ("sync", str(tmp_path), account, *MONTHS)
    assert shell.run(*arguments).returncode == 0
    shell.sandbox.restate(account, [date(2025, 2, 3)])
    said, _ = _said(shell.run(*arguments, "--restate", "520w"))
    assert said.startswith("2 units fetched (1 new or restated), 0 skipped")


def test_the_default_is_a_year_and_the_current_month(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """Without --from there are 13 months of each account."""
    ran = shell.run("sync", str(tmp_path), account, "--dry-run")
    assert "Units     13," in _said(ran)[0]


@pytest.mark.parametrize("kind", ["self_serve", "contract"])
@pytest.mark.parametrize(
    "options",
    [(), ("--source", "v1"), ("--endpoint", "billable_usage"), ("--endpoint", "paygo_usage")],
    ids="-".join,
)
def test_a_dry_run_tells_the_truth(
    tmp_path: Path, kind: Literal["self_serve", "contract"], options: tuple[str, ...]
) -> None:
    """It asks and writes nothing, and the run takes as many units and requests as it said."""
    with serving(accounts=2, records_per_day=1, quota=None) as sandbox:
        for account_id in sandbox.account_ids:
            sandbox.set_kind(account_id, kind)
        shell, dest = Shell(sandbox), tmp_path / "store"
        # NDJSON, since version 1 has numbers that no column holds.
        arguments = ("sync", str(dest), *sandbox.account_ids, *MONTHS, "-f", "ndjson", *options)
        told, _ = _said(shell.run(*arguments, "--dry-run"))
        assert ([], False) == (_asked(shell), dest.exists())
        ran = shell.run(*arguments)
        requests = len(_asked(shell))
    assert "Accounts  2 of 2\nMonths    2025-01 to 2025-02\nUnits     4," in told
    (least, most) = re.findall(r"Requests  (\d+)(?: to (\d+))?", told)[0]
    assert int(least) <= requests <= int(most or least)
    assert "no waiting: 1,200 requests in 5 minutes" in told
    assert (ran.returncode == 0) == ("4 units fetched" in _said(ran)[0])


def test_a_dry_run_asks_for_the_list_only(shell: Shell, account: str, tmp_path: Path) -> None:
    """Of all accounts the list is asked for; what is settled is told apart, what is gone named."""
    dest = str(tmp_path)
    assert shell.run("sync", dest, account, *MONTHS).returncode == 0
    _asked(shell)
    ran = shell.run("sync", dest, "--all-accounts", *MONTHS, "--dry-run")
    assert (0, [None]) == (ran.returncode, _asked(shell))
    assert "Accounts  2 of 3" in _said(ran)[0]
    assert "Units     4, each a month of an account; 2 more are settled" in _said(ran)[0]
    path = tmp_path / "accounts.txt"
    path.write_text("\n".join(shell.sandbox.account_ids[1:]))
    before = _files(tmp_path)
    ran = shell.run("sync", dest, "--accounts-file", str(path), *MONTHS, "--dry-run", "--prune")
    assert f"Removed   1 accounts that are gone\n          {account}\n" in _said(ran)[0]
    assert before == _files(tmp_path)


def test_a_long_plan_tells_how_long_its_quota_lasts(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """Of more requests than a quota, the waiting is told, for the credential with most of them."""
    path = tmp_path / "accounts.txt"
    path.write_text(f"{account}\n{UNKNOWN},OTHER\n")
    span = ("--from", "1900-01", "--to", "2025-01")
    ran = shell.run(
        "sync", str(tmp_path), "--accounts-file", str(path), *span, "--dry-run", OTHER="x"
    )
    assert "Requests  3,000 to 18,000" in _said(ran)[0]
    assert "Quota     5 to 35 minutes of waiting" in _said(ran)[0]


def test_an_account_that_fails_stops_no_other(shell: Shell, account: str, tmp_path: Path) -> None:
    """It is named once with each reason, its files stay, and the others are fetched."""
    dest, others = str(tmp_path), shell.sandbox.account_ids[1:]
    shell.sandbox.refuse(account)
    ran = shell.run("sync", dest, account, "nothing", *others, "--from", "2024-11", "--to=2025-03")
    said, told = _said(ran)
    assert ran.returncode == 1
    assert 8 == len(_files(tmp_path))
    assert "8 units fetched (8 new or restated), 0 skipped, 4 failed" in said
    lines = [line for line in told.splitlines() if f" {account} failed" in line]
    assert len(lines) == 2
    assert re.search(r"failed for 20\d\d-\d\d: .*status 403", lines[0])
    assert re.search(r"failed for 20\d\d-\d\d(, | to )20\d\d-\d\d.* too: ", lines[1])
    assert "nothing failed: account_id must be 32 lower-case hexadecimal digits" in told


def test_when_all_fail_for_one_reason_it_is_the_code(shell: Shell, tmp_path: Path) -> None:
    """Accounts that are refused end with 4, ids that are none with 2, a wrong token with 3."""
    for account_id in shell.sandbox.account_ids:
        shell.sandbox.refuse(account_id)
    dest = str(tmp_path)
    assert shell.run("sync", dest, "--all-accounts", *MONTHS).returncode == 4
    assert shell.run("sync", dest, "nothing", *MONTHS).returncode == 2
    wrong = shell.run("sync", dest, "--all-accounts", *MONTHS, CLOUDFLARE_API_TOKEN="wrong")
    assert wrong.returncode == 3
    assert set() == _files(tmp_path)


def test_only_who_is_gone_is_pruned(shell: Shell, account: str, tmp_path: Path) -> None:
    """With --prune, accounts that are not on the list are removed, and named; else none is."""
    dest, ids = str(tmp_path / "store"), shell.sandbox.account_ids
    assert shell.run("sync", dest, "--all-accounts", *MONTHS).returncode == 0
    path = tmp_path / "accounts.txt"
    path.write_text("\n".join(ids[1:]))
    listed = ("sync", dest, "--accounts-file", str(path), *MONTHS)
    assert shell.run(*listed).returncode == 0
    assert _keys(ids) == _files(tmp_path / "store")
    # It failed, but it is on the list.
    shell.sandbox.refuse(ids[1])
    said, _ = _said(shell.run(*listed, "--prune", "--restate=3660d"))
    assert f"removed {account}: 2025-01 to 2025-02\n" in said
    assert "1 accounts removed" in said
    assert _keys(ids[1:]) == _files(tmp_path / "store")


def test_a_list_that_is_not_whole_removes_nothing(shell: Shell, tmp_path: Path) -> None:
    """A list that fails, is empty, or has what is no account, is none to go by."""
    dest, ids = str(tmp_path / "store"), shell.sandbox.account_ids
    assert shell.run("sync", dest, "--all-accounts", *MONTHS).returncode == 0
    path = tmp_path / "accounts.txt"
    path.write_text(f"{ids[0]}\nnothing\n")
    for dry in ((), ("--dry-run",)):
        ran = shell.run("sync", dest, "--accounts-file", str(path), *MONTHS, "--prune", *dry)
        assert ran.returncode == 1
        assert "nothing is removed" in _said(ran)[1]
        assert "emoved" not in _said(ran)[0]
    path.write_text("# nobody\n")
    ran = shell.run("sync", dest, "--accounts-file", str(path), *MONTHS, "--prune")
    assert ran.returncode == 2
    every = ("sync", dest, "--all-accounts", *MONTHS, "--prune")
    assert shell.run(*every, CLOUDFLARE_API_TOKEN="wrong").returncode == 3
    with serving(accounts=0, organizations=0) as empty:
        ran = Shell(empty).run(*every)
        assert (4, True) == (ran.returncode, b"sees no account" in ran.stderr)
    assert _keys(ids) == _files(tmp_path / "store")


def test_each_account_may_have_its_own_token(tmp_path: Path) -> None:
    """Accounts of a file are asked with their own tokens, each under its own."""
    with serving(accounts=2, tokens=2) as sandbox:
        first, second = sandbox.account_ids
        path = tmp_path / "accounts.txt"
        path.write_text(f"{first}\n{second},OTHER\n")
        arguments = ("sync", str(tmp_path / "store"), "--accounts-file", str(path), *MONTHS)
        ran = Shell(sandbox).run(*arguments, OTHER=sandbox.api_tokens[1])
        used = {request.scope_id: request.credential for request in sandbox.requests}
    assert (0, {first: "token-0", second: "token-1"}) == (ran.returncode, used)


def test_usage_is_a_table_for_each_question(shell: Shell, account: str, tmp_path: Path) -> None:
    """Usage, usage of a metric and the cost query are kept beside each other."""
    arguments = ("sync", str(tmp_path), account, *MONTHS, "--endpoint", "usage")
    wire = next(iter(shell.sandbox.expected_usage(account, date(2025, 1, 1), date(2025, 1, 2))))
    metric = str(wire["x_BillableMetricId"])
    by_zone = ("--cost", "--group-by", "dimension:zone_id", "--filter", f"metric={metric}")
    for more in ((), ("--metric", metric), by_zone):
        assert shell.run(*arguments, *more).returncode == 0
    tables = sorted(path.name for path in tmp_path.iterdir())
    assert ["endpoint=usage", "endpoint=usage-"] == [tables[0], tables[1][: len("endpoint=usage-")]]
    assert 3 == len(tables)
    assert _keys([account], "usage") <= _files(tmp_path)
    path = tmp_path / f"endpoint=usage/scope_id={account}/month=2025-01/data.parquet"
    assert 31 * 12 == pq.read_metadata(path).num_rows


def test_organizations_are_kept_likewise(shell: Shell, tmp_path: Path) -> None:
    """An organization has its own endpoint, and no list of all."""
    organization = shell.sandbox.organization_ids[0]
    options = ("--endpoint", "organization_usage", *MONTHS)
    assert shell.run("sync", str(tmp_path), organization, *options).returncode == 0
    assert _keys([organization], "organization_usage") == _files(tmp_path)
    ran = shell.run("sync", str(tmp_path), "--all-accounts", *options)
    assert (2, True) == (ran.returncode, b"organizations" in ran.stderr)


def test_any_url_is_a_store(shell: Shell, account: str) -> None:
    """What fsspec opens is written to as a folder is."""
    arguments = ("sync", "memory://bucket/sync", account, *MONTHS)
    assert _said(shell.run(*arguments))[0].startswith("2 units fetched")
    assert _said(shell.run(*arguments))[0].startswith("0 units fetched")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("store",),
        ("store", UNKNOWN, "--from", "2025-1"),
        ("store", UNKNOWN, "--from", "2025-02", "--to", "2025-02"),
        ("store", UNKNOWN, "--to", "2025-02-01"),
        ("store", UNKNOWN, "--restate", "35"),
        ("store", UNKNOWN, "--restate", "3661d"),
        ("store", UNKNOWN, "--format", "csv"),
        ("store", UNKNOWN, "--decimal-scale", "39"),
        ("store", UNKNOWN, "--dask-tokens", "tokens"),
        ("store", UNKNOWN, "--decimal-scale", "9", "--format", "ndjson"),
        ("store", UNKNOWN, "--endpoint", "invoices"),
        ("store", UNKNOWN, "--source", "v1", "--endpoint", "usage"),
        ("store", UNKNOWN, "--cost"),
        ("store", UNKNOWN, "--metric", "m"),
        ("store", UNKNOWN, "--endpoint", "usage", "--metric", "m", "--cost"),
        ("store", UNKNOWN, "--endpoint", "usage", "--metric", "m" * 129),
        ("store", UNKNOWN, "--endpoint", "usage", "--group-by", "zone"),
        ("store", UNKNOWN, "--prune"),
        ("store", UNKNOWN, "--all-accounts"),
        ("store", UNKNOWN, "--quiet", "--verbose"),
        ("nothing://store", UNKNOWN),
        (UNKNOWN, UNKNOWN),
    ],
)
def test_a_wrong_command_line(
    shell: Shell, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be right is refused with 2 on one line, before anything is sent or made."""
    monkeypatch.chdir(tmp_path)
    ran = shell.run("sync", *arguments)
    assert (2, [], []) == (ran.returncode, shell.sandbox.requests, list(tmp_path.iterdir()))
    assert b"Traceback" not in ran.stderr


def test_a_store_that_cannot_be_written(shell: Shell, account: str, tmp_path: Path) -> None:
    """A place that takes no folder ends with 7, before anything is asked."""
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    ran = shell.run("sync", str(blocked / "store"), account, *MONTHS)
    assert (7, []) == (ran.returncode, shell.sandbox.requests)
    assert "cannot write" in _said(ran)[1]


def test_a_number_that_no_column_holds(tmp_path: Path) -> None:
    """It fails its month, and what keeps it is named: more digits, or another format."""
    with saying('"BilledCost":1.23456789E-30,"x_BillableMetricId":"m"') as environment:
        arguments = ("sync", str(tmp_path), "a" * 32, "--from=2025-01", "--to=2025-02", "-q")
        ran = run_here(*arguments, environment=environment)
        assert ran.returncode == 7
        assert "does not fit" in _said(ran)[1]
        assert "--decimal-scale" in _said(ran)[1]
        assert "--format ndjson" in _said(ran)[1]
        assert run_here(*arguments, "--decimal-scale=38", environment=environment).returncode == 0
        assert run_here(*arguments, "-f", "ndjson", environment=environment).returncode == 0


def test_quiet_is_quiet_and_verbose_tells_each_month(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """--quiet says nothing of what went well, --verbose a line for each month and event."""
    arguments = ("sync", str(tmp_path), account, *MONTHS)
    assert ("", "") == _said(shell.run(*arguments, "--quiet"))
    shell.sandbox.restate(account, [date(2025, 2, 3)])
    _, told = _said(shell.run(*arguments, "--verbose", "--restate", "3660d"))
    assert re.search(rf"{account} 2025-01: 372 records, [\d.]+ kB, as before\n", told)
    assert re.search(rf"{account} 2025-02: \d+ records, [\d.]+ kB, changed\n", told)
    assert "RequestSent" in told


def test_the_bar_counts_units(shell: Shell, account: str, tmp_path: Path) -> None:
    """On a terminal a bar fills up with units, also with those that are skipped."""
    arguments = ("sync", str(tmp_path), account, "--to", "2025-03", "--from")
    for first, records in (("2025-02", "336"), ("2024-12", "744")):
        code, shown = on_terminal(
            *arguments, first, environment=shell.environment(), stream="stderr"
        )
        count = 1 if first == "2025-02" else 3
        assert code == 0
        assert re.search(rf"100% \d requests · {count} of {count} units · {records} rec", shown)
