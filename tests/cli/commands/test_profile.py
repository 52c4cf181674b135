from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from cfbilling import BillingProfile
from tests.cli.shell import Shell
from tests.cli.wire import parsed


def test_a_profile_comes_in_each_format(shell: Shell, account: str) -> None:
    """The profile is one object, one row or one table."""
    truth = {n: v for n, v in shell.sandbox.expected_profile(account).items() if v is not None}
    ndjson = shell.run("profile", account, "--format", "ndjson")
    assert set(truth) == set(parsed(ndjson.stdout))
    (row,) = csv.DictReader(
        io.StringIO(shell.run("profile", account, "--format", "csv").stdout.decode())
    )
    assert {*BillingProfile.wire_names.values(), "extra"} == set(row)
    assert row["balance"] == truth["balance"]
    assert str(truth["id"]) in shell.run("profile", account).stdout.decode()


def test_a_profile_is_readable_by_its_owner_alone(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """Personal data in a file are nobody else's to read, even if the file was there before."""
    target = tmp_path / "profile.csv"
    before = os.umask(0o022)
    try:
        for _ in range(2):
            assert shell.run("profile", account, "-o", str(target)).returncode == 0
            assert target.stat().st_mode & 0o777 == 0o600
            target.chmod(0o644)
    finally:
        os.umask(before)
