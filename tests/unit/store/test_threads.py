"""Work in threads: whoever waits for it is never ahead of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from cfbilling.store.threads import Threads


class Door:
    """Blocks a thread until a test opens it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._opened = threading.Event()
        self.reached = asyncio.Event()
        self.passed = 0

    def shut(self, _: object) -> None:
        """Wait before something is given back."""
        self.pass_by()

    def pass_by(self) -> str:
        """Wait, and say so."""
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self._opened.wait(60)
        self.passed += 1
        return "through"

    def open(self) -> None:
        """Let through who waits, and all who come."""
        self._opened.set()


async def _cancelled_often(task: asyncio.Task[object]) -> None:
    for _ in range(3):
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()


async def test_it_gives_what_the_work_gives() -> None:
    """A result is returned, an exception is raised."""
    assert 6 == await Threads().do(lambda: 2 * 3)
    with pytest.raises(ZeroDivisionError):
        await Threads().do(lambda: 1 // 0)


async def test_cancelled_it_waits_for_the_thread() -> None:
    """However often it is cancelled, it is done when the thread is, and cancelled then."""
    door = Door()
    task: asyncio.Task[object] = asyncio.ensure_future(Threads().do(door.pass_by))
    await door.reached.wait()
    await _cancelled_often(task)
    door.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == door.passed


async def test_cancelled_it_asks_for_no_exception() -> None:
    """What the work of a cancelled caller raises is nobody's any more, and disturbs nobody."""
    door = Door()

    def fail() -> None:
        door.pass_by()
        raise LookupError

    task: asyncio.Task[object] = asyncio.ensure_future(Threads().do(fail))
    await door.reached.wait()
    await _cancelled_often(task)
    door.open()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_got_is_given_back() -> None:
    """Also if the one who got it fails; what was not got is not given back."""
    given: list[str] = []
    async with Threads().held(lambda: "it", given.append) as item:
        assert ("it", []) == (item, given)
    assert ["it"] == given
    with pytest.raises(LookupError):
        async with Threads().held(lambda: "another", given.append):
            raise LookupError
    with pytest.raises(ZeroDivisionError):
        async with Threads().held(lambda: str(1 // 0), given.append):
            raise AssertionError
    assert ["it", "another"] == given


async def test_what_comes_after_a_cancellation_is_given_back() -> None:
    """Cancelled while a thread is still getting it, it is got, and given back."""
    door, given = Door(), list[str]()

    async def hold() -> object:
        async with Threads().held(door.pass_by, given.append):
            raise AssertionError("it was cancelled before")

    task = asyncio.ensure_future(hold())
    await door.reached.wait()
    await _cancelled_often(task)
    door.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ["through"] == given


async def test_cancelled_while_it_gives_back_it_still_does() -> None:
    """Cancelled in its clean-up, it is done when that is."""
    door = Door()

    async def hold() -> object:
        async with Threads().held(lambda: "it", door.shut):
            return None

    task = asyncio.ensure_future(hold())
    await door.reached.wait()
    await _cancelled_often(task)
    door.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == door.passed


_FORKED = """
import asyncio, os, signal, time
from cfbilling.store.threads import Threads

threads = Threads()
asyncio.run(threads.do(lambda: None))
while not threads._executor._idle_semaphore._value:
    time.sleep(0.001)
if not (child := os.fork()):
    signal.alarm(20)
    os._exit(asyncio.run(threads.do(lambda: 7)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_has_threads_of_its_own() -> None:
    """Who forks after a store was used does not wait for threads that only the parent has."""
    command = [sys.executable, "-W", "ignore", "-c", _FORKED]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert b"7" == done.stdout.strip()
