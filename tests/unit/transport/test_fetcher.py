"""A request is signed, paced, sent and received; however it ends, it gives back what it took."""

import asyncio
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import attrs
import pytest

from cfbilling.credentials import ApiKey, ApiToken, Credentials
from cfbilling.errors import (
    AuthenticationError,
    BillingError,
    ConfigurationError,
    DecodeError,
    RateLimited,
    ServerError,
    TransportError,
)
from cfbilling.events import ChunkReceived, Event, QuotaPaused, RequestSent, RetryScheduled
from cfbilling.options import Limits, RetryPolicy
from cfbilling.protocol.endpoints import USAGE
from cfbilling.protocol.headers import QuotaPolicy
from cfbilling.protocol.requests import Query
from cfbilling.protocol.splitter import requested_range
from cfbilling.transport.fetcher import Fetcher
from cfbilling.transport.receiver import Received
from tests.conftest import NOW, Waits
from tests.unit.fakes import (
    RAY,
    Asked,
    Held,
    Hours,
    ScriptedExchange,
    ScriptedSession,
    answer,
    body_of,
    fetcher_for,
    held_by,
    locked_out,
    refusal_of,
    settle,
    slices_of,
    usage_row,
)

TOKEN, OTHER = ApiToken("one"), ApiToken("other")
SCOPE = "a" * 32
CHUNK = requested_range("2025-01-01", "2025-01-11", NOW)
REQUEST = Query(USAGE, CHUNK).about(SCOPE)
BODY = body_of([usage_row()])


class Stop(BaseException):
    """What nobody expects."""


def whole() -> ScriptedExchange:
    """Return an answer in two pieces."""
    return answer([BODY[:100], BODY[100:]])


def used_up(body: bytes, status: int = 200) -> ScriptedExchange:
    """Return an answer after which nothing is left for 42 seconds."""
    quota, policy = '"default";r=0;t=42', '"default";q=10;w=60'
    return answer(body, status, Ratelimit=quota, Ratelimit_Policy=policy)


async def get(fetcher: Fetcher, credentials: Credentials = TOKEN) -> Received:
    """Fetch, and let go of what arrived."""
    received = await fetcher.fetch(REQUEST, credentials)
    received.spool.close()
    return received


async def outcomes(fetcher: Fetcher, count: int) -> list[Received | BaseException]:
    """Fetch the same so many times at once."""
    return await asyncio.gather(*(get(fetcher) for _ in range(count)), return_exceptions=True)


async def test_an_answer_is_returned_whole(waits: Waits) -> None:
    """What arrived is the answer's body, with its facts."""
    fetcher = fetcher_for(ScriptedSession([whole()]), waits.clock)
    received = await fetcher.fetch(REQUEST, TOKEN)
    assert (200, RAY, len(BODY)) == (received.status, received.ray_id, received.body_bytes)
    assert [[usage_row()]] == await slices_of(received)
    assert Held() == held_by(fetcher)


@pytest.mark.parametrize("credentials", [TOKEN, ApiKey("me@example.com", "key")])
async def test_a_request_is_signed(waits: Waits, credentials: Credentials) -> None:
    """The request goes to its target below the base URL, with its credential's headers."""
    session = ScriptedSession([whole()])
    await get(fetcher_for(session, waits.clock), credentials)
    (asked,) = session.asked
    expected = f"/accounts/{SCOPE}/billable/usage?from=2025-01-01&to=2025-01-11"
    assert expected == asked.target
    assert credentials.headers().items() <= asked.headers.items()
    assert asked.headers["Accept"] == "application/json"
    assert "gzip" in asked.headers["Accept-Encoding"]


async def test_each_credential_signs_its_own(waits: Waits) -> None:
    """Requests of two credentials do not mix their headers; equal credentials are one."""
    session = ScriptedSession(lambda _: whole())
    fetcher = fetcher_for(session, waits.clock)
    for credentials in (TOKEN, ApiKey("me@example.com", "key"), ApiToken("one")):
        await get(fetcher, credentials)
    assert [True, False, True] == ["Authorization" in asked.headers for asked in session.asked]
    assert [False, True, False] == ["X-Auth-Key" in asked.headers for asked in session.asked]
    assert fetcher.limiter(TOKEN) is fetcher.limiter(ApiToken("one"))
    assert fetcher.limiter(TOKEN) is not fetcher.limiter(OTHER)


@pytest.mark.parametrize("wrong", ["one", None, 1, object()])
async def test_what_is_no_credential_is_refused(waits: Waits, wrong: object) -> None:
    """Whatever else is given for a credential is an error of ours, and no request is sent."""
    session = ScriptedSession([])
    fetcher = fetcher_for(session, waits.clock)
    with pytest.raises(ConfigurationError, match="credentials"):
        await fetcher.fetch(REQUEST, cast("Any", wrong))
    assert [] == session.asked


async def test_what_happens_is_told(waits: Waits) -> None:
    """Each attempt, each retry and what arrived are events with the request's facts."""
    told: list[Event] = []
    session = ScriptedSession([answer(status=500), whole()])
    await get(fetcher_for(session, waits.clock, observer=told.append))
    kinds = [RequestSent, RetryScheduled, RequestSent, ChunkReceived]
    assert kinds == [type(event) for event in told]
    assert [1, 2] == [event.attempt for event in told if isinstance(event, RequestSent)]
    received = told[-1]
    assert isinstance(received, ChunkReceived)
    assert (len(BODY), SCOPE, CHUNK) == (received.wire_bytes, received.scope_id, received.chunk)


async def test_the_time_of_an_exchange_is_told() -> None:
    """It counts from the sending, not from the wait before it, to the body's end."""
    told: list[Event] = []
    hours = Hours()
    slow = asyncio.Event()
    session = ScriptedSession([locked_out(100), answer([slow, BODY])])
    fetcher = fetcher_for(session, hours.clock, observer=told.append)

    async def later() -> None:
        await hours.clock.sleep(107)
        slow.set()

    await hours.run(asyncio.gather(get(fetcher), later()))
    assert [7] == [event.seconds for event in told if isinstance(event, ChunkReceived)]


@pytest.mark.parametrize(
    ("exchange", "expected", "status"),
    [
        (answer(refusal_of(10000), 400), AuthenticationError, 400),
        (answer(refusal_of(9109)), AuthenticationError, 200),
        (answer(b"[]"), DecodeError, 200),
        (answer(status=501), ServerError, 501),
        (answer(before=[TransportError("no", transient=False)]), TransportError, None),
    ],
)
async def test_an_error_names_its_request(
    waits: Waits, exchange: ScriptedExchange, expected: type[BillingError], status: int | None
) -> None:
    """What is not tried again comes out with the facts of request and response."""
    fetcher = fetcher_for(ScriptedSession([exchange]), waits.clock)
    with pytest.raises(expected) as caught:
        await get(fetcher)
    error = caught.value
    assert ("usage", SCOPE, CHUNK) == (error.endpoint, error.scope_id, error.chunk)
    assert (1, status) == (error.attempts, error.status)
    assert (RAY if status else None) == error.ray_id
    assert Held() == held_by(fetcher)


async def test_what_failed_is_tried_again(waits: Waits) -> None:
    """No answer, a broken body and a failing service are followed by another attempt."""
    broken = [
        answer(before=[TransportError("no")]),
        answer([BODY[:100], TransportError("broken off")]),
        answer(BODY[:100]),
        answer(status=503),
    ]
    session = ScriptedSession([*broken, whole()])
    fetcher = fetcher_for(session, waits.clock, policy=RetryPolicy(attempts=5))
    assert (await get(fetcher)).body_bytes == len(BODY)
    assert (5, 4) == (len(session.asked), len(waits.seconds))
    assert Held() == held_by(fetcher)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_so_many_requests_are_under_way(waits: Waits, concurrency: int) -> None:
    """Never more than the concurrency, and no fewer when there is enough to do."""
    session = ScriptedSession(lambda _: whole())
    limits = Limits(concurrency=concurrency)
    fetcher = fetcher_for(session, waits.clock, limits=limits)
    assert {Received} == {type(one) for one in await outcomes(fetcher, 10)}
    assert concurrency == session.most_in_flight
    assert Held() == held_by(fetcher)


async def test_all_credentials_share_the_concurrency(waits: Waits) -> None:
    """The slots are the client's, not the credential's."""
    session = ScriptedSession(lambda _: whole())
    fetcher = fetcher_for(session, waits.clock, limits=Limits(concurrency=2))
    await asyncio.gather(*(get(fetcher, ApiToken(f"token-{n}")) for n in range(6)))
    assert session.most_in_flight == 2


async def test_one_credential_pauses_alone() -> None:
    """While one credential is locked out, another goes on, through the one slot there is."""
    hours = Hours()
    session = ScriptedSession([locked_out(), whole(), whole(), whole()])
    fetcher = fetcher_for(session, hours.clock, limits=Limits(concurrency=1))
    paused = asyncio.ensure_future(get(fetcher))
    await settle()
    waiting = [asyncio.ensure_future(get(fetcher)) for _ in range(2)]
    await settle()
    await get(fetcher, OTHER)
    assert [False] * 3 == [task.done() for task in (paused, *waiting)]
    assert (0, 0, False) == (hours.now, held_by(fetcher).slots, fetcher.limiter(OTHER).is_paused)
    paused.cancel()
    for task in waiting:
        task.cancel()
    await asyncio.wait([paused, *waiting])
    assert Held() == held_by(fetcher)


async def test_a_quota_that_is_used_up_is_waited_for() -> None:
    """What the service says will be refused is not sent before the window's end."""
    hours = Hours()
    session = ScriptedSession([used_up(BODY), whole()])
    fetcher = fetcher_for(session, hours.clock)
    await hours.run(get(fetcher))
    waiting = asyncio.ensure_future(get(fetcher))
    await settle()
    assert (1, 0) == (len(session.asked), held_by(fetcher).slots)
    await hours.run(waiting)
    assert (2, 42) == (len(session.asked), hours.now)


async def test_who_waited_for_a_slot_looks_at_the_quota_again() -> None:
    """A refusal that comes while others wait for a slot stops them, too."""
    hours = Hours()
    go_on = asyncio.Event()
    session = ScriptedSession(
        [answer(refusal_of(), 429, before=[go_on], Retry_After="30"), *(whole() for _ in range(4))]
    )
    fetcher = fetcher_for(session, hours.clock, limits=Limits(concurrency=1))
    all_of_them = asyncio.gather(*(get(fetcher) for _ in range(4)))
    await settle()
    go_on.set()
    await settle()
    assert (1, 0) == (len(session.asked), held_by(fetcher).slots)
    await hours.run(all_of_them)
    assert (5, 30) == (len(session.asked), hours.now)


async def test_a_refusal_counts_from_its_head(waits: Waits) -> None:
    """A 429 closes the credential before anything of its body is read."""
    held = asyncio.Event()
    exchange = answer([held, refusal_of(10040)], 429, Retry_After="300")
    session = ScriptedSession([exchange])
    fetcher = fetcher_for(session, waits.clock)
    task = asyncio.ensure_future(get(fetcher))
    await settle()
    limiter = fetcher.limiter(TOKEN)
    assert (False, 300) == (limiter.is_open, limiter.closed_for)
    assert exchange._next <= 1
    task.cancel()
    await asyncio.wait([task])
    assert limiter.closed_for == 300


async def test_a_refusal_whose_body_breaks_off_is_a_refusal(waits: Waits) -> None:
    """The head of a 429 said it all: it is waited for as it asked."""
    session = ScriptedSession(
        [answer([TransportError("broken off")], 429, Retry_After="300"), whole()]
    )
    await get(fetcher_for(session, waits.clock))
    assert [300] == waits.seconds


@pytest.mark.parametrize("code", [10040, 971])
@pytest.mark.parametrize("status", [200, 403, 503])
async def test_a_rate_limit_code_locks_out(waits: Waits, code: int, status: int) -> None:
    """The envelope's code is a refusal for the quota, whatever the status was."""
    told: list[Event] = []
    session = ScriptedSession([answer(refusal_of(code), status, Retry_After="77"), whole()])
    fetcher = fetcher_for(session, waits.clock, observer=told.append)
    await get(fetcher)
    assert [77] == waits.seconds
    assert [77] == [event.seconds for event in told if isinstance(event, QuotaPaused)]


async def test_a_code_without_a_time_locks_out_for_the_back_off(waits: Waits) -> None:
    """A refusal in the envelope that names no time closes for a time that we choose."""
    session = ScriptedSession([answer(refusal_of(971)), whole()])
    policy = RetryPolicy(initial_wait=8)
    await get(fetcher_for(session, waits.clock, policy=policy))
    (seconds,) = waits.seconds
    assert 4 <= seconds <= 8


async def test_a_refusal_may_name_its_time_in_the_quota(waits: Waits) -> None:
    """Without ``Retry-After``, the end of the used-up window is the time to wait."""
    session = ScriptedSession([used_up(refusal_of(10040), 429)])
    policy = RetryPolicy(attempts=1)
    with pytest.raises(RateLimited) as caught:
        await get(fetcher_for(session, waits.clock, policy=policy))
    assert (42, []) == (caught.value.retry_after, waits.seconds)


@pytest.mark.parametrize("policy", [RetryPolicy.never_wait(), RetryPolicy(budget=3)])
async def test_a_job_is_told_when_to_come_again(waits: Waits, policy: RetryPolicy) -> None:
    """Who may not wait learns for how long, also where the service did not say; by mail as well."""
    session = ScriptedSession(lambda _: answer(refusal_of(10040), 429))
    policy = attrs.evolve(policy, initial_wait=8)
    fetcher = fetcher_for(session, waits.clock, policy=policy)
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await get(fetcher)
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
        assert 4 <= again.retry_after <= 16
        assert again.retry_after == caught.value.retry_after
    # The second time it was the limiter that said so.
    assert len(session.asked) == 1
    assert sum(waits.seconds) <= policy.budget


async def test_a_credential_that_is_locked_out_for_good_ends_within_the_budget() -> None:
    """Every wait, at the gate or after a refusal, is of the one budget; then all are told."""
    hours = Hours()
    session = ScriptedSession(lambda _: locked_out(300))
    fetcher = fetcher_for(session, hours.clock, policy=RetryPolicy(budget=600))
    ended = await hours.run(outcomes(fetcher, 8))
    assert [RateLimited] * 8 == [type(error) for error in ended]
    assert {300} == {error.retry_after for error in ended if isinstance(error, RateLimited)}
    assert hours.now <= 600
    assert Held() == held_by(fetcher)


async def test_after_a_refusal_one_goes_at_a_time() -> None:
    """Of many that are locked out, those in flight are refused; then one asks for all."""
    hours = Hours()
    most = 0

    def refused(asked: Asked) -> ScriptedExchange:
        nonlocal most
        assert asked.signature == "Bearer one"
        if len(session.asked) > 8:
            most = max(most, session.in_flight + 1)
        return answer([b" ", refusal_of(10040)], 429, Retry_After="300")

    session = ScriptedSession(refused)
    fetcher = fetcher_for(session, hours.clock, policy=RetryPolicy(budget=600))
    ended = await hours.run(outcomes(fetcher, 24))
    assert [RateLimited] * 24 == [type(error) for error in ended]
    assert {300} == {error.retry_after for error in ended if isinstance(error, RateLimited)}
    assert {("usage", SCOPE)} == {
        (error.endpoint, error.scope_id) for error in ended if isinstance(error, BillingError)
    }
    assert hours.now <= 600
    assert most == 1
    assert Held() == held_by(fetcher)


async def test_waiting_at_the_gate_leaves_less_for_retries() -> None:
    """What was waited for the quota is not there any more when the service asks for a wait."""
    hours = Hours()
    session = ScriptedSession([locked_out(200), locked_out(200), locked_out(200), whole()])
    fetcher = fetcher_for(session, hours.clock, policy=RetryPolicy(budget=500))
    with pytest.raises(RateLimited) as caught:
        await hours.run(get(fetcher))
    assert (400, 200, 3) == (hours.now, caught.value.retry_after, len(session.asked))


async def test_a_wait_beyond_the_budget_is_told_at_once(waits: Waits) -> None:
    """Who must not sleep gets the time to wait instead, at the refusal and at the gate."""
    session = ScriptedSession([locked_out(300)])
    fetcher = fetcher_for(session, waits.clock, policy=RetryPolicy(budget=0))
    ended = [*await outcomes(fetcher, 1), *await outcomes(fetcher, 2)]
    assert [300] * 3 == [error.retry_after for error in ended if isinstance(error, RateLimited)]
    assert ([], 1) == (waits.seconds, len(session.asked))


ENDS: dict[str, tuple[Callable[[], Iterator[ScriptedExchange]], int]] = {
    "an answer": (lambda: iter([whole()]), 1),
    "a broken body": (lambda: iter([answer([BODY[:9], TransportError("no")]), whole()]), 2),
    "a lock-out": (lambda: iter([locked_out(10), locked_out(20), whole()]), 3),
    "a code": (lambda: iter([answer([b" ", refusal_of(971)]), whole()]), 2),
    "an error": (lambda: iter([answer(refusal_of(10000), 403)]), 1),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_request_that_ended_holds_nothing(end: str) -> None:
    """However it ended, its slot, its permit and its spool are given back."""
    hours = Hours()
    script, requests = ENDS[end]
    session = ScriptedSession(script())
    fetcher = fetcher_for(session, hours.clock, limits=Limits(concurrency=1))
    with suppress(AuthenticationError):
        await hours.run(get(fetcher))
    assert (requests, 0) == (len(session.asked), session.in_flight)
    assert Held() == held_by(fetcher)


@pytest.mark.parametrize("end", ENDS)
async def test_a_request_may_be_cancelled_anywhere(end: str) -> None:
    """At whichever await it is cancelled, it holds nothing, and the next request goes through."""
    script, _ = ENDS[end]
    ended, turns = False, 0
    while not ended:
        waits = Waits()
        exchanges, again = script(), False
        session = ScriptedSession(lambda _: whole() if again else next(exchanges))  # noqa: B023 - called in this turn
        fetcher = fetcher_for(session, waits.clock, limits=Limits(concurrency=1))
        task = asyncio.ensure_future(get(fetcher))
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        assert (0, Held()) == (session.in_flight, held_by(fetcher)), turns
        again = True
        assert (await asyncio.wait_for(get(fetcher), 5)).status == 200
        turns += 1
    assert turns > 2


async def test_who_is_cancelled_while_waiting_holds_nobody_up() -> None:
    """Waits for the slot, for the window, for the probe and for the retry all end at once."""
    hours = Hours()
    held = asyncio.Event()
    session = ScriptedSession([locked_out(30), answer(BODY, before=[held]), whole(), whole()])
    fetcher = fetcher_for(session, hours.clock, limits=Limits(concurrency=1))
    refused = asyncio.ensure_future(get(fetcher))
    for_slot = asyncio.ensure_future(get(fetcher))
    await asyncio.sleep(0)
    for_slot.cancel()
    await settle()
    in_retry, for_window = refused, asyncio.ensure_future(get(fetcher))
    await settle()
    in_retry.cancel()
    for_window.cancel()
    await settle()
    assert [True] * 3 == [task.cancelled() for task in (for_slot, in_retry, for_window)]
    hours.now += 30
    probe = asyncio.ensure_future(get(fetcher))
    await settle()
    for_probe = asyncio.ensure_future(get(fetcher))
    await settle()
    for_probe.cancel()
    await settle()
    probe.cancel()
    await settle()
    assert [True, True] == [probe.cancelled(), for_probe.cancelled()]
    assert Held() == held_by(fetcher)
    await hours.run(get(fetcher))


@pytest.mark.parametrize("kind", [RequestSent, ChunkReceived, RetryScheduled, QuotaPaused])
async def test_an_observer_may_raise_what_it_likes(kind: type[Event]) -> None:
    """Whatever an observer raises comes out, holds nothing, and the next request goes through."""
    armed = True

    def observe(event: Event) -> None:
        if armed and isinstance(event, kind):
            raise Stop

    hours = Hours()
    session = ScriptedSession([locked_out(30), *(whole() for _ in range(3))])
    fetcher = fetcher_for(session, hours.clock, observer=observe, limits=Limits(concurrency=1))
    with pytest.raises(Stop):
        await hours.run(get(fetcher))
    assert (0, Held()) == (session.in_flight, held_by(fetcher))
    armed = False
    assert (await hours.run(get(fetcher))).status == 200
    assert Held() == held_by(fetcher)


async def test_closing_lets_go_of_what_was_received(waits: Waits) -> None:
    """An answer that nobody took is let go of when the client is closed."""
    fetcher = fetcher_for(ScriptedSession([whole()]), waits.clock)
    await fetcher.fetch(REQUEST, TOKEN)
    assert held_by(fetcher).spools == 1
    await fetcher.close()
    assert Held() == held_by(fetcher)


async def test_the_assumed_quota_holds_until_the_service_tells() -> None:
    """Of a service that tells nothing, no more is asked in a window than assumed."""
    hours = Hours()
    session = ScriptedSession(lambda _: whole())
    fetcher = fetcher_for(session, hours.clock, quota=QuotaPolicy(3, 60.0))
    await hours.run(outcomes(fetcher, 7))
    assert (7, 120) == (len(session.asked), hours.now)


async def test_after_a_refusal_in_the_envelope_one_goes_at_a_time() -> None:
    """Also when the head of a refusal looks well, one asks for all."""
    hours, most = Hours(), 0

    def refused(_: Asked) -> ScriptedExchange:
        nonlocal most
        if len(session.asked) > 8:
            most = max(most, session.in_flight + 1)
        return answer([b" ", refusal_of(10040)], 200, Retry_After="300")

    session = ScriptedSession(refused)
    fetcher = fetcher_for(session, hours.clock, policy=RetryPolicy(budget=600))
    await hours.run(outcomes(fetcher, 24))
    assert most == 1


async def test_an_observer_that_raises_at_a_pause_leaves_nobody_waiting() -> None:
    """Who waits for the request that goes ahead learns of its refusal, whatever observers do."""
    armed = False

    def observe(event: Event) -> None:
        if armed and isinstance(event, QuotaPaused):
            raise Stop

    hours, held = Hours(), asyncio.Event()
    refused = answer(refusal_of(10040), 429, before=[held], Retry_After="30")
    session = ScriptedSession([locked_out(30), refused, *(whole() for _ in range(3))])
    fetcher = fetcher_for(session, hours.clock, observer=observe, policy=RetryPolicy(attempts=1))
    with pytest.raises(RateLimited):
        await hours.run(get(fetcher))
    hours.now += 30
    probe, waiting = asyncio.ensure_future(get(fetcher)), asyncio.ensure_future(get(fetcher))
    await settle()
    armed = True
    held.set()
    with pytest.raises(Stop):
        await probe
    armed = False
    assert (await hours.run(waiting)).status == 200
