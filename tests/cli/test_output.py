from __future__ import annotations

from pathlib import Path

from cfbilling.sandbox import Fault
from tests.cli.shell import Shell
from tests.cli.wire import MONTH


def test_a_failed_run_leaves_the_old_file(shell: Shell, account: str, tmp_path: Path) -> None:
    """When a later chunk fails, the old file stays and no part is left."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    shell.sandbox.faults.add(Fault(times=None, query={"from": "2025-02-01"}, status=403))
    span = "--from", "2025-01-01", "--to", "2025-03-01"
    ran = shell.run("usage", account, *span, "-o", str(target))
    assert ran.returncode == 4
    assert b"incomplete: 372 records" in ran.stderr
    assert (["out.csv"], "old") == ([path.name for path in tmp_path.iterdir()], target.read_text())


def test_a_replaced_file_keeps_its_mode(shell: Shell, account: str, tmp_path: Path) -> None:
    """The new file has the old one's permissions, and a symbolic link stays one."""
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    assert shell.run("usage", account, *MONTH, "-o", str(link)).returncode == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.read_text().startswith("ChargePeriodStart")
