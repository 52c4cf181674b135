import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cfbilling._threads import Beside


class _Counted:
    """Work that goes on until it is told to end, and the most of it at once."""

    def __init__(self) -> None:
        self.now = self.most = self.begun = 0
        self._lock = threading.Lock()
        self._may_end = threading.Event()

    def __call__(self) -> None:
        with self._lock:
            self.now += 1
            self.begun += 1
            self.most = max(self.most, self.now)
        self._may_end.wait(60)
        with self._lock:
            self.now -= 1

    async def has_begun(self, times: int) -> None:
        while self.begun < times:  # noqa: ASYNC110 - a thread tells nobody
            await asyncio.sleep(0)

    def end(self) -> None:
        self._may_end.set()


@pytest.mark.parametrize(("processors", "most"), [(1, 1), (2, 1), (4, 3)])
async def test_long_work_leaves_the_loop_a_processor(processors: int, most: int) -> None:
    """Of many pieces of work, one fewer than there are processors is done at once."""
    beside, work = Beside(processors), _Counted()
    tasks = [asyncio.ensure_future(beside.do(work)) for _ in range(10)]
    await work.has_begun(most)
    work.end()
    await asyncio.gather(*tasks)
    assert (10, most) == (work.begun, work.most)


async def test_work_that_waits_may_be_cancelled() -> None:
    """Who is cancelled before its turn never begins, and who comes after still gets its turn."""
    beside, work = Beside(2), _Counted()
    first, second, third = (asyncio.ensure_future(beside.do(work)) for _ in range(3))
    await work.has_begun(1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.end()
    await asyncio.gather(first, third)
    assert work.begun == 2


async def test_this_machine_has_processors() -> None:
    """Without a number, those that the process may use count."""
    assert await Beside().do(lambda: 1) == 1


needs_policies = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has them")


def own_policy() -> int:
    """Return how the thread that asks is scheduled."""
    return os.sched_getscheduler(0)


@needs_policies
async def test_its_threads_make_way_for_the_event_loop() -> None:
    """A thread is scheduled as batch work, and the event loop's own threads as they were."""
    assert await Beside(2).do(own_policy) == os.SCHED_BATCH
    assert await asyncio.to_thread(own_policy) == own_policy() == os.SCHED_OTHER


@needs_policies
def test_a_policy_that_somebody_chose_stays() -> None:
    """Whoever is idle work to the scheduler gets threads that are."""

    def chosen() -> int:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return asyncio.run(Beside(2).do(own_policy))

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(chosen).result() == os.SCHED_IDLE


async def test_threads_end_when_it_is_closed() -> None:
    """Closing lets threads end that have nothing to do."""
    beside = Beside(2)
    thread = await beside.do(threading.current_thread)
    assert thread.is_alive()
    beside.close()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("policies", ["missing", "forbidden"])
async def test_work_is_done_where_policies_cannot_be_set(
    policies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system without policies, or one that forbids them, does the work all the same."""

    def refuse(*_: object) -> None:
        raise PermissionError

    if policies == "missing":
        monkeypatch.delattr(os, "SCHED_BATCH", raising=False)
    else:
        monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    assert await Beside(2).do(lambda: 1) == 1
