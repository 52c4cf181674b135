"""A store is what the service says, whatever happens on the way."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import attrs
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling import (
    ApiToken,
    BillingClient,
    Clock,
    ConfigurationError,
    FanOutError,
    FocusRecord,
    StoreError,
    WorkUnit,
    plan,
)
from cfbilling.sandbox import RequestFacts, Sandbox
from cfbilling.sync import Store, StoreFormat, due, sync, sync_unit
from tests.integration.stores import TODAY, Days, client_of, objects, same

FORMATS = get_args(StoreFormat)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("endpoint", ["costs", "usage", "billable_usage", "paygo_usage"])
async def test_a_store_has_what_the_service_has(
    tmp_path: Path, form: StoreFormat, endpoint: Any
) -> None:
    """Every unit's object gives the records that the service gave, in their order."""
    store = Store(tmp_path, format=form)
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2026-01-01", "2026-04-01", endpoint=endpoint))
        report = await sync(client, units, store)
        assert (6, 0, 6, ()) == (report.fetched, report.skipped, report.changed, report.failures)
        assert report.bytes == sum(map(len, objects(tmp_path).values()))
        assert all([await same(client, unit, store) for unit in units])
        assert {store.key(unit) for unit in units} == objects(tmp_path).keys()


@pytest.mark.parametrize("form", FORMATS)
async def test_what_is_settled_is_skipped(tmp_path: Path, form: StoreFormat) -> None:
    """Only what is missing, or was fetched before its horizon was over, is fetched again."""
    store, days = Store(tmp_path, format=form), Days()
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox, days) as client:
        units = list(plan(sandbox.account_ids, "2025-12-01", "2026-05-01"))
        expected = [unit async for unit in due(client, units, store)]
        assert units[:4] == expected, "the month to come is not due"
        results: list[Any] = []
        report = await sync(client, units, store, on_result=results.append)
        assert (4, 1) == (report.fetched, report.skipped)
        assert expected == sorted(
            (result.unit for result in results if result), key=lambda unit: unit.start
        )
        # January ended 37 days ago; February and March may still change.
        assert units[2:4] == [unit async for unit in due(client, units, store)]
        assert units[1:4] == [
            unit async for unit in due(client, units, store, restate=timedelta(days=38))
        ]
        days.now += timedelta(days=60)
        assert units[2:] == [unit async for unit in due(client, units, store)]
        # Fetched once more after that, February and March are settled.
        await sync(client, units[2:4], store)
        assert units[4:] == [unit async for unit in due(client, units, store)]


async def test_a_sync_that_lasts_goes_by_the_day_of_each_unit(tmp_path: Path) -> None:
    """Units may come for weeks: a month to come is skipped until it has begun, not for good."""
    store, days = Store(tmp_path), Days()
    async with (
        Sandbox(accounts=1, today=date(2026, 4, 10)) as sandbox,
        client_of(sandbox, days, concurrency=1) as client,
    ):
        (unit,) = plan(sandbox.account_ids, "2026-04-01", "2026-05-01")

        async def queue() -> AsyncIterator[WorkUnit]:
            yield unit
            days.now += timedelta(days=31)
            yield unit

        report = await sync(client, queue(), store)
        assert (1, 1) == (report.fetched, report.skipped)
        assert report.records
        assert days.now == await store.fetched(unit)
        assert await same(client, unit, store)


@pytest.mark.parametrize("place", ["folder", "bucket"])
async def test_an_account_that_was_never_fetched_is_not_in_the_store(
    tmp_path: Path, place: str
) -> None:
    """A failed first sync leaves no account without objects, in a folder no more than elsewhere."""
    store = Store(tmp_path if place == "folder" else "memory://never-fetched")
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        refused, account = sandbox.account_ids
        sandbox.refuse(refused)
        units = list(plan(sandbox.account_ids, "2025-12-01", "2026-02-01", endpoint="usage"))
        report = await sync(client, units, store, on_error="report")
        assert (2, 2) == (report.fetched, len(report.failures))
        assert [account] == await store.scopes(units[0])


async def test_a_restatement_is_told(tmp_path: Path) -> None:
    """A result says whether the content is another than before, rows in another order aside."""
    store = Store(tmp_path)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        (unit,) = plan([account], "2026-02-01", "2026-02-02")
        first = await sync_unit(client, unit, store)
        again = await sync_unit(client, unit, store)
        sandbox.restate(account, [date(2026, 2, 5)])
        restated = await sync_unit(client, unit, store)
        assert [True, False, True] == [first.changed, again.changed, restated.changed]
        assert await same(client, unit, store)
        assert restated == pickle.loads(pickle.dumps(restated))  # noqa: S301 - our own


async def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    """However an answer came, its object has the same bytes; only the time may differ."""
    folders = [tmp_path / name for name in ("one", "two")]
    async with Sandbox(accounts=3, today=TODAY) as sandbox:
        for folder, slice_bytes, concurrency in zip(folders, (2**20, 700), (1, 8), strict=True):
            async with BillingClient(
                ApiToken(sandbox.api_token),
                base_url=sandbox.base_url,
                clock=Clock(now=lambda: Days().now),
                slice_bytes=slice_bytes,
                concurrency=concurrency,
            ) as client:
                for form in FORMATS:
                    units = plan(sandbox.account_ids, "2026-01-01", "2026-03-01", endpoint="usage")
                    await sync(client, units, Store(folder, format=form))
    assert objects(folders[0]) == objects(folders[1])


@pytest.mark.parametrize("form", FORMATS)
async def test_an_empty_unit_is_an_empty_object(tmp_path: Path, form: StoreFormat) -> None:
    """No records is a result: it replaces what was there, and is not asked for again."""
    store = Store(tmp_path, format=form)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        (unit,) = plan([account], "2025-12-01", "2025-12-02", endpoint="usage")
        assert (await sync_unit(client, unit, store)).records
        december = [date(2025, 12, day) for day in range(1, 32)]
        sandbox.restate(account, december, changed=0, removed=1, added=0)
        result = await sync_unit(client, unit, store)
        assert (0, True) == (result.records, result.changed)
        assert [] == await store.read(unit).collect()
        assert [] == [unit async for unit in due(client, [unit], store)]


async def test_a_failing_unit_leaves_its_object_and_stops_no_other(tmp_path: Path) -> None:
    """What fails is named, what was there stays, and everything else is written."""
    store = Store(tmp_path)
    async with Sandbox(accounts=3, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2026-02-01", "2026-04-01", endpoint="usage"))
        await sync(client, units, store)
        before = objects(tmp_path)
        sandbox.refuse(sandbox.account_ids[1])
        for account in sandbox.account_ids:
            sandbox.restate(account, [date(2026, 2, 5), date(2026, 3, 5)])
        refused = {unit.id for unit in units if unit.scope_id == sandbox.account_ids[1]}
        report = await sync(client, units, store, on_error="report")
        assert refused == {failure.account_id for failure in report.failures}
        with pytest.raises(FanOutError) as caught:
            await sync(client, units, store)
        assert refused == {failure.account_id for failure in caught.value.failures}
        after = objects(tmp_path)
        assert {unit for unit in units if before[store.key(unit)] == after[store.key(unit)]} == {
            unit for unit in units if unit.id in refused
        }


async def test_another_version_is_fetched_again(tmp_path: Path) -> None:
    """An object that this version did not write, or of another unit, is as good as none."""
    store = Store(tmp_path)
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2025-10-01", "2025-10-02", endpoint="usage"))
        await sync(client, units, store)
        assert [] == [unit async for unit in due(client, units, store)]
        paths = [tmp_path / store.key(unit) for unit in units]
        for wrong in (b"", b"PAR1", paths[0].read_bytes()[:-9], paths[0].read_bytes()):
            paths[1].write_bytes(wrong)
            assert [units[1]] == [unit async for unit in due(client, units, store)]
            with pytest.raises(StoreError, match="not there, or of another version"):
                await store.read(units[1]).collect()
            assert 1 == (await sync(client, units, store)).fetched
            assert await same(client, units[1], store)


async def test_all_objects_have_one_scale_in_the_end(tmp_path: Path) -> None:
    """What was settled with other columns is read as it is, fetched anew, and has not changed."""
    usual, fine = Store(tmp_path), Store(tmp_path, decimal_scale=24)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-03-01"))
        await sync(client, units, usual)
        assert all([await same(client, unit, fine) for unit in units])
        assert units == [unit async for unit in due(client, units, fine)]
        report = await sync(client, units, fine)
        assert (2, 0) == (report.fetched, report.changed)
        assert all([await same(client, unit, fine) for unit in units])
        assert [] == [unit async for unit in due(client, units, fine)]
        assert units == [unit async for unit in due(client, units, usual)]
    for key in objects(tmp_path):
        column = pq.read_schema(tmp_path / key).field("BilledCost")
        assert column.type.scale == 24


async def test_only_what_is_gone_is_pruned(tmp_path: Path) -> None:
    """Pruning removes the objects of accounts that no unit names, in the same table only."""
    store = Store(tmp_path)
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        kept, gone = sandbox.account_ids
        both = list(plan([kept, gone], "2026-01-01", "2026-03-01", endpoint="usage"))
        other = list(plan([gone], "2026-01-01", "2026-02-01", endpoint="usage", cost=True))
        await sync(client, both + other, store)
        # What others keep there is theirs, also beside an object that goes.
        mine = {"notes.txt", store.key(both[2]).replace("data.", "mine.")}
        for name in mine:
            (tmp_path / name).write_text("mine")
        removed = await store.prune(unit for unit in both if unit.scope_id == kept)
        assert removed == sorted(store.key(unit) for unit in both if unit.scope_id == gone)
        left = {store.key(unit) for unit in both + other} - {*removed} | mine
        assert left == objects(tmp_path).keys()
        with pytest.raises(ConfigurationError, match="units"):
            await store.prune([])
        assert sorted([kept, gone]) == await store.scopes(both[0]), "a folder is left for mine"
        assert [gone] == await store.scopes(other[0])
        places = await store.partitions(both[0])
        assert [(kept, "2026-01"), (kept, "2026-02")] == [(p.scope_id, p.month) for p in places]


async def test_cancelled_in_the_middle_it_leaves_nothing_unfinished(tmp_path: Path) -> None:
    """Whenever a sync is cancelled, there are whole objects only, and no other file."""
    store = Store(tmp_path)
    async with Sandbox(accounts=3, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2026-02-01", "2026-04-01", endpoint="usage"))
        for turns in range(0, 120, 13):
            task = asyncio.ensure_future(sync(client, units, store))
            for _ in range(turns):
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            written = objects(tmp_path).keys()
            assert written <= {store.key(unit) for unit in units}
            whole = [unit for unit in units if await store.fetched(unit) is not None]
            assert written == {store.key(unit) for unit in whole}


async def test_two_syncs_of_one_store_agree(tmp_path: Path) -> None:
    """Two at once do the work twice and no harm."""
    async with Sandbox(accounts=3, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2026-01-01", "2026-04-01", endpoint="usage"))
        await asyncio.gather(*(sync(client, units, Store(tmp_path)) for _ in range(3)))
        assert {Store(tmp_path).key(unit) for unit in units} == objects(tmp_path).keys()
        assert all([await same(client, unit, Store(tmp_path)) for unit in units])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: Store(""), "destination"),
        (lambda: Store(None), "destination"),  # type: ignore[arg-type]
        (lambda: Store("x", format="csv"), "format"),  # type: ignore[arg-type]
        (lambda: Store("x", endpoint_url="y"), "options"),
        (lambda: Store("x", decimal_scale=39), "decimal_scale"),
        (lambda: Store("x", decimal_scale="9"), "decimal_scale"),  # type: ignore[arg-type]
        (lambda: Store("x", format="ndjson", decimal_scale=9), "decimal_scale"),
    ],
)
def test_wrong_arguments_are_named(call: Any, named: str) -> None:
    """What cannot be right is told by its name, before anything is opened."""
    with pytest.raises(ConfigurationError, match=named):
        call()


async def test_what_cannot_be_synced_is_told(tmp_path: Path) -> None:
    """A unit that is no month, a horizon that is none: told before a request is sent."""
    part = WorkUnit(
        endpoint="usage", scope_id="a" * 32, start=date(2026, 1, 2), end=date(2026, 2, 1)
    )
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        with pytest.raises(ConfigurationError, match="unit must be one whole month"):
            await sync_unit(client, part, Store(tmp_path))
        with pytest.raises(FanOutError, match="1 account failed"):
            await sync(client, [part], Store(tmp_path))
        for wrong in (timedelta(days=-1), 35, timedelta(days=4000)):
            with pytest.raises(ConfigurationError, match="restate"):
                await sync(client, [], Store(tmp_path), restate=wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="on_error"):
            await sync(client, [], Store(tmp_path), on_error="yield")  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="cannot write"):
            await sync(client, [], Store("/dev/null/store"))
        assert [] == sandbox.requests


async def test_what_is_due_cannot_be_known_without_the_store(tmp_path: Path) -> None:
    """A store that cannot be read, and a unit that is no month, are plain errors of ours."""
    settled = list(plan(["a" * 32], "2025-01-01", "2025-03-01"))
    part = WorkUnit(
        endpoint="costs", scope_id="a" * 32, start=date(2025, 1, 2), end=date(2025, 2, 1)
    )
    client = BillingClient(ApiToken("a"), clock=Clock(now=lambda: Days().now))
    with pytest.raises(StoreError, match="cannot read"):
        _ = [unit async for unit in due(client, settled, Store("/dev/null/store"))]
    with pytest.raises(ConfigurationError, match="one whole month"):
        _ = [unit async for unit in due(client, [part], Store(tmp_path))]


async def test_what_cannot_be_asked_of_a_store_is_told(tmp_path: Path) -> None:
    """What `due` raises is what it says, not a group of it; a wrong horizon needs no unit."""
    store = Store(tmp_path)
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2025-10-01", "2025-10-02", endpoint="usage"))
        for unit in units:
            (tmp_path / store.key(unit)).mkdir(parents=True)
        with pytest.raises(StoreError, match="cannot read endpoint=usage/"):
            [unit async for unit in due(client, units, store)]
        part = attrs.evolve(units[0], start=date(2025, 10, 2))
        with pytest.raises(ConfigurationError, match="unit must be one whole month"):
            [unit async for unit in due(client, [part], store)]
        with pytest.raises(ConfigurationError, match="restate"):
            [unit async for unit in due(client, [], store, restate=timedelta(days=-1))]


async def test_what_was_fetched_in_the_future_is_fetched_again(tmp_path: Path) -> None:
    """A clock that was wrong once, years ahead, settles no month for years."""
    store, days = Store(tmp_path), Days(date(2031, 1, 1))
    async with (
        Sandbox(accounts=1, today=TODAY) as sandbox,
        client_of(sandbox, days) as client,
    ):
        (unit,) = plan(sandbox.account_ids, "2025-12-01", "2025-12-02", endpoint="usage")
        await sync(client, [unit], store)
        # Machines differ by a little: that is no reason to fetch everything twice.
        days.now -= timedelta(hours=1)
        assert [] == [each async for each in due(client, [unit], store)]
        days.now = Days().now
        assert [unit] == [each async for each in due(client, [unit], store)]
        await sync(client, [unit], store)
        assert [] == [each async for each in due(client, [unit], store)]


@pytest.mark.parametrize("wrong", [None, "unit", 7, {"endpoint": "usage"}])
async def test_what_is_no_unit_is_no_bug_of_ours(tmp_path: Path, wrong: Any) -> None:
    """Whoever is given it says so, also in the middle of others; and nothing is removed for it."""
    store = Store(tmp_path)
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2025-12-01", "2026-03-01", endpoint="usage"))
        await sync(client, units, store)
        others = [*plan(["f" * 32], "2025-12-01", "2025-12-02", endpoint="usage"), wrong]
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: anext(due(client, [wrong], store)),
            lambda: anext(due(client, wrong, store)),
            lambda: store.prune(others),
            lambda: store.prune(wrong),
            lambda: store.fetched(wrong),
            lambda: store.partitions(wrong),
            lambda: store.scopes(wrong),
            lambda: sync_unit(client, wrong, store),
        ]
        for call in calls:
            with pytest.raises(ConfigurationError, match="unit"):
                await call()
        assert all([await same(client, unit, store) for unit in units])


async def test_a_day_that_ends_meanwhile_is_fetched_again(tmp_path: Path) -> None:
    """What was asked for before a unit's last day was over is never taken for all of it."""
    store, days = Store(tmp_path), Days(date(2026, 3, 30))

    def next_day(facts: RequestFacts) -> None:  # noqa: ARG001 - any request
        days.now = datetime(2026, 4, 1, 12, tzinfo=UTC)

    async with (
        Sandbox(accounts=1, today=date(2026, 4, 5), chaos=next_day) as sandbox,
        client_of(sandbox, days, concurrency=1) as client,
    ):
        units = list(plan(sandbox.account_ids, "2026-02-01", "2026-04-01", endpoint="usage"))
        await sync(client, reversed(units), store, restate=timedelta(0))
        left = [unit async for unit in due(client, units, store, restate=timedelta(0))]
        assert [units[1]] == left
        await sync(client, units, store, restate=timedelta(0))
        assert await same(client, units[1], store)


async def test_midnight_between_two_looks_at_the_clock(tmp_path: Path) -> None:
    """An object is never said to be fetched later than the day that was asked for."""
    store = Store(tmp_path)
    moments = [datetime(2026, 3, 30, 23, 59, 59, tzinfo=UTC)]
    later = datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC)
    async with (
        Sandbox(accounts=1, today=date(2026, 4, 5)) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=Clock(now=lambda: moments.pop() if moments else later),
        ) as client,
    ):
        (unit,) = plan(sandbox.account_ids, "2026-03-01", "2026-04-01", endpoint="usage")
        await sync_unit(client, unit, store)
        left = [each async for each in due(client, [unit], store, restate=timedelta(0))]
        assert left or await same(client, unit, store)


async def test_what_travels_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, and a password in a URL, are in no ``repr`` and in no pickle; its place is."""
    store = Store("memory://store", format="ndjson", secret="hush")
    assert "hush" not in repr(store)
    with pytest.raises(TypeError, match="environment"):
        pickle.dumps(store)
    with_password = repr(Store("memory://somebody:hush@store/x"))
    assert ("somebody" in with_password, "hush" in with_password) == (False, False)
    monkeypatch.chdir(tmp_path)
    for store in (Store(tmp_path, format="ndjson"), Store(tmp_path, decimal_scale=12)):
        again = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
        assert repr(store) == repr(again)
    relative = pickle.dumps(Store("store"))
    monkeypatch.chdir("/")
    # Whoever takes it may be in another folder.
    again = pickle.loads(relative)  # noqa: S301 - our own
    assert repr(Store(tmp_path / "store")) == repr(again)


async def test_any_url_of_fsspec_is_a_store() -> None:
    """What holds for a folder holds for a file system of fsspec: whole objects and no others."""
    store = Store("memory://bucket/costs")
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, "2025-12-01", "2026-02-01"))
        assert 4 == (await sync(client, units, store)).fetched
        report = await sync(client, units, store)
        assert (0, 4) == (report.fetched, report.skipped)
        assert all([await same(client, unit, store) for unit in units])
        assert isinstance((await store.read(units[0]).collect())[0], FocusRecord)
        assert 4 == len(await store.partitions(units[0]))
        assert sorted(sandbox.account_ids) == await store.scopes(units[0])
        assert [] == await Store("memory://elsewhere").scopes(units[0])
        assert 2 == len(await store.prune(units[:2]))
        assert 2 == len(await store.partitions(units[0]))
