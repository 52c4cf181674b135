"""However many tasks work, one iteration of the loop holds no more than one budget of work."""

import asyncio

import pytest

from cfbilling._concurrency import Turns


class Stopwatch:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    """The time that work is measured by."""
    return Stopwatch()


async def _work(turn: Turns, stopwatch: Stopwatch, log: list[int], name: int, pieces: int) -> None:
    for _ in range(pieces):
        await turn.take()
        stopwatch.seconds += 0.0006
        log.append(name)


async def _iterations(log: list[int], tasks: list[asyncio.Task[None]]) -> list[list[int]]:
    """Return what was logged in each iteration of the loop."""
    found: list[list[int]] = []
    while not all(task.done() for task in tasks):
        before = len(log)
        await asyncio.sleep(0)
        if log[before:]:
            found.append(log[before:])
    return found


@pytest.mark.parametrize("workers", [1, 2, 8, 30])
async def test_the_budget_is_shared(stopwatch: Stopwatch, workers: int) -> None:
    """No iteration does more than a budget and a piece, however many tasks have work."""
    turn, log = Turns(stopwatch), list[int]()
    tasks = [asyncio.ensure_future(_work(turn, stopwatch, log, n, 5)) for n in range(workers)]
    iterations = await _iterations(log, tasks)
    assert sum(map(len, iterations)) == 5 * workers
    assert max(map(len, iterations)) <= 3


async def test_everyone_gets_a_turn(stopwatch: Stopwatch) -> None:
    """While one task has endless work, the work of another still gets done."""
    turn, log = Turns(stopwatch), list[int]()
    endless = asyncio.ensure_future(_work(turn, stopwatch, log, 1, 10_000))
    short = asyncio.ensure_future(_work(turn, stopwatch, log, 2, 20))
    await short
    assert not endless.done()
    endless.cancel()
    await asyncio.wait((endless,))


async def test_whoever_gives_up_the_line_holds_nobody_up(stopwatch: Stopwatch) -> None:
    """A task that is cancelled while it waits in line is passed over."""
    turn, log = Turns(stopwatch), list[int]()
    tasks = [asyncio.ensure_future(_work(turn, stopwatch, log, n, 50)) for n in range(4)]
    for _ in range(3):
        await asyncio.sleep(0)
    for task in tasks[:3]:
        task.cancel()
    await asyncio.wait(tasks)
    assert log.count(3) == 50


async def test_rest_leaves_nothing_behind(stopwatch: Stopwatch) -> None:
    """When the work is done, nothing stays scheduled."""
    turn, log = Turns(stopwatch), list[int]()
    await _work(turn, stopwatch, log, 1, 10)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not turn._is_counting
