"""Nothing is sent that the last header says will be refused, and nothing waits longer."""

import asyncio
from collections.abc import Callable

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.errors import RateLimited
from cfbilling.options import RetryPolicy
from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaSignal
from cfbilling.transport.budget import Budget
from cfbilling.transport.permit import Permit
from cfbilling.transport.rate_limit import RateLimiter
from tests.conftest import Waits

POLICY = QuotaPolicy(10, 60.0)


def told(remaining: int, reset: float = 60.0, name: str = "default") -> QuotaSignal:
    """Return what an ordinary answer tells."""
    return QuotaSignal((Quota(name, remaining, reset, POLICY),))


def refusal(wait: float | None = None, *quotas: Quota) -> QuotaSignal:
    """Return what a refusal tells."""
    return QuotaSignal(quotas, is_refusal=True, wait=wait)


def patient() -> Budget:
    """Return a budget that lasts."""
    return Budget(1e9)


def limiter_for(waits: Waits, **settings: object) -> RateLimiter:
    """Return a limiter whose back-off is 8 seconds at first."""
    retry = RetryPolicy(initial_wait=8.0)
    return RateLimiter(waits.clock, retry=retry, **settings)  # type: ignore[arg-type]


def entered(limiter: RateLimiter) -> list[Permit]:
    """Enter as often as may be."""
    permits: list[Permit] = []
    while len(permits) < 10_000 and (permit := limiter.enter()) is not None:
        permits.append(permit)
    return permits


def enter(limiter: RateLimiter) -> Permit:
    """Enter once."""
    permit = limiter.enter()
    assert permit is not None
    return permit


def test_without_headers_the_documented_default_holds(waits: Waits) -> None:
    """Until the service tells, 1,200 requests may be under way in 300 seconds."""
    limiter = limiter_for(waits)
    assert len(entered(limiter)) == 1200
    waits.now += 300
    assert limiter.closed_for == 0


def test_what_is_assumed_can_be_chosen(waits: Waits) -> None:
    """Another quota may be assumed for a service that tells nothing."""
    limiter = limiter_for(waits, assumed=QuotaPolicy(3, 7.0))
    for permit in entered(limiter):
        limiter.tell(permit, QuotaSignal())
    assert limiter.closed_for == 7.0
    assert limiter.quota == Quota("", 0, 7.0, QuotaPolicy(3, 7.0), "no_header")
    waits.now += 7
    assert len(entered(limiter)) == 3


def test_requests_under_way_count_against_what_remains(waits: Waits) -> None:
    """What is not answered yet has been spent."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), told(5))
    assert len(entered(limiter)) == 5


@pytest.mark.parametrize("signal", [QuotaSignal(), None])
def test_what_tells_nothing_counts_down(waits: Waits, signal: QuotaSignal | None) -> None:
    """An answer without headers, or none at all, is counted as spent."""
    limiter = limiter_for(waits, assumed=POLICY)
    for _ in range(10):
        limiter.tell(enter(limiter), signal)
    assert limiter.enter() is None
    assert limiter.closed_for == 60


async def test_nothing_remaining_means_waiting_for_the_window(waits: Waits) -> None:
    """When nothing remains, the limiter opens at the window's end, for a whole quota."""
    pauses: list[float] = []
    limiter = limiter_for(waits, on_pause=pauses.append)
    limiter.tell(enter(limiter), told(0, 42))
    assert not limiter.is_open
    await limiter.opened(patient())
    assert ([42], [42]) == (waits.seconds, pauses)
    assert len(entered(limiter)) == 10


async def test_a_pause_is_told_once(waits: Waits) -> None:
    """However many wait, a pause is one pause, and its beginning and end are told once."""
    pauses: list[float] = []
    turns: list[bool] = []
    limiter = limiter_for(waits, on_pause=pauses.append)
    limiter.watchers.add(turns.append)
    limiter.tell(enter(limiter), told(0, 42))
    await asyncio.gather(*(limiter.opened(patient()) for _ in range(20)))
    assert len(pauses) == 1
    assert [True, False] == turns


@pytest.mark.parametrize("signal", [QuotaSignal(), None])
async def test_a_window_that_ends_under_way_leaves_no_one_waiting(
    waits: Waits, signal: QuotaSignal | None
) -> None:
    """When a whole quota is in flight at a window's end and nothing is told, it goes on."""
    limiter = limiter_for(waits, assumed=POLICY)
    permits = entered(limiter)
    waits.now += 61
    for permit in permits:
        limiter.tell(permit, signal)
    await asyncio.wait_for(limiter.opened(patient()), 5)
    assert limiter.enter() is not None


STEPS = st.sampled_from(["enter", "none", "silent", "zero", "refuse", "wait"])


@given(st.lists(STEPS, max_size=60))
def test_no_wait_is_without_an_end(steps: list[str]) -> None:
    """Whatever happened, who has to wait waits for a time, or for an answer under way."""
    waits = Waits()
    limiter = limiter_for(waits, assumed=QuotaPolicy(3, 60.0))
    flying: list[Permit] = []
    for step in steps:
        if step == "wait":
            waits.now += 35
        elif step == "enter":
            permit = limiter.enter()
            flying += [] if permit is None else [permit]
        elif flying:
            signal = {"none": None, "silent": QuotaSignal(), "zero": told(0), "refuse": refusal(50)}
            permit = flying.pop(0)
            limiter.tell(permit, signal[step])
            if permit.is_probe:
                limiter.tell(permit, QuotaSignal(is_whole=True))
        current = [permit for permit in flying if permit.epoch == limiter._epoch]
        assert limiter.is_open or limiter.closed_for > 0 or current
        assert limiter.closed_for <= 60


async def test_a_wait_beyond_the_budget_is_not_begun(waits: Waits) -> None:
    """Who may not wait so long is told at once; who may, waits from its budget."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), told(0, 42))
    with pytest.raises(RateLimited) as caught:
        await limiter.opened(Budget(41.5))
    assert (42, []) == (caught.value.retry_after, waits.seconds)
    budget = Budget(50)
    await limiter.opened(budget)
    assert budget.left == 8


async def test_waiting_for_another_answer_counts_against_the_budget(waits: Waits) -> None:
    """Who waits while one request goes ahead spends budget on that too."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(10))
    waits.now += 10
    probe, budget = enter(limiter), Budget(30)
    waiting = asyncio.ensure_future(limiter.opened(budget))
    await asyncio.sleep(0)
    waits.now += 31
    limiter.tell(probe, None)
    limiter.tell(enter(limiter), refusal(5))
    with pytest.raises(RateLimited):
        await waiting
    assert budget.left < 0


def test_a_lock_out_lets_one_go_ahead(waits: Waits) -> None:
    """After a refusal one request goes alone; when it is answered, the others follow."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(50))
    assert limiter.closed_for == 50
    waits.now += 50
    (probe,) = entered(limiter)
    limiter.tell(probe, told(9))
    # Somebody else has used the quota, so one is kept back.
    assert len(entered(limiter)) == 8


def test_a_refused_probe_closes_the_limiter_again(waits: Waits) -> None:
    """When the request that went ahead is refused too, everything waits again."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(10))
    waits.now += 10
    limiter.tell(enter(limiter), refusal(20))
    assert limiter.closed_for == 20


def test_a_probe_without_an_answer_is_followed_by_another(waits: Waits) -> None:
    """When the request that went ahead breaks off, the next one goes alone."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(10))
    waits.now += 10
    (probe,) = entered(limiter)
    limiter.tell(probe, None)
    assert len(entered(limiter)) == 1


@pytest.mark.parametrize("signal", [told(50), told(0, 5), QuotaSignal(), None])
def test_what_was_sent_before_a_refusal_teaches_nothing(
    waits: Waits, signal: QuotaSignal | None
) -> None:
    """An answer to an earlier request neither opens a lock-out nor ends the probing."""
    limiter = limiter_for(waits)
    refused, early, late = (enter(limiter) for _ in range(3))
    limiter.tell(refused, refusal(30))
    limiter.tell(early, signal)
    assert limiter.closed_for == 30
    waits.now += 30
    (probe,) = entered(limiter)
    limiter.tell(late, signal)
    assert [] == entered(limiter)
    limiter.tell(probe, told(9))
    assert entered(limiter)


def test_one_lock_out_is_counted_once(waits: Waits) -> None:
    """However many of those in flight are refused, what is kept back grows once."""
    limiter = limiter_for(waits)
    permits = [enter(limiter) for _ in range(5)]
    for permit in permits:
        limiter.tell(permit, refusal(30))
    waits.now += 30
    limiter.tell(enter(limiter), told(10))
    assert len(entered(limiter)) == 10 - 4


def test_a_late_refusal_may_know_better_for_how_long(waits: Waits) -> None:
    """Of the refusals of one lock-out, the longest wait holds."""
    limiter = limiter_for(waits)
    first, second = enter(limiter), enter(limiter)
    limiter.tell(first, refusal(30))
    limiter.tell(second, refusal(45))
    assert limiter.closed_for == 45


def test_a_refusal_without_a_wish_closes_for_the_back_off(waits: Waits) -> None:
    """A refusal that names no time closes for a back-off that doubles, and then one goes ahead."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal())
    assert 4 <= limiter.closed_for <= 8
    waits.now += 8
    (probe,) = entered(limiter)
    limiter.tell(probe, refusal())
    assert 8 <= limiter.closed_for <= 16


@pytest.mark.parametrize("absurd", [301.0, 1e6, 1e18])
def test_an_absurd_wait_is_believed_for_a_window_at_most(waits: Waits, absurd: float) -> None:
    """Whatever a header says, one request goes ahead after the longest window there is."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(absurd))
    assert limiter.closed_for == 300
    waits.now += 300
    assert len(entered(limiter)) == 1


def test_an_absurd_window_is_believed_for_a_window_at_most(waits: Waits) -> None:
    """A window that ends in years is taken for one of the usual length, and then one goes ahead."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), told(0, 999_999_999))
    assert limiter.closed_for == 60
    waits.now += 60
    (probe,) = entered(limiter)
    limiter.tell(probe, told(5))
    assert len(entered(limiter)) == 5


def test_an_absurd_policy_closes_for_an_hour_at_most(waits: Waits) -> None:
    """Also the length of a window is not believed beyond all measure."""
    limiter = limiter_for(waits)
    policy = QuotaPolicy(10, 1e12)
    limiter.tell(enter(limiter), QuotaSignal((Quota("default", 0, 1e12, policy),)))
    assert limiter.closed_for == 3600


def test_answers_may_overtake_each_other(waits: Waits) -> None:
    """Of two answers of one window, the lower count holds, whichever comes last."""
    limiter = limiter_for(waits)
    for permit, remaining in zip([enter(limiter) for _ in range(3)], (7, 9, 8), strict=True):
        limiter.tell(permit, told(remaining))
    assert len(entered(limiter)) == 7


def test_a_new_window_counts_anew(waits: Waits) -> None:
    """An answer from a later window replaces what was known; one from an earlier does not."""
    limiter = limiter_for(waits)
    first, second, third = (enter(limiter) for _ in range(3))
    limiter.tell(first, told(1, 5))
    waits.now += 4
    limiter.tell(second, told(9, 60))
    assert len(entered(limiter)) == 8
    limiter.tell(third, told(0, 1))
    assert limiter.closed_for == 0


def test_every_limit_has_to_allow(waits: Waits) -> None:
    """Of several limits each keeps its own window, and a request needs leave of all."""
    limiter = limiter_for(waits)
    long, short = Quota("long", 5, 50, POLICY), Quota("short", 1, 2, QuotaPolicy(2, 2.0))
    limiter.tell(enter(limiter), QuotaSignal((long, short)))
    # Now the short one is the tightest: it must not be taken for an earlier window of the long.
    used = attrs.evolve(short, remaining=0, reset=2.0), attrs.evolve(long, remaining=4)
    limiter.tell(enter(limiter), QuotaSignal(used))
    assert limiter.closed_for == 2
    waits.now += 2
    assert len(entered(limiter)) == 2


def test_limits_cannot_become_ever_more(waits: Waits) -> None:
    """A service that gives its limit another name each time costs no memory."""
    limiter = limiter_for(waits)
    for index in range(1000):
        limiter.tell(enter(limiter), told(5, name=f"limit {index}"))
        waits.now += 61
    assert len(limiter._limits) <= 16


def test_a_count_that_falls_without_us_slows_us_down(waits: Waits) -> None:
    """Where somebody else spends the same quota, the last requests go one at a time."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), told(100))
    limiter.tell(enter(limiter), told(79))  # twenty were not ours
    permits = entered(limiter)
    assert len(permits) == 79 - 20
    for permit in permits:
        limiter.tell(permit, told(20))
    assert len(entered(limiter)) == 1


def test_a_neighbour_who_is_gone_is_forgotten(waits: Waits) -> None:
    """What somebody else once used is kept back less with each window."""
    limiter = limiter_for(waits)
    policy = QuotaPolicy(1200, 60.0)
    for remaining in (1199, 97):
        quota = Quota("default", remaining, 60.0, policy)
        limiter.tell(enter(limiter), QuotaSignal((quota,)))
    allowed: list[int] = []
    for _ in range(12):
        waits.now += 61
        permits = entered(limiter)
        allowed.append(len(permits))
        for permit in permits:
            limiter.tell(permit, None)
    assert sorted(allowed) == allowed
    assert allowed[1] >= 1200 / 2
    assert allowed[-1] == 1200


@pytest.mark.parametrize("signal", [told(5), None])
async def test_an_answer_wakes_who_waits_for_it(waits: Waits, signal: QuotaSignal | None) -> None:
    """Who waits because all that remains is under way goes on with the next answer."""
    limiter = limiter_for(waits)
    limiter.tell(enter(limiter), refusal(1))
    waits.now += 1
    probe = enter(limiter)
    waiting = asyncio.ensure_future(limiter.opened(patient()))
    await asyncio.sleep(0)
    assert not waiting.done()
    limiter.tell(probe, signal)
    await waiting
    assert [] == waits.seconds


def test_the_quota_is_what_was_told_less_what_is_under_way(waits: Waits) -> None:
    """What is left is the tightest limit's, and nothing before the service has told any."""
    limiter = limiter_for(waits)
    found = [limiter.quota]
    permits = [enter(limiter) for _ in range(2)]
    limiter.tell(permits[0], QuotaSignal((*told(8, 30).quotas, *told(5, 20, "burst").quotas)))
    found.append(limiter.quota)
    limiter.tell(permits[1], refusal(33))
    found.append(limiter.quota)
    burst = [Quota("burst", 4, 20.0, POLICY, "window"), Quota("burst", 0, 33.0, POLICY, "window")]
    assert [None, *burst] == found


@pytest.mark.parametrize(
    ("act", "shown"),
    [
        (lambda _: None, "<RateLimiter open, 0 unanswered>"),
        (enter, "<RateLimiter open, 1 unanswered>"),
        (
            lambda it: it.tell(enter(it), told(7, 30)),
            "<RateLimiter open, 7 left for 30 s, 0 unanswered>",
        ),
        (
            lambda it: it.tell(enter(it), refusal(30)),
            "<RateLimiter closed for 30 s, one request at a time, 0 unanswered>",
        ),
    ],
)
def test_its_representation_shows_its_state(
    waits: Waits, act: Callable[[RateLimiter], object], shown: str
) -> None:
    """Who prints a limiter sees whether it is open, what is left and what is under way."""
    limiter = limiter_for(waits)
    act(limiter)
    assert shown == repr(limiter)


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
    limiter = limiter_for(waits)
    policy, window_ends, used, refusals = QuotaPolicy(quota, 60.0), 60.0, 0, 0
    others = [*foreign, *([0] * 60)]
    for step in range(60):
        await limiter.opened(patient())
        permits: list[Permit] = []
        while len(permits) < ahead and (permit := limiter.enter()) is not None:
            permits.append(permit)
        if waits.now >= window_ends:
            window_ends, used = waits.now + 60, 0
        for permit in permits:
            is_refused = used >= quota
            used = min(quota, used + 1)
            left = Quota("default", quota - used, window_ends - waits.now, policy)
            wait = window_ends - waits.now if is_refused else None
            refusals += is_refused
            limiter.tell(permit, QuotaSignal((left,), is_refusal=is_refused, wait=wait))
        used = min(quota, used + others[step])
    if not any(others):
        # Until the first answer, the limiter knows the documented default only.
        assert refusals <= max(0, ahead - quota)


async def test_an_observer_that_raises_leaves_no_one_waiting(waits: Waits) -> None:
    """Who waits for an answer goes on, also when who is told of the pause raises."""

    class Stop(BaseException):
        pass

    def stop(_: float) -> None:
        raise Stop

    limiter = RateLimiter(waits.clock, stop, QuotaPolicy(1, 60.0))
    permit = enter(limiter)
    waiting = asyncio.ensure_future(limiter.opened(patient()))
    await asyncio.sleep(0)
    with pytest.raises(Stop):
        limiter.tell(permit, refusal(5))
    await asyncio.wait_for(waiting, 1)
    assert [5.0] == waits.seconds


async def permits(limiter: RateLimiter, waits: int, slots: asyncio.Semaphore) -> list[Permit]:
    """Ask for permits together."""
    asked = (limiter.permit(slots, patient()) for _ in range(waits))
    return await asyncio.gather(*asked)


async def test_who_waits_for_a_slot_waits_as_long_as_it_takes(waits: Waits) -> None:
    """A slot is no matter of the quota: who may not wait for that waits for a slot all the same."""
    limiter, slots = limiter_for(waits), asyncio.Semaphore(1)
    calls = [asyncio.ensure_future(limiter.permit(slots, Budget(0))) for _ in range(30)]
    for _ in range(30):
        await asyncio.sleep(0)
        waits.now += 100
        assert sum(call.done() for call in calls) <= limiter._unanswered
        slots.release()
    await asyncio.gather(*calls)
    assert (0, 30) == (limiter._coming, limiter._unanswered)


async def test_who_may_not_wait_is_told_at_once_when_a_lock_out_begins(waits: Waits) -> None:
    """Also who waits for something else: for a slot behind others, or for an answer."""
    limiter, slots = limiter_for(waits, assumed=QuotaPolicy(20, 60.0)), asyncio.Semaphore(2)
    first, _ = await permits(limiter, 2, slots)
    calls = [asyncio.ensure_future(limiter.permit(slots, Budget(5))) for _ in range(40)]
    await asyncio.sleep(0)
    limiter.tell(first, refusal(30))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    told = [call for call in calls if call.done()]
    # The others are the few who wait for a slot already.
    assert len(told) >= 40 - 8
    assert {30.0} == {
        error.retry_after for call in told if isinstance(error := call.exception(), RateLimited)
    }
    slots.release()
    slots.release()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {RateLimited} == set(map(type, ended))
    assert (0, 0) == (limiter._coming, len(limiter._line or ()))
    assert slots._value == 2


@pytest.mark.parametrize("victim", range(12))
async def test_who_is_cancelled_in_the_line_holds_nobody_up(waits: Waits, victim: int) -> None:
    """Wherever it stands: it waits for the quota, for its turn or for a slot."""
    limiter, slots = limiter_for(waits, assumed=QuotaPolicy(100, 60.0)), asyncio.Semaphore(1)
    calls = [asyncio.ensure_future(limiter.permit(slots, patient())) for _ in range(12)]
    for _ in range(victim):
        await asyncio.sleep(0)
    calls[victim].cancel()
    calls[victim].cancel()
    for _ in range(30):
        await asyncio.sleep(0)
        slots.release()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    got = sum(isinstance(one, Permit) for one in ended)
    assert got >= 11
    assert (0, 0, got) == (limiter._coming, len(limiter._line or ()), limiter._unanswered)


async def test_the_reserve_of_others_is_never_used(waits: Waits) -> None:
    """What is kept for other processes is left in each window; of a tiny quota, one is ours."""
    limiter = limiter_for(waits, assumed=POLICY, kept=4)
    assert len(entered(limiter)) == 6
    other = limiter_for(waits, assumed=POLICY, kept=4)
    other.tell(enter(other), told(5))
    assert len(entered(other)) == 1
    tiny = QuotaSignal((Quota("default", 2, 60.0, QuotaPolicy(3, 60.0)),))
    last = limiter_for(waits, assumed=POLICY, kept=9)
    last.tell(enter(last), tiny)
    assert (60.0, []) == (last.closed_for, entered(last))
    waits.now += 60
    assert len(entered(last)) == 1


def test_a_bucket_is_paced_and_its_short_waits_are_told_together(waits: Waits) -> None:
    """An empty bucket gives one after the other; the waits are told now and then, all of them."""
    pauses: list[float] = []
    limiter = limiter_for(waits, on_pause=pauses.append)
    policy, level = QuotaPolicy(60, 60.0), 60
    for _ in range(60):
        level -= 1
        quota = Quota("default", level, float(60 - level), policy)
        limiter.tell(enter(limiter), QuotaSignal((quota,)))
    assert limiter.quota == Quota("default", 0, 60.0, policy, "bucket")

    async def pace() -> None:
        for _ in range(100):
            await limiter.opened(patient())
            quota = Quota("default", 0, 60.0, policy)
            limiter.tell(enter(limiter), QuotaSignal((quota,)))

    asyncio.run(pace())
    assert waits.now == pytest.approx(100)
    assert len(pauses) <= 5
    assert sum(pauses) == pytest.approx(100, abs=30)
