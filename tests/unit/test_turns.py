import asyncio

import pytest

from cfbilling import turns
from cfbilling.turns import Turns


class Stopwatch:
    """A time that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    """Replace the time that work is measured by."""
    watch = Stopwatch()
    monkeypatch.setattr(turns, "perf_counter", watch)
    return watch


async def given_by(turn: Turns) -> bool:
    """Return whether others ran while a turn was offered."""
    ran: list[bool] = []
    asyncio.get_running_loop().call_soon(ran.append, True)
    await turn.give()
    gave = bool(ran)
    await asyncio.sleep(0)
    return gave


async def test_no_turn_is_given_before_it_is_due(stopwatch: Stopwatch) -> None:
    """Short work goes on without a turn."""
    turn = Turns()
    stopwatch.seconds += 0.0005
    assert await given_by(turn) is False


async def test_a_turn_is_given_when_it_is_due(stopwatch: Stopwatch) -> None:
    """After more than a millisecond of work, others run once, and then it counts anew."""
    turn = Turns()
    found: list[bool] = []
    for seconds in (0.0015, 0.0005, 0.0004, 0.0003, 0.0003):
        stopwatch.seconds += seconds
        found.append(await given_by(turn))
    assert found == [True, False, False, True, False]
