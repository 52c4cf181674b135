from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfbilling.cli.errors import CommandError
from cfbilling.cli.output import opened
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


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "ü" * 125 + ".csv", "x" * 231 + ".csv"])
def test_a_name_may_be_as_long_as_the_folder_allows(
    shell: Shell, account: str, tmp_path: Path, name: str
) -> None:
    """A file name that leaves no room for what the temporary name adds is written all the same."""
    assert shell.run("usage", account, *MONTH, "-o", str(tmp_path / name)).returncode == 0
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_a_temporary_name_is_text(tmp_path: Path) -> None:
    """A long name is not cut inside a character, and tells what it is for."""
    with opened(str(tmp_path / ("ü" * 120))):
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".üüü")
        assert part.name.isprintable()
        assert part.name.endswith(".cfbilling-part")


def test_leftovers_of_the_same_file_are_removed(shell: Shell, account: str, tmp_path: Path) -> None:
    """What a killed run left more than a day ago goes; what is young or another's stays."""
    old = [".out.csv.0123abcd.cfbilling-part", ".other.csv.0123abcd.cfbilling-part", "out.csv.bak"]
    young = [".out.csv.89abcdef.cfbilling-part"]
    for name in old + young:
        (tmp_path / name).touch()
    before = time.time() - 90_000
    for name in old:
        os.utime(tmp_path / name, (before, before))
    assert shell.run("credits", account, "-o", str(tmp_path / "out.csv")).returncode == 0
    assert {*old[1:], *young, "out.csv"} == {path.name for path in tmp_path.iterdir()}


def test_a_name_that_is_too_long_is_refused_at_once(
    shell: Shell, account: str, tmp_path: Path
) -> None:
    """What cannot be written in the end is refused before anything is asked."""
    ran = shell.run("usage", account, *MONTH, "-o", str(tmp_path / ("x" * 252 + ".csv")))
    assert (7, []) == (ran.returncode, shell.sandbox.requests)
    assert b"Traceback" not in ran.stderr


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_usual_umask")
@pytest.mark.parametrize("before", [None, 0o644, 0o600])
def test_a_private_file_is_nobody_elses(tmp_path: Path, before: int | None) -> None:
    """A private file is its owner's alone, while it is written and afterwards."""
    target = tmp_path / "out"
    if before is not None:
        target.touch(before)
    with opened(str(target), is_private=True) as output:
        (part,) = tmp_path.glob(".out.*")
        assert _mode(part) == 0o600
        output.commit()
    assert _mode(target) == 0o600


@pytest.mark.usefixtures("_usual_umask")
@pytest.mark.parametrize(("before", "after"), [(None, 0o644), (0o600, 0o600), (0o664, 0o664)])
def test_a_part_is_never_open_to_more_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int | None, after: int
) -> None:
    """A temporary file is made with the mode of what it replaces, not given it afterwards."""
    target = tmp_path / "out"
    if before is not None:
        target.touch()
        target.chmod(before)
    made: list[int] = []
    make = os.open

    def noting(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = make(path, flags, mode)
        made.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", noting)
        with opened(str(target)) as output:
            (part,) = tmp_path.glob(".out.*")
            assert _mode(part) == after
            output.commit()
    assert made[0] & ~after == 0
    assert _mode(target) == after


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """A symbolic link that leads to itself is an error that names it."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    with pytest.raises(CommandError, match=r"loop\.csv"), opened(str(loop)):
        pass
