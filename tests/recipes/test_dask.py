"""Work units on a Dask cluster: the same store, whatever happens to its processes."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    AuthenticationError,
    BillingClient,
    ConfigurationError,
    FanOutError,
    RateLimited,
    RetryPolicy,
    TransportError,
    WorkUnit,
    plan,
)
from cfbilling.sandbox import Fault, Sandbox
from cfbilling.sync import Store, SyncReport, SyncResult, sync
from tests.recipes.dask_cluster import DaskCluster
from tests.recipes.dask_service import SETTINGS, environ, first_of, hang

distributed: Any = pytest.importorskip("distributed", reason="needs the extra dask")

from cfbilling.integrations.cluster.worker import ClientPlugin, sync_some
from cfbilling.integrations.dask import FromEnvironment, FromFolder, sync_on

NAMES = ("TOKEN_A", "TOKEN_B", "TOKEN_C")
EVER = timedelta(days=3660)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers, for tests that kill none."""
    with DaskCluster(tmp_path_factory.mktemp("cluster"), 2, environ()) as cluster:
        yield cluster


def units_of(sandbox: Sandbox, *names: str | None, months: int = 2) -> list[WorkUnit]:
    """Return units of each account, under these credentials in turn."""
    named = {id_: names[n % len(names)] for n, id_ in enumerate(sandbox.account_ids)}
    return list(plan(named, "2025-01-01", f"2025-{months:02}-02"))


async def on(
    cluster: DaskCluster | str,
    sandbox: Sandbox,
    units: list[WorkUnit],
    store: Store,
    **settings: Any,
) -> SyncReport:
    """Sync on the cluster, in a thread, so that the sandbox goes on here."""
    address = cluster if isinstance(cluster, str) else cluster.address
    client = partial(BillingClient, base_url=sandbox.base_url, concurrency=4)
    chosen: dict[str, Any] = {"client": client, "patience": 60.0} | settings
    return await asyncio.to_thread(partial(sync_on, address, units, store, **chosen))


async def contents(store: Store, units: list[WorkUnit]) -> list[Any]:
    """Return all records of a store."""
    return [await store.read(unit).collect() for unit in units]


async def test_two_workers_do_what_one_process_does(
    two_workers: DaskCluster, tmp_path: Path
) -> None:
    """The same objects with the same records, the same report, and a result of each unit."""
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    results: list[Any] = []
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A", "TOKEN_B", None)
        one, other, _ = sandbox.api_tokens
        named = {None: ApiToken(one), "TOKEN_A": ApiToken(one), "TOKEN_B": ApiToken(other)}
        async with BillingClient(named, base_url=sandbox.base_url) as client:
            expected = await sync(client, units, here)
        report = await on(two_workers, sandbox, units, there, on_result=results.append)
        assert expected == report
        assert {unit.id for unit in units} == {result.unit.id for result in results}
        assert await contents(here, units) == await contents(there, units)
        used = {r.scope_id: r.credential for r in sandbox.requests[-len(units) :]}
        assert {"token-0", "token-1"} == set(used.values())
        # Settled by now: nothing is asked for again.
        asked = len(sandbox.requests)
        again = await on(two_workers, sandbox, units, there, on_result=results.append)
        assert (0, len(units), asked) == (again.fetched, again.skipped, len(sandbox.requests))


async def test_a_worker_that_is_closed_judges_no_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the end of its client makes of units is no result: they are to be done elsewhere."""
    async with Sandbox(**SETTINGS) as sandbox:
        monkeypatch.setenv("TOKEN_A", sandbox.api_token)
        client = partial(BillingClient, base_url=sandbox.base_url)
        plugin = ClientPlugin(client, FromEnvironment(), ["TOKEN_A"])
        worker: Any = None
        plugin.setup(worker)
        here = SimpleNamespace(plugins={plugin.name: plugin})
        monkeypatch.setattr("cfbilling.integrations.cluster.worker.get_worker", lambda: here)
        units, store = units_of(sandbox, "TOKEN_A"), Store(tmp_path)
        assert len(units) == len(await sync_some(plugin.name, units, store, timedelta(0)))
        begun, never = hang(sandbox)
        syncing = asyncio.create_task(sync_some(plugin.name, units, store, EVER))
        await first_of(begun, syncing)
        await plugin.teardown(worker)
        with pytest.raises(distributed.Reschedule):
            await syncing
        never.set()
        with pytest.raises(ConfigurationError, match="is over"):
            await sync_some("another", units, store, EVER)


async def test_a_worker_that_is_closed_opens_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that comes to its client after the end leaves none open, which nobody would close."""
    monkeypatch.setenv("TOKEN_A", "a-token")
    opened: list[BillingClient] = []

    def make(*given: Any, **settings: Any) -> BillingClient:
        opened.append(BillingClient(*given, **settings))
        return opened[-1]

    plugin = ClientPlugin(make, FromEnvironment(), ["TOKEN_A"])
    worker: Any = None
    plugin.setup(worker)
    await plugin.teardown(worker)
    assert (None, []) == (await plugin.client(), opened)


async def test_credentials_may_come_after_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker did not find at first fails units, and no later ones when it is there."""
    async with Sandbox(**SETTINGS) as sandbox:
        client = partial(BillingClient, base_url=sandbox.base_url)
        plugin = ClientPlugin(client, FromFolder(tmp_path), ["TOKEN_A"])
        worker: Any = None
        plugin.setup(worker)
        here = SimpleNamespace(plugins={plugin.name: plugin})
        monkeypatch.setattr("cfbilling.integrations.cluster.worker.get_worker", lambda: here)
        units, store = units_of(sandbox, "TOKEN_A"), Store(tmp_path / "store")
        outcomes = await sync_some(plugin.name, units, store, EVER)
        assert all(isinstance(outcome, AccountFailure) for outcome in outcomes)
        (tmp_path / "TOKEN_A").write_text(sandbox.api_token)
        outcomes = await sync_some(plugin.name, units, store, EVER)
        assert len(units) == sum(isinstance(outcome, SyncResult) for outcome in outcomes)
        await plugin.teardown(worker)


async def test_nothing_is_left_on_the_workers(two_workers: DaskCluster, tmp_path: Path) -> None:
    """When it is over, no worker has a client, a task or a result of it."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A")

        def work() -> None:
            with distributed.Client(two_workers.address, set_as_default=False) as dask_client:
                client = partial(BillingClient, base_url=sandbox.base_url)
                sync_on(dask_client, units, Store(tmp_path), client=client)
                left = dask_client.run(
                    lambda dask_worker: [*map(str, dask_worker.plugins), *dask_worker.data]
                )
                assert 2 == len(left)
                assert not [name for names in left.values() for name in names if "cfb" in name]

        await asyncio.to_thread(work)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_units_of_a_killed_worker_are_done_by_others(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A worker that dies in the middle, or is told to end, costs time, and no unit."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A", "TOKEN_B", months=4)
        store = Store(tmp_path / "store")
        with DaskCluster(tmp_path, 2, environ()) as cluster:
            # One request has no answer before its worker is dead.
            begun, never = hang(sandbox, times=1, scope_id=units[-1].scope_id)
            syncing = asyncio.create_task(on(cluster, sandbox, units, store))
            await first_of(begun, syncing)
            await asyncio.to_thread(end_the_busy_worker, cluster.address, number)
            report = await syncing
            never.set()
        assert (len(units), ()) == (report.fetched + report.skipped, report.failures)
        async with BillingClient(
            {
                "TOKEN_A": ApiToken(sandbox.api_tokens[0]),
                "TOKEN_B": ApiToken(sandbox.api_tokens[1]),
            },
            base_url=sandbox.base_url,
        ) as client:
            for unit in units:
                assert await client.fetch(unit).collect() == await store.read(unit).collect()


def end_the_busy_worker(address: str, number: signal.Signals) -> None:
    """Send a signal to the one worker that still has something to do."""
    with distributed.Client(address, set_as_default=False) as dask_client:
        while 1 != len(busy := [w for w, keys in dask_client.processing().items() if keys]):
            time.sleep(0.05)
        (pid,) = dask_client.run(os.getpid, workers=busy).values()
        os.kill(pid, number)


@pytest.mark.parametrize("spread", [1, 2])
async def test_a_credential_is_used_from_so_many_workers(
    two_workers: DaskCluster, tmp_path: Path, spread: int
) -> None:
    """Of two workers one opens its client for all units of a credential, if no more are allowed."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A", months=8)

        def work() -> set[str]:
            used: set[str] = set()
            with distributed.Client(two_workers.address, set_as_default=False) as dask_client:

                def look(_: object) -> None:
                    clients = dask_client.run(
                        lambda dask_worker: [
                            vars(plugin)["_client"] is not None
                            for name, plugin in dask_worker.plugins.items()
                            if str(name).startswith("cfbilling")
                        ]
                    )
                    used.update(worker for worker, opened in clients.items() if any(opened))

                client = partial(BillingClient, base_url=sandbox.base_url)
                store = Store(tmp_path)
                report = sync_on(
                    dask_client, units, store, client=client, spread=spread, on_result=look
                )
            assert len(units) == report.fetched
            return used

        assert spread == len(await asyncio.to_thread(work))


async def test_a_wrong_credential_fails_its_own_units_only(
    two_workers: DaskCluster, tmp_path: Path
) -> None:
    """Of three groups, the one that the service refuses is named unit by unit."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, *NAMES)
        refused = {unit.id for unit in units if unit.credential == "TOKEN_C"}
        with pytest.raises(FanOutError) as caught:
            await on(two_workers, sandbox, units, Store(tmp_path))
        assert refused == {failure.account_id for failure in caught.value.failures}
        assert all(isinstance(f.error, AuthenticationError) for f in caught.value.failures)
        done = [unit for unit in units if await Store(tmp_path).fetched(unit) is not None]
        assert [unit for unit in units if unit.id not in refused] == done


async def test_a_credential_that_no_worker_has_is_named(
    two_workers: DaskCluster, tmp_path: Path
) -> None:
    """What is missing on the workers fails the units that name it, and tells no secret."""
    secret = "3a1f00ba44e8c1d2aa7b66f1e9e00c4de2b91234"
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A", secret)
        report = await on(two_workers, sandbox, units, Store(tmp_path), on_error="report")
        assert len(units) // 2 == report.fetched == len(report.failures)
        for failure in report.failures:
            assert isinstance(failure.error, ConfigurationError)
            assert secret not in str(failure.error)
        nobody = units_of(sandbox, "NOWHERE")
        report = await on(two_workers, sandbox, nobody, Store(tmp_path), on_error="report")
        assert len(nobody) == len(report.failures)


async def test_refused_units_come_again_when_they_may(
    two_workers: DaskCluster, tmp_path: Path
) -> None:
    """The workers never wait for a quota: a refused unit comes back, and is sent out again."""
    limited: dict[str, Any] = SETTINGS | {"quota": 7, "window": 1}
    async with Sandbox(**limited) as sandbox:
        units = units_of(sandbox, "TOKEN_A")
        began = time.monotonic()
        report = await on(two_workers, sandbox, units, Store(tmp_path / "one"))
        assert (len(units), ()) == (report.fetched, report.failures)
        assert time.monotonic() - began >= 1
        # With no time to wait, the same is a failure that says for how long.
        report = await on(
            two_workers,
            sandbox,
            units,
            Store(tmp_path / "two"),
            retry=RetryPolicy(budget=0.0),
            on_error="report",
        )
        assert report.failures
        for failure in report.failures:
            assert isinstance(failure.error, RateLimited)
            assert failure.error.retry_after


async def test_faults_are_tried_again(two_workers: DaskCluster, tmp_path: Path) -> None:
    """What may help to be asked again is asked again, as often as the policy says."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A")
        quick = RetryPolicy(attempts=3, initial_wait=0.0)
        sandbox.faults.add(Fault(status=503, times=4))
        report = await on(two_workers, sandbox, units, Store(tmp_path / "a"), retry=quick)
        assert len(units) == report.fetched
        broken = units[0]
        sandbox.faults.add(Fault(status=503, times=None, scope_id=broken.scope_id))
        report = await on(
            two_workers, sandbox, [broken], Store(tmp_path / "b"), retry=quick, on_error="report"
        )
        assert [broken.id] == [failure.account_id for failure in report.failures]
        asked = [r for r in sandbox.requests if r.status == 503]
        assert 4 + 3 == len(asked)


async def test_it_can_be_stopped(two_workers: DaskCluster, tmp_path: Path) -> None:
    """Another thread ends it: what is not done has failed, by name."""
    stop = threading.Event()
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A")
        begun, never = hang(sandbox)
        syncing = asyncio.create_task(
            on(two_workers, sandbox, units, Store(tmp_path), stop=stop, on_error="report")
        )
        await first_of(begun, syncing)
        stop.set()
        report = await syncing
        never.set()
        assert {unit.id for unit in units} == {f.account_id for f in report.failures}
        assert all("stopped" in str(failure.error) for failure in report.failures)


async def test_a_deadline_ends_it(two_workers: DaskCluster, tmp_path: Path) -> None:
    """What is not done by then has failed, by name; what is done is kept."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A", "TOKEN_B")
        stuck = units[0].scope_id
        _, never = hang(sandbox, scope_id=stuck)
        report = await on(
            two_workers, sandbox, units, Store(tmp_path), deadline=3.0, on_error="report"
        )
        never.set()
        failed = {failure.account_id for failure in report.failures}
        assert {unit.id for unit in units if unit.scope_id == stuck} <= failed
        assert all(isinstance(failure.error, TransportError) for failure in report.failures)
        assert len(units) == report.fetched + len(failed)


def test_a_scheduler_that_is_not_there_is_told_soon(tmp_path: Path) -> None:
    """Nobody at the address is an error, after the patience that was given."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(TransportError, match="no Dask scheduler"):
            sync_on(address, [], Store(tmp_path), patience=0.5)
    with pytest.raises(TransportError, match="no Dask scheduler"):
        sync_on("nonsense://x", [], Store(tmp_path), patience=0.5)


async def test_a_scheduler_that_is_lost_is_told_soon(tmp_path: Path) -> None:
    """Should the scheduler die on the way, it is an error, and no hang."""
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "TOKEN_A")
        begun, never = hang(sandbox)
        with DaskCluster(tmp_path, 1, environ()) as cluster:
            syncing = asyncio.create_task(on(cluster, sandbox, units, Store(tmp_path / "store")))
            await first_of(begun, syncing)
            cluster.stop_scheduler()
            with pytest.raises(TransportError, match="Dask cluster cannot be used"):
                await syncing
            never.set()


def test_a_cluster_without_workers_is_told_soon(tmp_path: Path) -> None:
    """A scheduler that has nobody to do it is an error, after the patience that was given."""
    (unit,) = plan(["a" * 32], "2025-01-01", "2025-01-02")
    with (
        DaskCluster(tmp_path, 0, {}) as cluster,
        pytest.raises(TransportError, match="no worker for 1 seconds"),
    ):
        sync_on(cluster.address, [unit], Store(tmp_path / "store"), patience=1.0)


def test_no_secret_is_sent() -> None:
    """Of credentials, only names go to the cluster; and what comes back pickles."""
    secret = environ()["TOKEN_A"].encode()
    units = list(plan({"a" * 32: "TOKEN_A"}, "2025-01-01", "2025-01-02"))
    plugin = ClientPlugin(BillingClient, FromEnvironment(), ["TOKEN_A"])
    assert secret not in pickle.dumps((plugin, units, Store("x")))
    result = SyncResult(units[0], 1, 2, changed=True)
    refused = AccountFailure("x", RateLimited("no", status=429, retry_after=7.0))
    told = pickle.loads(pickle.dumps([result, refused, None]))  # noqa: S301 - our own
    assert (result, 7.0) == (told[0], told[1].error.retry_after)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"dask_client": 7}, "dask_client"),
        ({"units": "units"}, "units"),
        ({"units": ["unit"]}, "units"),
        ({"store": "folder"}, "store"),
        ({"store": lambda: Store("memory://x", key="hush")}, "store"),
        ({"credentials": ApiToken("hush")}, "credentials"),
        ({"credentials": {"TOKEN": ApiToken("hush")}}, "credentials"),
        ({"client": partial(BillingClient, ApiToken("hush"))}, "client"),
        ({"client": partial(BillingClient, credentials=ApiToken("hush"))}, "client"),
        ({"client": None}, "client"),
        ({"on_error": "yield"}, "on_error"),
        ({"retry": 5}, "retry"),
        ({"spread": 0}, "spread"),
        ({"patience": 0}, "patience"),
        ({"deadline": float("nan")}, "deadline"),
        ({"restate": 35}, "restate"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], named: str, tmp_path: Path) -> None:
    """What cannot be right is told by its name, before anything is connected to."""
    arguments: dict[str, Any] = {
        "dask_client": "tcp://127.0.0.1:1",
        "units": [],
        "store": Store(tmp_path),
    }
    for name, value in wrong.items():
        arguments[name] = value() if name == "store" and callable(value) else value
    given: Callable[..., Any] = sync_on
    with pytest.raises(ConfigurationError, match=named) as caught:
        given(**arguments)
    assert "hush" not in str(caught.value)


async def test_credentials_may_be_files(two_workers: DaskCluster, tmp_path: Path) -> None:
    """A folder of secrets, one in each file, is found by the workers."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "emea").write_text(environ()["TOKEN_B"] + "\n")
    async with Sandbox(**SETTINGS) as sandbox:
        units = units_of(sandbox, "emea", "../secrets/emea")
        report = await on(
            two_workers,
            sandbox,
            units,
            Store(tmp_path / "store"),
            credentials=FromFolder(secrets),
            on_error="report",
        )
        assert len(units) // 2 == report.fetched == len(report.failures)
        assert {"token-1"} == {r.credential for r in sandbox.requests}
