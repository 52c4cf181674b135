"""A store in a bucket: whatever becomes of a PUT, objects are whole, and the next sync mends it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any, get_args

import pytest

from cfbilling import BillingClient, StoreError, WorkUnit, plan
from cfbilling.sandbox import Sandbox
from cfbilling.sync import Store, StoreFormat, due, sync, sync_unit
from tests.integration.stores import TODAY, client_of, read_rows, rows, same
from tests.recipes.bucket import Answer, Bucket, Proxy, reset, silence, status, times

_REASON = "a bucket on loopback needs the extra recipes"
moto = pytest.importorskip("moto.server", reason=_REASON)
s3fs = pytest.importorskip("s3fs", reason=_REASON)

FORMATS = get_args(StoreFormat)


# Of one process all such servers have the same buckets, so there is one.
@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    """A server of buckets."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    found = Bucket(f"http://{host}:{port}")
    s3fs.S3FileSystem(**found.options(found.url)).mkdir(found.name)
    yield found
    server.stop()


@pytest.fixture
async def proxy(bucket: Bucket) -> AsyncIterator[Proxy]:
    """A proxy before the bucket."""
    async with Proxy.before(bucket) as proxy:
        yield proxy


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A service of two accounts."""
    async with Sandbox(accounts=2, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[BillingClient]:
    """A client of it."""
    async with client_of(sandbox) as client:
        yield client


def units_of(sandbox: Sandbox) -> list[WorkUnit]:
    """Return units of which some are settled."""
    return list(plan(sandbox.account_ids, "2025-12-01", "2026-03-01", endpoint="usage"))


def february(sandbox: Sandbox) -> WorkUnit:
    """Return a unit that may still be restated."""
    (unit,) = plan(sandbox.account_ids[:1], "2026-02-01", "2026-02-02", endpoint="usage")
    return unit


def told(error: BaseException) -> str:
    """Return all that a log would say of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("form", FORMATS)
async def test_a_bucket_is_a_store(
    bucket: Bucket, proxy: Proxy, form: StoreFormat, sandbox: Sandbox, client: BillingClient
) -> None:
    """What holds for a folder holds for a bucket, and no other object is in it."""
    store = proxy.store(form)
    units = units_of(sandbox)
    assert len(units) == (await sync(client, units, store)).fetched
    assert all([await same(client, unit, store) for unit in units])
    system = s3fs.S3FileSystem(**bucket.options(bucket.url))
    keys = {f"{proxy.folder.removeprefix('s3://')}/{store.key(unit)}" for unit in units}
    assert keys == set(system.find(proxy.folder))
    report = await sync(client, units, store)
    # Of each account, only February may still change.
    assert (2, 4, 0) == (report.fetched, report.skipped, report.changed)
    assert 3 == len(await store.prune(units[:3]))
    assert 3 == len(await store.partitions(units[0]))


FAILURES = {
    "500": status(500),
    "503": status(503, "ServiceUnavailable"),
    "403": status(403, "AccessDenied"),
    "reset": reset,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES.keys())
async def test_a_put_that_fails_leaves_the_old_object(
    proxy: Proxy, form: StoreFormat, answer: Answer, sandbox: Sandbox, client: BillingClient
) -> None:
    """It is told as a failure of the store, without a secret; the next sync writes it."""
    store, unit = proxy.store(form), february(sandbox)
    await sync_unit(client, unit, store)
    before, fetched = await read_rows(store, unit), await store.fetched(unit)
    sandbox.restate(unit.scope_id, [date(2026, 2, 3)])
    proxy.put = answer
    with pytest.raises(StoreError, match="cannot write endpoint=usage/") as caught:
        await sync_unit(client, unit, store)
    assert Bucket.secret not in told(caught.value)
    assert (before, fetched) == (await read_rows(store, unit), await store.fetched(unit))
    proxy.put = None
    assert (await sync_unit(client, unit, store)).changed
    assert await same(client, unit, store)


async def test_one_put_that_fails_stops_no_other(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """Units whose PUT failed are named, and are what the next sync fetches."""
    store, units = proxy.store(), units_of(sandbox)
    proxy.put = times(2, status(500))
    report = await sync(client, units, store, on_error="report")
    assert (2, len(units) - 2) == (len(report.failures), report.fetched)
    failed = {failure.account_id for failure in report.failures}
    left = {unit.id async for unit in due(client, units, store)}
    assert failed <= left
    await sync(client, units, store)
    for unit in units:
        truth = rows(sandbox.expected_usage(unit.scope_id, unit.start, unit.end))
        assert truth == await read_rows(store, unit)


async def test_a_put_that_fails_once_is_tried_again(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """Where the store's own package tries again, nothing is seen of it."""
    store = proxy.store(tries=2)
    proxy.put = times(1, status(500))
    unit = february(sandbox)
    await sync_unit(client, unit, store)
    assert await same(client, unit, store)


async def test_slow_puts_hold_up_nothing_else(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """While PUTs hang, the old objects are read, and the service is asked for other things."""
    store, units = proxy.store(), units_of(sandbox)
    await sync(client, units, store)
    for account in sandbox.account_ids:
        sandbox.restate(account, [date(2026, 2, 3)])
    until, reached = asyncio.Event(), asyncio.Event()
    proxy.put = silence(until, reached)
    task = asyncio.ensure_future(sync(client, units, store))
    try:
        await reached.wait()
        assert [r async for r in client.usage(sandbox.account_ids[0], "2026-03-01", "2026-03-02")]
        assert 3 * 2 == len(await store.partitions(units[0]))
        assert await read_rows(store, units[-1])
        assert not task.done()
    finally:
        until.set()
    assert 2 == (await task).changed
    assert all([await same(client, unit, store) for unit in units])


async def test_a_put_that_never_ends_is_given_up(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """An answer that does not come is waited for as long as the options say, and told."""
    store = proxy.store(seconds=0.2)
    until = asyncio.Event()
    proxy.put = silence(until, asyncio.Event())
    try:
        with pytest.raises(StoreError, match=r"cannot write .*Timeout") as caught:
            await sync_unit(client, february(sandbox), store)
    finally:
        until.set()
    assert caught.value.transient
    assert Bucket.secret not in told(caught.value)


async def test_cancelled_while_it_puts_the_old_object_stays_whole(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """A PUT that was begun is waited for: the object is the old one or the new one."""
    store, unit = proxy.store(), february(sandbox)
    await sync_unit(client, unit, store)
    until, reached = asyncio.Event(), asyncio.Event()
    proxy.put = silence(until, reached)
    task = asyncio.ensure_future(sync_unit(client, unit, store))
    await reached.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    until.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await same(client, unit, store)


async def test_two_syncs_of_one_bucket_agree(
    proxy: Proxy, sandbox: Sandbox, client: BillingClient
) -> None:
    """Two at once do the work twice and no harm."""
    stores = [proxy.store() for _ in range(2)]
    units = units_of(sandbox)
    await asyncio.gather(*(sync(client, units, store) for store in stores))
    assert all([await same(client, unit, stores[0]) for unit in units])


async def test_facts_are_asked_for_in_small_ranges(proxy: Proxy) -> None:
    """To see that a unit is settled, only a small part of its object is fetched."""
    async with (
        Sandbox(accounts=1, records_per_day=500, today=TODAY) as sandbox,
        client_of(sandbox) as client,
    ):
        units = list(plan(sandbox.account_ids, "2025-12-01", "2025-12-02", endpoint="usage"))
        store = proxy.store("ndjson")
        length = (await sync(client, units, store)).bytes
        proxy.sent = 0
        assert [] == [unit async for unit in due(client, units, store)]
        assert 0 < proxy.sent < length / 2


@pytest.mark.parametrize(
    ("destination", "changes"),
    [("s3://nobodys/x", {}), ("s3://costs/x", {"endpoint_url": "http://127.0.0.1:1"})],
)
async def test_a_bucket_that_is_not_there_is_told(
    bucket: Bucket,
    destination: str,
    changes: dict[str, Any],
    sandbox: Sandbox,
    client: BillingClient,
) -> None:
    """No bucket, no server: a failure of the store, without a secret."""
    store = Store(destination, **(bucket.options(bucket.url) | changes))
    assert Bucket.secret not in repr(store)
    with pytest.raises(StoreError, match="cannot") as caught:
        await sync_unit(client, february(sandbox), store)
    assert Bucket.secret not in told(caught.value)


async def test_a_bucket_that_is_not_there_uses_no_quota_up(
    bucket: Bucket, sandbox: Sandbox, client: BillingClient
) -> None:
    """A sync into a bucket that nobody has made ends soon, however much there is to fetch."""
    units = list(plan(sandbox.account_ids, "2024-01-01", "2026-03-01", endpoint="usage"))
    store = Store("s3://nobodys/x", **bucket.options(bucket.url))
    with pytest.raises(StoreError, match="cannot write") as caught:
        await sync(client, units, store)
    assert not caught.value.transient
    assert len(sandbox.requests) < len(units) / 2
