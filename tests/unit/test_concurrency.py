import asyncio
import contextlib
import gc

import pytest

from cfbilling._concurrency import Tasks
from cfbilling.errors import ConfigurationError, NotFound


async def forever(log: list[str]) -> None:
    """Wait without end, and log how it ended."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        log.append("ended")


async def failing() -> None:
    """Fail at once."""
    raise NotFound("no")


async def answer() -> int:
    """Return a number."""
    return 42


async def test_ending_cancels_and_waits() -> None:
    """When all are ended, each task has run to the end of its clean-up."""
    tasks = Tasks()
    log: list[str] = []
    started = [tasks.start(forever(log)) for _ in range(3)]
    await asyncio.sleep(0)
    await tasks.close()
    assert ["ended"] * 3 == log
    assert [True] * 3 == [task.cancelled() for task in started]


async def test_ending_some_leaves_the_others() -> None:
    """Only the tasks that are named are ended."""
    tasks = Tasks()
    log: list[str] = []
    first, second = tasks.start(forever(log)), tasks.start(forever(log))
    await asyncio.sleep(0)
    await tasks.end([first])
    assert [True, False] == [first.done(), second.done()]
    await tasks.close()
    assert second.done()


async def test_ending_nothing_is_harmless() -> None:
    """Ending twice, or without tasks, does nothing."""
    tasks = Tasks()
    await tasks.close()
    await tasks.end([])
    assert set() == tasks._running


async def test_a_task_that_is_done_is_let_go() -> None:
    """What is done is not held any longer."""
    tasks = Tasks()
    task = tasks.start(answer())
    assert {task} == tasks._running
    assert await task == 42
    await asyncio.sleep(0)
    assert set() == tasks._running


async def test_failures_nobody_asked_for_are_quiet() -> None:
    """A failed task that is ended does not complain that nobody looked."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    tasks = Tasks()
    task = tasks.start(failing())
    await asyncio.wait((task,))
    await tasks.end([task])
    del task
    await asyncio.sleep(0)
    assert complaints == []


async def test_the_outcome_is_the_result() -> None:
    """The outcome of a task is its result, or its own error."""
    tasks = Tasks()
    assert await tasks.outcome(tasks.start(answer())) == 42
    with pytest.raises(NotFound):
        await tasks.outcome(tasks.start(failing()))


async def test_a_task_ended_by_others_is_no_cancellation() -> None:
    """Who waits for a task that the client ended gets an error, and is not cancelled."""
    tasks = Tasks()
    log: list[str] = []
    task = tasks.start(forever(log))
    waiting = asyncio.ensure_future(tasks.outcome(task))
    await asyncio.sleep(0)
    await tasks.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await waiting


async def test_cancelling_the_one_who_waits_ends_the_task() -> None:
    """Who waits for an outcome can be cancelled, and then nobody wants it any more."""
    tasks = Tasks()
    log: list[str] = []
    task = tasks.start(forever(log))
    waiting = asyncio.ensure_future(tasks.outcome(task))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (True, ["ended"]) == (task.cancelled(), log)
    await tasks.close()


async def test_work_done_here_gives_what_it_gives() -> None:
    """Work in the caller's own task has its result, or its own error, and is then forgotten."""
    tasks = Tasks()
    assert await tasks.here(answer()) == 42
    with pytest.raises(NotFound):
        await tasks.here(failing())
    await tasks.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await tasks.here(answer())


async def test_closing_ends_work_in_a_task_of_somebody_else() -> None:
    """Its clean-up is waited for; the task gets an error, goes on, and was not cancelled."""
    tasks = Tasks()
    log: list[str] = []

    async def consume() -> int:
        with pytest.raises(ConfigurationError, match="closed"):
            await tasks.here(forever(log))
        await asyncio.sleep(0)
        task = asyncio.current_task()
        return -1 if task is None else task.cancelling()

    consuming = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    await asyncio.gather(tasks.close(), tasks.close())
    assert ["ended"] == log
    assert await consuming == 0


async def test_who_is_cancelled_while_the_client_is_closed_is_cancelled() -> None:
    """A cancellation of the consumer's own is not lost in the client's."""
    tasks = Tasks()
    log: list[str] = []
    consuming = asyncio.ensure_future(tasks.here(forever(log)))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(tasks.close())
    await asyncio.sleep(0)
    consuming.cancel()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert consuming.cancelled()


async def test_what_fails_while_it_is_interrupted_fails_as_it_does() -> None:
    """An error of the clean-up comes through, and leaves no cancellation behind."""
    tasks = Tasks()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise NotFound("no")

    async def consume() -> int:
        with pytest.raises(NotFound):
            await tasks.here(stubborn())
        task = asyncio.current_task()
        return -1 if task is None else task.cancelling()

    consuming = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    await tasks.close()
    assert await consuming == 0


async def test_who_closes_amid_a_step_of_the_work_cancels_nobody() -> None:
    """What begins to close before the work is left, as an eager task may, is not felt after it."""
    tasks = Tasks()
    closing = tasks.close()

    async def work() -> int:
        await asyncio.sleep(0)
        closing.send(None)
        return 42

    async def consume() -> int:
        found = await tasks.here(work())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return found

    assert await asyncio.ensure_future(consume()) == 42
    closing.close()


async def test_a_timeout_around_work_is_a_timeout() -> None:
    """A deadline of the consumer's own stays one, and ends the work."""
    tasks = Tasks()
    log: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await tasks.here(forever(log))
    assert ["ended"] == log
    await tasks.close()


async def test_a_cancellation_swallowed_long_ago_is_none_of_ours() -> None:
    """Who was cancelled before and went on is told that the client was closed."""
    tasks = Tasks()

    async def job() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        with pytest.raises(ConfigurationError, match="closed"):
            await tasks.outcome(tasks.start(asyncio.sleep(3600)))
        return "told"

    running = asyncio.ensure_future(job())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await tasks.close()
    assert await running == "told"


async def test_who_ends_tasks_may_be_cancelled() -> None:
    """What tasks come to is looked at also when nobody waits any more: asyncio has no complaint."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    tasks, go_on = Tasks(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await go_on.wait()
            raise ZeroDivisionError

    tasks.start(stubborn())
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(tasks.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait((closing,))
    go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert (True, []) == (closing.cancelled(), complaints)


async def test_a_cancellation_that_comes_while_running_is_one() -> None:
    """Who is cancelled before it begins to wait, as by a signal, is cancelled when it waits."""
    tasks = Tasks()

    async def job() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await tasks.outcome(tasks.start(asyncio.sleep(3600)))

    with pytest.raises(asyncio.CancelledError):
        await asyncio.ensure_future(job())
    await tasks.close()
