import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cfbilling.errors import (
    BillingError,
    ConfigurationError,
    DecodeError,
    ErrorDetail,
    InvalidRequest,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    TransportError,
)
from cfbilling.events import Event, RetryScheduled
from cfbilling.options import Clock, RetryPolicy
from cfbilling.protocol.endpoints import ENDPOINTS
from cfbilling.protocol.envelope import error_for
from cfbilling.protocol.headers import QuotaPolicy, QuotaSignal
from cfbilling.protocol.requests import Query
from cfbilling.transport.budget import Budget
from cfbilling.transport.rate_limit import RateLimiter
from cfbilling.transport.retry import Attempts, is_transient, retrying

NOW = datetime(2025, 1, 1, tzinfo=UTC)
REQUEST = Query(ENDPOINTS["usage"]).about("a" * 32)


class Script:
    """An attempt that raises what it is told to, and then returns; its clock records waits."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self._now = 0.0
        self.numbers: list[int] = []
        self.waits: list[float] = []
        self.told: list[RetryScheduled] = []

    async def attempt(self, attempts: Attempts) -> str:
        """Raise the next error, or return."""
        self.numbers.append(attempts.number)
        await self.limiter.opened(attempts.budget)
        permit = self.limiter.enter()
        assert permit is not None
        error = self._errors.pop(0) if self._errors else None
        is_refusal = isinstance(error, RateLimited)
        wait = error.retry_after if isinstance(error, RateLimited) else None
        self.limiter.tell(permit, QuotaSignal(is_refusal=is_refusal, wait=wait, is_whole=True))
        if error is not None:
            raise error
        return "done"

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += seconds

    async def run(self, policy: RetryPolicy | None = None) -> str:
        """Retry by the policy."""
        policy = policy or RetryPolicy()
        clock = Clock(now=lambda: NOW, monotonic=lambda: self._now, sleep=self._sleep)
        self.limiter = RateLimiter(clock, assumed=QuotaPolicy(10_000, 3000.0), retry=policy)
        attempts = Attempts(policy, self.limiter, Budget(policy.budget))
        attempt = partial(self.attempt, attempts)
        try:
            return await attempt()
        except BillingError as error:
            first = error
        return await retrying(first, REQUEST, attempt, attempts, clock=clock, observer=self.tell)

    def tell(self, event: Event) -> None:
        """Keep what is told."""
        assert isinstance(event, RetryScheduled)
        self.told.append(event)


def broken(count: int) -> list[TransportError]:
    """Return as many transient errors."""
    return [TransportError(f"number {index}") for index in range(1, count + 1)]


def limited(retry_after: float | None) -> RateLimited:
    """Return a refusal that asks for a wait."""
    return RateLimited("slow down", status=429, retry_after=retry_after)


async def test_a_success_is_returned_at_once() -> None:
    """Without a failure there is one attempt, no wait and nothing to tell."""
    script = Script()
    assert await script.run() == "done"
    assert ([1], [], []) == (script.numbers, script.waits, script.told)


async def test_failures_are_followed_by_attempts() -> None:
    """Each transient failure is told with its number and wait, and another attempt follows."""
    errors = broken(3)
    script = Script(*errors)
    assert await script.run() == "done"
    assert script.numbers == [1, 2, 3, 4]
    told = [(fact.error, fact.attempt, fact.wait, fact.asked) for fact in script.told]
    expected = zip(errors, [1, 2, 3], script.waits, [False] * 3, strict=True)
    assert list(expected) == told


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_the_last_error_itself_is_raised(attempts: int) -> None:
    """When all attempts failed, the last error is raised, with how many there were."""
    errors = broken(attempts + 1)
    script = Script(*errors)
    with pytest.raises(TransportError) as caught:
        await script.run(RetryPolicy(attempts=attempts))
    assert errors[attempts - 1] is caught.value
    assert attempts == caught.value.attempts
    assert (attempts, attempts - 1) == (len(script.numbers), len(script.waits))
    assert attempts - 1 == len(script.told)


async def test_back_off_doubles_with_jitter() -> None:
    """Each wait is between half of and the whole of twice the last, and never above the cap."""
    script = Script(*broken(9))
    await script.run(RetryPolicy(attempts=10, initial_wait=0.5, max_backoff=6.0))
    wholes = [0.5, 1.0, 2.0, 4.0, 6.0, 6.0, 6.0, 6.0, 6.0]
    bounds = [whole / 2 <= wait <= whole for wait, whole in zip(script.waits, wholes, strict=True)]
    assert [True] * 9 == bounds


async def test_waits_differ() -> None:
    """Waits are random, so that clients that failed together do not return together."""
    waits: list[float] = []
    for _ in range(20):
        script = Script(*broken(1))
        await script.run()
        waits += script.waits
    assert len(set(waits)) > 1


async def test_thousands_of_attempts_do_not_overflow() -> None:
    """However many attempts there are, the wait stays at its cap."""
    script = Script(*broken(3000))
    policy = RetryPolicy(attempts=4000, initial_wait=1e300, max_backoff=0.001, budget=600)
    assert await script.run(policy) == "done"
    assert max(script.waits) <= 0.001


async def test_the_service_s_wish_goes_first() -> None:
    """A wait that the service asked for is kept exactly, above the cap, and told as asked."""
    script = Script(limited(299.0), ServerError("busy", status=503, retry_after=1.5))
    assert await script.run(RetryPolicy(max_backoff=1.0)) == "done"
    assert [299.0, 1.5] == script.waits
    assert [True, True] == [fact.asked for fact in script.told]


async def test_an_asked_wait_uses_up_no_attempt() -> None:
    """Waits that were asked for do not count as failed attempts, all others do."""
    errors = [limited(1.0), *broken(1), limited(1.0), limited(1.0), TransportError("the last")]
    script = Script(*errors, TransportError("never"))
    with pytest.raises(TransportError, match="the last") as caught:
        await script.run(RetryPolicy(attempts=2))
    assert [1, 2, 3, 4, 5] == script.numbers
    assert caught.value.attempts == 5


async def test_one_attempt_is_one_attempt() -> None:
    """A policy of one attempt tries nothing again, also where the service says when it may be."""
    script = Script(limited(2.0))
    with pytest.raises(RateLimited) as caught:
        await script.run(RetryPolicy(attempts=1))
    assert ([1], [], 2.0) == (script.numbers, script.waits, caught.value.retry_after)


async def test_asked_waits_count_against_the_budget() -> None:
    """Waits that together pass the budget end it before the one that would pass it."""
    errors = [limited(250.0) for _ in range(5)]
    script = Script(*errors)
    with pytest.raises(RateLimited) as caught:
        await script.run(RetryPolicy(budget=600))
    assert [250.0, 250.0] == script.waits
    assert errors[2] is caught.value
    assert (250.0, 3) == (caught.value.retry_after, caught.value.attempts)


@pytest.mark.parametrize("seconds", [600.5, 1e9, float("inf")])
async def test_a_wish_beyond_the_budget_fails_at_once(seconds: float) -> None:
    """A wait longer than the budget is not begun; the error has it."""
    script = Script(limited(seconds))
    with pytest.raises(RateLimited) as caught:
        await script.run(RetryPolicy(budget=600))
    assert ([], []) == (script.waits, script.told)
    assert seconds == caught.value.retry_after


async def test_a_wish_of_the_whole_budget_is_kept() -> None:
    """A wait of exactly the budget is within it."""
    script = Script(limited(600.0))
    assert await script.run(RetryPolicy(budget=600)) == "done"


async def test_own_waits_count_against_the_budget() -> None:
    """The sum of all waits never passes the budget."""
    script = Script(*broken(100))
    with pytest.raises(TransportError):
        await script.run(RetryPolicy(attempts=100, initial_wait=10, max_backoff=10, budget=35))
    assert sum(script.waits) <= 35
    assert 3 <= len(script.waits) <= 7


async def test_without_budget_there_is_no_wait() -> None:
    """A budget of nothing allows no wait at all."""
    script = Script(*broken(1))
    with pytest.raises(TransportError):
        await script.run(RetryPolicy(budget=0))
    assert script.waits == []


@pytest.mark.parametrize("retry_after", [None, 0.0])
async def test_a_wish_of_nothing_is_a_failure(retry_after: float | None) -> None:
    """A refusal that asks for no wait counts, so that a broken service is not asked forever."""
    script = Script(*(limited(retry_after) for _ in range(10)))
    with pytest.raises(RateLimited):
        await script.run(RetryPolicy(attempts=3))
    assert [1, 2, 3] == script.numbers
    assert min(script.waits) > 0


TRANSIENT = {408, 425, 429, 500, 502, 503, 504, *range(520, 531)}


@pytest.mark.parametrize("status", range(400, 600))
def test_the_transient_statuses_are_the_documented_ones(status: int) -> None:
    """Exactly the documented statuses are tried again."""
    error = error_for(status, CIMultiDict(), (), ENDPOINTS["usage"], NOW)
    assert (status in TRANSIENT) is is_transient(error)


@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize(
    ("code", "expected"), [(10040, True), (971, True), (10000, False), (9109, False)]
)
def test_a_code_decides_before_the_status(status: int, code: int, *, expected: bool) -> None:
    """A rate-limit code is tried again with any status, an authentication code with none."""
    details = (ErrorDetail("no", code),)
    error = error_for(status, CIMultiDict(), details, ENDPOINTS["usage"], NOW)
    assert expected is is_transient(error)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: TransportError("x"), True),
        (lambda: TransportError("x", transient=False), False),
        (lambda: DecodeError("x"), False),
        (lambda: ResponseTooLarge("x"), False),
        (lambda: ConfigurationError("x"), False),
        (lambda: BillingError("x"), False),
        (lambda: InvalidRequest("x", status=400, retry_after=5), False),
        (lambda: ServerError("x", status=501), False),
        (lambda: TypeError("x"), False),
        (lambda: OSError("x"), False),
        (lambda: TimeoutError("x"), False),
        (asyncio.CancelledError, False),
        (KeyboardInterrupt, False),
    ],
)
async def test_nothing_else_is_tried_again(
    make: Callable[[], BaseException], *, expected: bool
) -> None:
    """An error that no attempt can mend is raised itself, after one attempt."""
    error = make()
    assert expected is is_transient(error)
    if expected or isinstance(error, KeyboardInterrupt):
        return
    script = Script(error)
    with pytest.raises(type(error)) as caught:
        await script.run()
    assert error is caught.value
    assert ([1], []) == (script.numbers, script.waits)


async def test_cancelling_a_wait_passes_through() -> None:
    """Who is cancelled while waiting is cancelled, and no attempt follows."""
    script, waiting = Script(*broken(2)), asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    clock = Clock(sleep=sleep)
    script.limiter = RateLimiter(clock)
    attempts = Attempts(RetryPolicy(), script.limiter, Budget(600))
    attempt = partial(script.attempt, attempts)
    again = retrying(broken(1)[0], REQUEST, attempt, attempts, clock=clock, observer=script.tell)
    task = asyncio.ensure_future(again)
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.numbers == []


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 400)), max_size=12),
    st.integers(1, 5),
    st.floats(0, 700),
)
def test_no_policy_is_overdrawn(wishes: list[float | None], attempts: int, budget: float) -> None:
    """Whatever the service asks for, neither the attempts nor the budget are overdrawn."""
    script = Script(*map(limited, wishes))
    policy = RetryPolicy(attempts=attempts, budget=budget)
    error: RateLimited | None = None
    try:
        asyncio.run(script.run(policy))
    except RateLimited as raised:
        error = raised
    failures = sum(not fact.asked for fact in script.told)
    assert failures < attempts
    assert sum(script.waits) <= budget * (1 + 1e-9)
    assert (len(script.numbers) == len(wishes) + 1) is (error is None)
    assert error is None or error.attempts == len(script.numbers)
