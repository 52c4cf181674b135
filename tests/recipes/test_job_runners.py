"""The README's recipes for job runners: each does a unit whole, and comes back after a refusal."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.recipes import recipe, recipes
from benchmarks.harness.redis import REDIS_SERVER, redis_server
from cfbilling import ApiToken, BillingClient, RateLimited, RetryPolicy, WorkUnit, plan
from cfbilling.sandbox import Fault, Sandbox
from cfbilling.sync import Store

_SOON = 30
WHY = "what the README's recipes need is in the extra `recipes`"
# What these packages warn about is theirs to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@asynccontextmanager
async def service(
    monkeypatch: pytest.MonkeyPatch, folder: Path, **options: Any
) -> AsyncGenerator[tuple[Sandbox, list[WorkUnit]], None]:
    """Serve a sandbox as the environment says, in a folder of its own."""
    monkeypatch.chdir(folder)
    async with Sandbox(accounts=2, **options) as sandbox:
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", sandbox.api_token)
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", sandbox.base_url)
        yield sandbox, list(plan(sandbox.account_ids, "2026-01-01", "2026-03-01"))


async def whole(sandbox: Sandbox, units: list[WorkUnit]) -> bool:
    """Whether the store in the present folder has what the service has."""
    async with BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client:
        pairs = [
            (await client.fetch(unit).collect(), await Store("costs").read(unit).collect())
            for unit in units
        ]
    return all(expected and expected == found for expected, found in pairs)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of one's own, where one is installed."""
    if shutil.which(REDIS_SERVER) is None:
        pytest.skip(f"there is no {REDIS_SERVER}")
    with redis_server() as url:
        yield url


async def test_procrastinate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of the worker fill the store; a unit is queued once; a refusal says when to retry."""
    exceptions = pytest.importorskip("procrastinate.exceptions", reason=WHY)
    testing = pytest.importorskip("procrastinate.testing", reason=WHY)
    async with service(monkeypatch, tmp_path) as (sandbox, units):
        jobs, memory = recipe("procrastinate"), testing.InMemoryConnector()
        with jobs.app.replace_connector(memory) as app:
            for unit in units:
                await jobs.enqueue(unit)
            with pytest.raises(exceptions.AlreadyEnqueued):
                await jobs.enqueue(units[0])
            async with BillingClient(retry=RetryPolicy.never_wait()) as client:
                await app.run_worker_async(wait=False, additional_context={"client": client})
        assert {"succeeded"} == {job["status"] for job in memory.jobs.values()}
        assert await whole(sandbox, units)
        refusal = RateLimited("quota", retry_after=7.5)
        decision = jobs.AfterRefusal().get_retry_decision(exception=refusal, job=None)
        assert decision.retry_at is not None
        assert jobs.AfterRefusal().get_retry_decision(exception=ValueError(), job=None) is None


async def test_temporal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The activity does a unit; a refusal tells Temporal how long to wait."""
    exceptions = pytest.importorskip("temporalio.exceptions", reason=WHY)
    testing = pytest.importorskip("temporalio.testing", reason=WHY)
    jobs, environment = recipe("Temporal"), testing.ActivityEnvironment()
    async with (
        service(monkeypatch, tmp_path) as (sandbox, units),
        BillingClient(retry=RetryPolicy.never_wait()) as client,
    ):
        activities = jobs.Activities(client, Store("costs"))
        for unit in units:
            records = await environment.run(activities.sync_month, unit.to_dict())
            assert records
        assert await whole(sandbox, units)
        sandbox.faults.add(Fault(status=429, retry_after=30))
        with pytest.raises(exceptions.ApplicationError) as caught:
            await environment.run(activities.sync_month, units[0].to_dict())
        assert caught.value.next_retry_delay == timedelta(seconds=30)


async def test_saq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """A worker does every unit, each queued once; a refused one comes back after its time."""
    saq = pytest.importorskip("saq", reason=WHY)
    monkeypatch.setenv("REDIS_URL", redis_url)
    async with service(monkeypatch, tmp_path) as (sandbox, units):
        jobs = recipe("SAQ")
        sandbox.faults.add(Fault(status=429, retry_after=1, times=1))
        for unit in [*units, *units]:
            await jobs.enqueue(unit)
        worker = saq.Worker(**jobs.settings)
        working = asyncio.ensure_future(worker.start())
        async with asyncio.timeout(_SOON):
            while not all([await fetched(unit) for unit in units]):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        await worker.stop()
        working.cancel()
        await asyncio.wait([working])
        await jobs.queue.disconnect()
        assert await whole(sandbox, units)
        assert 429 in sandbox.statuses


async def test_taskiq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """A receiver does every unit, or schedules what is refused again, by another id each time."""
    pytest.importorskip("taskiq_redis", reason=WHY)
    api = pytest.importorskip("taskiq.api", reason=WHY)
    monkeypatch.setenv("REDIS_URL", redis_url)
    async with service(monkeypatch, tmp_path) as (sandbox, units):
        jobs, began = recipe("taskiq"), datetime.now(UTC)
        sandbox.faults.add(Fault(status=429, retry_after=1, times=1))
        jobs.broker.is_worker_process = True
        await jobs.broker.startup()
        await jobs.later.startup()
        receiving = asyncio.ensure_future(api.run_receiver_task(jobs.broker))
        for unit in units:
            await jobs.enqueue(unit)
        async with asyncio.timeout(_SOON):
            # It gives those that are due in this minute.
            while not (scheduled := await jobs.later.get_schedules()) or (  # noqa: ASYNC110 - likewise
                len(scheduled) + sum([await fetched(unit) for unit in units]) < len(units)
            ):
                await asyncio.sleep(0.05)
        refused = [unit for unit in units if not await fetched(unit)]
        # The scheduler fires an id only once while it knows it.
        names = [again.schedule_id.split() for again in scheduled]
        assert {unit.id for unit in refused} == {unit_id for unit_id, _ in names}
        assert all(datetime.fromisoformat(when) > began for _, when in names)
        assert all([unit.to_dict()] in [again.args for again in scheduled] for unit in refused)
        receiving.cancel()
        await asyncio.wait([receiving])
        await jobs.later.shutdown()
        await jobs.broker.shutdown()
        assert await whole(sandbox, [unit for unit in units if unit not in refused])


async def test_apscheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job syncs all accounts of the credential; it is scheduled once."""
    pytest.importorskip("apscheduler", reason=WHY)
    jobs = recipe("APScheduler")
    async with service(monkeypatch, tmp_path) as (sandbox, _), BillingClient() as client:
        scheduler = jobs.scheduled(client, Store("costs"))
        (job,) = scheduler.get_jobs()
        report = await job.func(*job.args)
        scheduler.shutdown(wait=False)
        assert report.fetched >= 2 * len(sandbox.account_ids)
        assert report.records


def test_every_recipe_has_a_test() -> None:
    """No recipe of the README is without a test here."""
    tested = {"taskiq", "procrastinate", "Temporal", "SAQ", "APScheduler, or plain cron"}
    assert tested == set(recipes())


async def fetched(unit: WorkUnit) -> bool:
    """Whether a unit is in the store in the present folder."""
    return await Store("costs").fetched(unit) is not None
