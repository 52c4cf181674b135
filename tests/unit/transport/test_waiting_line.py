"""Who waits is served in order, and a place that is given up holds nobody up."""

import asyncio
import math

import pytest

from cfbilling.transport.budget import Budget
from cfbilling.transport.waiting_line import Place, WaitingLine
from tests.unit.fakes import settle


def join(line: WaitingLine, *seconds: float) -> list[Place]:
    """Join a line with so many seconds each."""
    return [line.join(Budget(each), again=False) for each in seconds]


async def test_the_next_is_called_when_a_place_is_given_up() -> None:
    """It is the first then; a place in the middle may go before, or one may come back."""
    line = WaitingLine()
    first, second, third = join(line, 1, 1, 1)
    called = third.called()
    line.leave(second)
    assert not called.done()
    line.leave(first)
    assert called.done()
    assert line.is_first(third)
    back = line.join(Budget(1), again=True)
    assert (True, False) == (line.is_first(back), line.is_first(third))


async def test_what_was_waited_is_taken_off_the_budget() -> None:
    """Only of those who were there, and only while they were."""
    line, early, late = WaitingLine(), Budget(10), Budget(10)
    first = line.join(early, again=False)
    line.waited += 3
    second = line.join(late, again=False)
    line.waited += 4
    assert [3, 6] == [round(line.left(place)) for place in (first, second)]
    line.leave(first)
    line.leave(second)
    assert (3, 6) == (early.left, late.left)


async def test_who_cannot_wait_so_long_is_called_at_once() -> None:
    """Wherever they stand; who stays all the same is watched for again."""
    line = WaitingLine()
    _, short, _, shorter = join(line, 100, 10, 50, 5)
    calls = short.called(), shorter.called()
    assert line.shortest() == pytest.approx(5)
    line.dismiss(7)
    assert [False, True] == [call.done() for call in calls]
    assert line.shortest() == pytest.approx(10)
    line.stay(shorter)
    line.stay(short)
    assert line.shortest() == pytest.approx(5)


async def test_a_newcomer_with_less_patience_is_watched_for() -> None:
    """The first is called, which watches for all of them."""
    line = WaitingLine()
    (first,) = join(line, 100)
    call = first.called()
    join(line, 200)
    assert not call.done()
    join(line, 1)
    assert call.done()


def test_places_that_were_given_up_take_no_memory() -> None:
    """Also when the least patient stays for ever."""
    line = WaitingLine()
    join(line, 0)
    for _ in range(1_000):
        line.leave(join(line, 10)[0])
    assert len(line._ends) < 50
    assert len(line) == 1


def test_an_empty_line_has_all_the_time() -> None:
    """Nobody is called, nobody is in a hurry."""
    line = WaitingLine()
    line.call_first()
    line.call_all()
    line.dismiss(math.inf)
    assert line.shortest() == math.inf


async def test_a_call_that_comes_late_does_no_harm() -> None:
    """Who was cancelled, or called twice, or does not wait, is called in vain."""
    line = WaitingLine()
    (place,) = join(line, 1)

    async def wait() -> None:
        await place.called()

    place.call()
    waiting = asyncio.ensure_future(wait())
    await settle(3)
    waiting.cancel()
    await settle(3)
    line.call_all()
    line.call_first(8)
    assert waiting.cancelled()
