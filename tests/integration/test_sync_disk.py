"""A disk that is full, small or read-only: told by name, the old object stays, nothing is left."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, get_args

import pytest

from cfbilling import AccountFailure, FanOutError, StoreError, plan
from cfbilling.sandbox import Sandbox
from cfbilling.store.folder import Folder
from cfbilling.store.place import PART, Part, mapped
from cfbilling.sync import Store, StoreFormat, SyncResult, due, sync, sync_unit
from tests.integration.stores import TODAY, client_of, objects, same
from tests.integration.test_sync_processes import check_whole, finished, units_of

FORMATS = get_args(StoreFormat)
_LATE = 400


class FullPart:
    """A part on a disk that is full after some bytes."""

    def __init__(self, place: Folder, key: str, room: int) -> None:
        self._part = place.part(key)
        self._room = room
        self._key = key
        self.file: BinaryIO = self  # type: ignore[assignment]  # what a format needs of a file

    def __getattr__(self, name: str) -> object:
        return getattr(self._part.file, name)

    def write(self, data: bytes) -> int:
        """Write what there is room for."""
        self._spend(len(data))
        return self._part.file.write(data)

    def _spend(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def commit(self) -> int:
        """Find out at the latest moment, as on a disk that writes late."""
        with mapped(f"write {self._key}"):
            self._spend(_LATE)
        return self._part.commit()

    def discard(self) -> None:
        """Remove it."""
        self._part.discard()


class FullFolder(Folder):
    """A folder on a disk with room for so many bytes in each file."""

    room = 0

    def part(self, key: str) -> FullPart:  # type: ignore[override]  # a part as good as any
        """Begin a file."""
        return FullPart(Folder(self._path), key, self.room)


@pytest.mark.parametrize("form", FORMATS)
async def test_a_full_disk_leaves_the_old_object(tmp_path: Path, form: StoreFormat) -> None:
    """Wherever in an object there is no room left, it is told, and the old one stays."""
    store = Store(tmp_path, format=form)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (unit,) = plan(sandbox.account_ids, "2026-02-01", "2026-02-02", endpoint="usage")
        length = (await sync_unit(client, unit, store)).bytes
        before = objects(tmp_path)
        sandbox.restate(unit.scope_id, [unit.start])
        full = Store(tmp_path, format=form)
        full.objects._place = place = FullFolder(tmp_path)
        for place.room in (0, 2, 200, length // 2, length - 1, length + _LATE // 2):
            with pytest.raises(StoreError, match="No space left on device") as caught:
                await sync_unit(client, unit, full)
            assert not caught.value.transient
            assert before == objects(tmp_path)
        place.room = 2 * length
        assert (await sync_unit(client, unit, full)).changed
        assert await same(client, unit, store)


@pytest.mark.parametrize("form", FORMATS)
async def test_files_that_may_not_grow_are_named(tmp_path: Path, form: StoreFormat) -> None:
    """Under a limit on the length of files each failure is named, until nothing fits any more."""
    told = {"ndjson": ""} if form == "ndjson" else {}
    async with Sandbox(accounts=2, records_per_day=20, today=TODAY) as sandbox:
        units = units_of(sandbox)
        *said, end = await finished(sandbox, tmp_path, most_bytes="2000", **told)
        assert 5 == len(said) < len(units)
        for each in said:
            assert each is not None
            assert each.startswith("StoreError cannot write endpoint=usage/")
            assert each.endswith(": File too large")
        assert said[-1] == f"{end}".replace("refused: ", "StoreError ")
        assert {} == objects(tmp_path)
        await finished(sandbox, tmp_path, **told)
        whole = objects(tmp_path)
        for unit in units:
            sandbox.restate(unit.scope_id, [unit.start])
        said = await finished(sandbox, tmp_path, most_bytes="2000", **told)
        assert any(each is not None for each in said)
        assert whole == objects(tmp_path)


class LatePart(FullPart):
    """A part that fails when all of it is there."""

    def __init__(self, place: Folder, key: str, number: int) -> None:
        super().__init__(place, key, 2**30)
        self._number = number

    def commit(self) -> int:
        """Fail."""
        with mapped(f"write {self._key}"):
            raise OSError(self._number, os.strerror(self._number))


class FailingFolder(Folder):
    """A folder where some units in turn cannot be written, as it turns out in the end.

    Attributes:
        works: Of each so many units in turn, the last can be written; 0 for none.
        number: What the others fail by.
    """

    works = 0
    number = errno.ENOSPC
    _parts = 0

    def part(self, key: str) -> Part:  # type: ignore[override]  # a part as good as any
        """Begin a file, or not."""
        self._parts += 1
        if self.works and self._parts % self.works == 0:
            return super().part(key)
        return LatePart(Folder(self._path), key, self.number)


async def _synced_into(place: FailingFolder, folder: Path) -> tuple[BaseException | None, int]:
    """Sync 24 units, one after the other; return what was raised, and the number of requests."""
    store = Store(folder)
    store.objects._place = place
    async with Sandbox(accounts=2, today=TODAY, records_per_day=1) as sandbox:
        async with client_of(sandbox, concurrency=1) as client:
            units = list(plan(sandbox.account_ids, "2025-01-01", "2026-01-01", endpoint="usage"))
            try:
                await sync(client, units, store)
            except (StoreError, FanOutError) as error:
                return error, len(sandbox.requests)
        return None, len(sandbox.requests)


async def test_a_store_that_fails_for_good_ends_the_sync(tmp_path: Path) -> None:
    """After five units in a row that a full disk did not take, no more of the quota is used."""
    error, requests = await _synced_into(FailingFolder(tmp_path), tmp_path)
    assert type(error) is StoreError
    assert "No space left on device" in str(error)
    # The next ones are fetched ahead.
    assert requests < 10


@pytest.mark.parametrize(
    ("works", "number"), [(5, errno.ENOSPC), (0, errno.ECONNRESET)], ids=["some", "transient"]
)
async def test_a_store_that_may_recover_ends_nothing(
    tmp_path: Path, works: int, number: int
) -> None:
    """With a success in between, or what may pass, each unit is tried, and each failure named."""
    place = FailingFolder(tmp_path)
    place.works, place.number = works, number
    error, requests = await _synced_into(place, tmp_path)
    assert isinstance(error, FanOutError)
    assert (24, 24 - 24 // works if works else 24) == (requests, len(error.failures))


async def test_what_the_service_refuses_is_no_success_of_the_store(tmp_path: Path) -> None:
    """Refusals between the failures of a store begin no new row."""
    store = Store(tmp_path)
    store.objects._place = FailingFolder(tmp_path)
    async with Sandbox(accounts=2, today=TODAY, records_per_day=1) as sandbox:
        sandbox.refuse(sandbox.account_ids[1])
        each = (
            plan([id_], "2025-01-01", "2026-01-01", endpoint="usage") for id_ in sandbox.account_ids
        )
        units = [unit for pair in zip(*each, strict=True) for unit in pair]
        async with client_of(sandbox, concurrency=1) as client:
            with pytest.raises(StoreError, match="No space left"):
                await sync(client, units, store)
        assert len(sandbox.requests) < 16


def _mounted(folder: Path, *options: str) -> bool:
    command: list[str | Path] = ["mount", *options, folder]
    ran = subprocess.run(command, capture_output=True, check=False)
    return ran.returncode == 0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not _mounted(folder, "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
            pytest.skip("nothing can be mounted here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)  # noqa: S607 - as found


async def test_a_small_disk_keeps_what_fits(small_disk: Path) -> None:
    """On a disk that is really full there are whole objects only, and the rest is named."""
    store = Store(small_disk)
    async with (
        Sandbox(accounts=3, records_per_day=12, today=TODAY) as sandbox,
        client_of(sandbox) as client,
    ):
        outcomes: list[SyncResult | AccountFailure | None] = []
        # Whether five that do not fit follow each other is up to their sizes.
        with suppress(StoreError):
            units = units_of(sandbox)
            await sync(client, units, store, on_result=outcomes.append, on_error="report")
        failures = [each for each in outcomes if isinstance(each, AccountFailure)]
        assert len(outcomes) > len(failures) > 0
        for failure in failures:
            assert isinstance(failure.error, StoreError)
            assert not failure.error.transient
            assert "No space left on device" in failure.error.message
        await check_whole(store, small_disk, sandbox)
        assert not any(PART in name for name in objects(small_disk))


async def test_a_read_only_store_is_told_before_anything_is_asked(small_disk: Path) -> None:
    """Where nothing can be written nothing is fetched, and what is there can be read."""
    store = Store(small_disk)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = units_of(sandbox)[-2:]
        await sync(client, units, store)
        before, asked = objects(small_disk), len(sandbox.requests)
        assert _mounted(small_disk, "-o", "remount,ro")
        with pytest.raises(StoreError, match=r"cannot write .*: Read-only file system") as caught:
            await sync(client, units, store)
        assert not caught.value.transient
        assert (before, asked) == (objects(small_disk), len(sandbox.requests))
        assert [units[1]] == [unit async for unit in due(client, units, store)]
        assert all([await same(client, unit, store) for unit in units])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write what is read-only")
async def test_a_folder_without_rights_is_told(tmp_path: Path) -> None:
    """A folder of somebody else is told like a read-only disk."""
    tmp_path.chmod(0o555)  # noqa: ASYNC240 - the test's own
    with pytest.raises(StoreError, match="Permission denied"):
        await Store(tmp_path).check()
    with pytest.raises(StoreError, match="Permission denied"):
        await Store(tmp_path / "below").check()
    tmp_path.chmod(0o755)  # noqa: ASYNC240 - the test's own


async def test_an_account_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    """What stands in the way of one account's objects is in the way of no other."""
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        closed, _ = sandbox.account_ids
        units = units_of(sandbox)
        (tmp_path / "endpoint=usage").mkdir()
        (tmp_path / "endpoint=usage" / f"scope_id={closed}").write_text("in the way")
        report = await sync(client, units, Store(tmp_path), on_error="report")
        failed = {failure.account_id for failure in report.failures}
        assert {unit.id for unit in units if unit.scope_id == closed} == failed
        assert len(units) - len(failed) == report.fetched
