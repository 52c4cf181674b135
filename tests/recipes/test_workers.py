"""Three worker processes with one token on a queue in Redis, of which two are killed."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.harness.queue.job import QueueJob, stored_alone
from benchmarks.harness.queue.run import run_queue
from benchmarks.harness.redis import REDIS_SERVER

pytest.importorskip("saq", reason="what the README's recipes need is in the extra `recipes`")


@pytest.mark.skipif(shutil.which(REDIS_SERVER) is None, reason=f"there is no {REDIS_SERVER}")
async def test_no_unit_is_lost_by_killed_workers() -> None:
    """Killed in the midst of a write and during a pause, they leave the bytes that one leaves."""
    job = QueueJob("window", "five_minutes", requests=36, seconds=4, units=60)
    outcome = await run_queue(job)
    assert 2 == outcome.killed
    assert await stored_alone(job.units) == outcome.objects
