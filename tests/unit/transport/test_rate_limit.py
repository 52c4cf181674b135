"""Nothing is sent that the last header says will be refused, and nothing waits longer."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.protocol.headers import Policy, Quota
from cfbilling.transport.rate_limit import RateLimiter
from tests.conftest import Waits

POLICY = Policy(10, 60.0)


def _quota(remaining: int, reset: float = 60.0) -> Quota:
    return Quota(remaining, reset, POLICY)


def _entered(limiter: RateLimiter) -> int:
    """Enter as often as the limiter lets."""
    count = 0
    while count < 10_000 and limiter.enter():
        count += 1
    return count


def test_without_headers_the_documented_default_holds(waits: Waits) -> None:
    """Until the service tells, 1,200 requests may be under way in 300 seconds."""
    limiter = RateLimiter(waits.clock)
    assert _entered(limiter) == 1200
    waits.now += 300
    assert limiter.closed_for == 0


def test_requests_under_way_count_against_what_remains(waits: Waits) -> None:
    """What is not answered yet has been spent."""
    limiter = RateLimiter(waits.clock)
    assert limiter.enter()
    limiter.answered(_quota(5))
    assert _entered(limiter) == 5


def test_answers_without_headers_count_down(waits: Waits) -> None:
    """A service that tells nothing is asked no more often than its documents say."""
    limiter = RateLimiter(waits.clock, policy=POLICY)
    for _ in range(10):
        assert limiter.enter()
        limiter.answered(None)
    assert not limiter.enter()
    assert limiter.closed_for == 60


def test_what_failed_may_have_been_counted(waits: Waits) -> None:
    """A request without an answer is counted as spent."""
    limiter = RateLimiter(waits.clock, policy=POLICY)
    for _ in range(10):
        assert limiter.enter()
        limiter.given_up()
    assert not limiter.enter()


async def test_nothing_remaining_means_waiting_for_the_window(waits: Waits) -> None:
    """When nothing remains, the limiter opens at the window's end, for a whole quota."""
    pauses: list[float] = []
    limiter = RateLimiter(waits.clock, pauses.append)
    assert limiter.enter()
    limiter.answered(_quota(0, 42))
    assert not limiter.is_open
    await limiter.opened()
    assert [42] == waits.seconds
    assert [42] == pauses
    assert _entered(limiter) == 10


async def test_a_pause_is_told_once(waits: Waits) -> None:
    """However many wait, a pause is one pause."""
    pauses: list[float] = []
    limiter = RateLimiter(waits.clock, pauses.append)
    assert limiter.enter()
    limiter.answered(_quota(0, 42))
    await asyncio.gather(*(limiter.opened() for _ in range(20)))
    assert len(pauses) == 1


def test_a_lock_out_lets_one_go_ahead(waits: Waits) -> None:
    """After a refusal one request goes alone; when it is answered, the others follow."""
    limiter = RateLimiter(waits.clock)
    assert limiter.enter()
    limiter.answered(_quota(0, 30))
    limiter.locked_out(300)
    assert limiter.closed_for == 300
    waits.now += 300
    assert _entered(limiter) == 1
    limiter.answered(_quota(9))
    # Somebody else has used the quota, so one is kept back.
    assert _entered(limiter) == 8


def test_a_refused_scout_closes_the_limiter_again(waits: Waits) -> None:
    """When the request that went ahead is refused too, everything waits again."""
    limiter = RateLimiter(waits.clock)
    limiter.locked_out(10)
    waits.now += 10
    assert _entered(limiter) == 1
    limiter.answered(_quota(0, 20))
    limiter.locked_out(20)
    assert limiter.closed_for == 20


def test_a_scout_without_an_answer_is_followed_by_another(waits: Waits) -> None:
    """When the request that went ahead breaks off, the next one goes alone."""
    limiter = RateLimiter(waits.clock)
    limiter.locked_out(10)
    waits.now += 10
    assert _entered(limiter) == 1
    limiter.given_up()
    assert _entered(limiter) == 1


def test_answers_may_overtake_each_other(waits: Waits) -> None:
    """Of two answers of one window, the lower count holds, whichever comes last."""
    limiter = RateLimiter(waits.clock)
    for _ in range(3):
        assert limiter.enter()
    limiter.answered(_quota(7))
    limiter.answered(_quota(9))
    limiter.answered(_quota(8))
    assert _entered(limiter) == 7


def test_a_new_window_counts_anew(waits: Waits) -> None:
    """An answer from a later window replaces what was known; one from an earlier does not."""
    limiter = RateLimiter(waits.clock)
    assert limiter.enter()
    assert limiter.enter()
    limiter.answered(_quota(1, 5))
    waits.now += 4
    limiter.answered(_quota(9, 60))
    assert _entered(limiter) == 9
    limiter.answered(_quota(0, 1))
    assert limiter.closed_for == 0


def test_a_count_that_falls_without_us_slows_us_down(waits: Waits) -> None:
    """Where somebody else spends the same quota, the last requests go one at a time."""
    limiter = RateLimiter(waits.clock)
    assert limiter.enter()
    limiter.answered(_quota(100))
    assert limiter.enter()
    limiter.answered(_quota(79))  # twenty were not ours
    assert _entered(limiter) == 79 - 20
    for _ in range(59):
        limiter.answered(_quota(20))
    assert _entered(limiter) == 1


@pytest.mark.parametrize("change", [lambda it: it.answered(_quota(5)), RateLimiter.given_up])
async def test_an_answer_wakes_who_waits_for_it(
    waits: Waits, change: Callable[[RateLimiter], None]
) -> None:
    """Who waits because all that remains is under way goes on with the next answer."""
    limiter = RateLimiter(waits.clock)
    limiter.locked_out(1)
    waits.now += 1
    assert limiter.enter()
    waiting = asyncio.ensure_future(limiter.opened())
    await asyncio.sleep(0)
    assert not waiting.done()
    change(limiter)
    await waiting
    assert [] == waits.seconds


@settings(max_examples=200)
@given(
    quota=st.integers(1, 12),
    foreign=st.lists(st.integers(0, 3), max_size=60),
    ahead=st.integers(1, 6),
)
async def test_a_service_refuses_at_most_once_a_window(
    quota: int, foreign: list[int], ahead: int
) -> None:
    """Alone, no request is ever refused; with others, one at most in flight meets a refusal."""
    waits = Waits()
    limiter = RateLimiter(waits.clock)
    policy, window_ends, used, refusals = Policy(quota, 60.0), 60.0, 0, 0
    others = [*foreign, *([0] * 60)]
    for step in range(60):
        await limiter.opened()
        sent = 0
        while sent < ahead and limiter.enter():
            sent += 1
        if waits.now >= window_ends:
            window_ends, used = waits.now + 60, 0
        for _ in range(sent):
            is_refused = used >= quota
            used = min(quota, used + 1)
            limiter.answered(Quota(quota - used, window_ends - waits.now, policy))
            if is_refused:
                refusals += 1
                limiter.locked_out(window_ends - waits.now)
        used = min(quota, used + others[step])
    if not any(others):
        # Until the first answer, the limiter knows the documented default only.
        assert refusals <= max(0, ahead - quota)
