"""Many accounts: each whole or a failure of its own, whoever else fails, waits or leaves."""

from __future__ import annotations

import asyncio
import cProfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any, NoReturn, cast

import pytest

from cfbilling.chunk import DateChunk
from cfbilling.credentials import ApiToken, Credentials
from cfbilling.errors import (
    AccountFailure,
    BillingError,
    ConfigurationError,
    FanOutError,
    NotFound,
    PermissionDenied,
    TransportError,
)
from cfbilling.events import AccountDone, AccountFailed, ChunkDone, Event, Observer
from cfbilling.options import Clock, Limits, RetryPolicy
from cfbilling.protocol.endpoints import USAGE
from cfbilling.protocol.headers import QuotaSignal
from cfbilling.protocol.requests import Query
from cfbilling.records import UsageRecord
from cfbilling.streams.fan_out import FanOut, OnError
from cfbilling.streams.pipeline import Pipeline
from cfbilling.streams.subjects import Accounts, AccountSubject
from tests.conftest import Waits
from tests.unit.fakes import (
    Asked,
    Held,
    Hours,
    ScriptedExchange,
    ScriptedSession,
    answer,
    body_of,
    held_by,
    ignore,
    locked_out,
    pipeline_for,
    refusal_of,
    settle,
    usage_of,
    usage_row,
)

Item = tuple[str, list[UsageRecord]] | AccountFailure

TOKEN, OTHER = ApiToken("one"), ApiToken("other")
START = date(2025, 1, 1)
MODES: list[OnError] = ["defer", "raise", "yield"]
ONE_DAY = usage_of(START)


class Stop(BaseException):
    """What nobody expects."""


def ids(count: int, first: int = 0) -> list[str]:
    """Return so many account ids."""
    return [f"{first + index:032x}" for index in range(count)]


def service(asked: Asked) -> ScriptedExchange:
    """Answer with one record for each day."""
    return answer(usage_of(*asked.days))


class Setting:
    """A pipeline on a scripted session, and fan-outs on it."""

    def __init__(
        self,
        script: Callable[[Asked], ScriptedExchange] = service,
        *,
        clock: Clock | None = None,
        observer: Observer = ignore,
        concurrency: int = 4,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.session = ScriptedSession(script)
        self.concurrency = concurrency
        self.pipeline: Pipeline = pipeline_for(
            self.session,
            clock or Waits().clock,
            observer=observer,
            limits=Limits(concurrency=concurrency),
            policy=policy or RetryPolicy(attempts=1),
        )

    def over(
        self, accounts: object, on_error: OnError = "defer", days: int = 1
    ) -> FanOut[str, Any]:
        """Return a fan-out over accounts of any kind."""
        end = date.fromordinal(START.toordinal() + days)
        return FanOut(
            self.pipeline,
            AccountSubject(Query(USAGE, DateChunk(START, end)), TOKEN),
            cast("Accounts", accounts),
            on_error=on_error,
            concurrency=self.concurrency,
        )

    @property
    def scopes(self) -> list[str]:
        """The accounts that were asked about, in order."""
        return [asked.scope_id for asked in self.session.asked]

    @property
    def watchers(self) -> int:
        """How many limiters are watched."""
        lanes = self.pipeline.fetcher._lanes.values()
        return sum(len(lane.limiter.watchers) for lane in lanes)

    def check_nothing_is_left(self, fan_out: FanOut[str, Any]) -> None:
        """Assert that no request, spool, task, lane or watcher is left."""
        left = (self.session.in_flight, len(fan_out._lanes._lanes), self.watchers)
        assert (0, 0, 0) == left
        assert Held() == held_by(self.pipeline)


class Outcome:
    """What a fan-out gave."""

    def __init__(self) -> None:
        self.days: dict[str, list[date]] = defaultdict(list)
        self.failures: list[AccountFailure] = []
        self.error: BaseException | None = None

    async def of(self, fan_out: FanOut[str, Any]) -> Outcome:
        """Take all that a fan-out gives; failures of both kinds are put together."""
        try:
            async with aclosing(fan_out.items()) as items:
                async for item in items:
                    self.add(item)
        except FanOutError as group:
            self.failures += group.failures
        except BillingError as error:
            self.error = error
        return self

    def add(self, item: Item) -> None:
        """Put an item where it belongs."""
        if isinstance(item, AccountFailure):
            self.failures.append(item)
        else:
            account_id, records = item
            found = [record.charge_period_start for record in records]
            self.days[account_id] += [moment.date() for moment in found if moment is not None]

    @property
    def labels(self) -> set[str]:
        """The accounts that failed."""
        return {failure.account_id for failure in self.failures}


async def _async(accounts: Iterable[object]) -> AsyncIterator[object]:
    for account in accounts:
        await asyncio.sleep(0)
        yield account


def _hashable(accounts: Iterable[object]) -> dict[object, Credentials]:
    found: dict[object, Credentials] = {}
    for account in accounts:
        if not isinstance(account, list | dict):
            found[account] = TOKEN
    return found


KINDS: dict[str, Callable[[Iterable[object]], object]] = {
    "a list": list,
    "a generator": iter,
    "an async generator": _async,
    "a mapping": _hashable,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_error", MODES)
async def test_every_account_comes_whole_and_in_order(kind: str, on_error: OnError) -> None:
    """Of each account all records come, in their order, under its id."""
    setting = Setting()
    fan_out = setting.over(KINDS[kind](ids(9)), on_error, days=40)
    outcome = await Outcome().of(fan_out)
    days = [date.fromordinal(START.toordinal() + index) for index in range(40)]
    assert dict.fromkeys(ids(9), days) == outcome.days
    assert ([], None) == (outcome.failures, outcome.error)
    setting.check_nothing_is_left(fan_out)


@pytest.mark.parametrize("accounts", [[], (), {}, iter(())])
async def test_no_accounts_are_no_items(accounts: object) -> None:
    """A fan-out over nothing ends at once."""
    setting = Setting()
    outcome = await Outcome().of(setting.over(accounts))
    assert ({}, [], None) == (outcome.days, outcome.failures, outcome.error)


class Mute:
    """Something that cannot even be shown."""

    def __repr__(self) -> NoReturn:
        raise ZeroDivisionError

    __str__ = __repr__


ODD: Sequence[tuple[object, str]] = [
    (None, "None"),
    (7, "7"),
    (1.5, "1.5"),
    (float("nan"), "nan"),
    (False, "False"),
    (b"\xff", "b'\\xff'"),
    ([], "<list>"),
    ({"a": 1}, "<dict>"),
    ((), "<tuple>"),
    (Mute(), "<Mute>"),
    (Mute, "<type>"),
    ("", ""),
    ("A" * 32, "A" * 32),
    ("0" * 31 + "\n", "0" * 31 + "\n"),
    ("\x1b[31m\ud800", "\x1b[31m\ud800"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_what_is_no_id_is_a_failure_of_that_item(kind: str, on_error: OnError) -> None:
    """Whatever stands among the ids, the others are delivered, and it is named as it can be."""
    told: list[Event] = []
    setting = Setting(observer=told.append)
    good = ids(5)
    mixed = [*good[:2], *(odd for odd, _ in ODD), *good[2:]]
    fan_out = setting.over(KINDS[kind](mixed), on_error)
    outcome = await Outcome().of(fan_out)
    expected = {
        label for odd, label in ODD if kind != "a mapping" or not isinstance(odd, list | dict)
    }
    assert (set(good), expected) == (set(outcome.days), outcome.labels)
    assert {ConfigurationError} == {type(failure.error) for failure in outcome.failures}
    assert good == sorted(setting.scopes)
    assert expected == {event.account_id for event in told if isinstance(event, AccountFailed)}
    setting.check_nothing_is_left(fan_out)


@pytest.mark.parametrize("kind", ["a list", "a generator", "an async generator"])
@pytest.mark.parametrize("odd", [odd for odd, _ in ODD], ids=[repr(label) for _, label in ODD])
async def test_what_is_no_id_may_end_all(kind: str, odd: object) -> None:
    """With ``raise``, an item that is no id is an error of ours like any other."""
    setting = Setting()
    fan_out = setting.over(KINDS[kind]([*ids(2), odd, *ids(50, 2)]), "raise")
    outcome = await Outcome().of(fan_out)
    assert type(outcome.error) is ConfigurationError
    assert len(setting.scopes) < 52
    setting.check_nothing_is_left(fan_out)


async def test_the_deferred_error_can_be_shown() -> None:
    """Its text names the items that failed, with nothing in it that steers a terminal."""
    outcome = Outcome()
    with pytest.raises(FanOutError) as caught:
        async for item in Setting().over([odd for odd, _ in ODD]).items():
            outcome.add(item)
    text = str(caught.value)
    assert text.startswith(f"{len(ODD)} accounts failed: None, 7, 1.5, nan, False, b'")
    assert text.isprintable()


WRONG: Sequence[object] = ["token", 42, object(), b"token", ("token",), Mute()]


@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_wrong_credentials_fail_their_account_only(on_error: OnError) -> None:
    """What is no credential is a failure of its account; the others are delivered."""
    setting = Setting()
    good, bad = ids(5), ids(len(WRONG), 100)
    accounts = {**dict(zip(bad, WRONG, strict=True)), **dict.fromkeys(good, OTHER)}
    fan_out = setting.over(accounts, on_error)
    outcome = await Outcome().of(fan_out)
    assert (set(good), set(bad)) == (set(outcome.days), outcome.labels)
    assert {ConfigurationError} == {type(failure.error) for failure in outcome.failures}
    assert good == sorted(setting.scopes)
    setting.check_nothing_is_left(fan_out)


async def test_wrong_credentials_may_end_all() -> None:
    """With ``raise``, they are the error that ends it."""
    outcome = await Outcome().of(Setting().over({ids(1)[0]: "token"}, "raise"))
    assert type(outcome.error) is ConfigurationError


async def test_wrong_credentials_may_be_very_many() -> None:
    """More failures than the buffer holds wait for the consumer, and all come."""
    setting = Setting()
    fan_out = setting.over(dict.fromkeys(ids(1000), "token"), "yield")
    outcome = await Outcome().of(fan_out)
    assert set(ids(1000)) == outcome.labels
    setting.check_nothing_is_left(fan_out)


async def test_an_account_may_have_its_own_credentials() -> None:
    """A mapping's credentials sign its accounts' requests; ``None`` means the client's."""
    setting = Setting()
    first, second = ids(2)
    await Outcome().of(setting.over({first: OTHER, second: None}))
    signed = {asked.scope_id: asked.signature for asked in setting.session.asked}
    assert {first: "Bearer other", second: "Bearer one"} == signed


def failing(*accounts: str) -> Callable[[Asked], ScriptedExchange]:
    """Return a service that refuses some accounts."""
    return lambda asked: answer(status=403) if asked.scope_id in accounts else service(asked)


@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_a_failing_account_stops_nobody(on_error: OnError) -> None:
    """Every other account is delivered whole, and each end is told."""
    told: list[Event] = []
    setting = Setting(failing(*ids(3)), observer=told.append)
    fan_out = setting.over(ids(12), on_error)
    outcome = await Outcome().of(fan_out)
    assert (set(ids(9, 3)), set(ids(3))) == (set(outcome.days), outcome.labels)
    assert {PermissionDenied} == {type(failure.error) for failure in outcome.failures}
    failed = {event.account_id for event in told if isinstance(event, AccountFailed)}
    done = {event.account_id for event in told if isinstance(event, AccountDone)}
    assert (set(ids(3)), set(ids(9, 3))) == (failed, done)
    setting.check_nothing_is_left(fan_out)


async def test_the_first_failure_may_end_all() -> None:
    """With ``raise``, the error itself comes, still saying where it came from."""
    setting = Setting(failing(ids(3)[2]))
    fan_out = setting.over(ids(100), "raise")
    outcome = await Outcome().of(fan_out)
    error = outcome.error
    assert isinstance(error, PermissionDenied)
    assert (ids(3)[2], True) == (error.scope_id, error.__traceback__ is not None)
    assert len(setting.scopes) < 20
    setting.check_nothing_is_left(fan_out)


def raised(error: BillingError) -> BillingError:
    """Return an error that holds frames, and so do its cause and its context."""
    try:
        try:
            try:
                raise ZeroDivisionError
            except ZeroDivisionError as context:
                raise OSError from context
        except OSError as cause:
            raise error from cause
    except BillingError as made:
        return made


@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_kept_failures_hold_no_frames(on_error: OnError) -> None:
    """Of an error that is kept, and of all that led to it, no traceback is."""
    broken = [
        lambda: answer(before=[raised(TransportError("no"))]),
        lambda: answer([ONE_DAY[:50], raised(TransportError("broken off"))]),
        lambda: answer(ONE_DAY[:50]),
        lambda: answer(b"{}"),
        lambda: answer(body_of([usage_row(ConsumedQuantity="many")])),
        lambda: answer(refusal_of(1183), 400),
        lambda: locked_out(10_000),
        lambda: answer(status=503),
    ]
    setting = Setting(
        lambda asked: broken[int(asked.scope_id, 16)](), policy=RetryPolicy(attempts=2)
    )
    accounts = dict(zip(ids(len(broken)), map(ApiToken, "abcdefgh"), strict=True))
    odd = {None: TOKEN, "f" * 32: "token"}
    # 31 days, so that a refusal is narrowed, and the refusal of that leads to it.
    outcome = await Outcome().of(setting.over(accounts | odd, on_error, days=31))
    left: list[BaseException | None] = [failure.error for failure in outcome.failures]
    assert len(left) == len(broken) + 2
    seen: list[BaseException] = []
    while left:
        error = left.pop()
        if error is not None and error not in seen:
            seen.append(error)
            left += [error.__cause__, error.__context__]
    assert len(seen) > len(broken) + 2
    assert [None] * len(seen) == [error.__traceback__ for error in seen]


async def locked(setting: Setting, credentials: Credentials, seconds: float = 300) -> None:
    """Lock a credential out."""
    limiter = setting.pipeline.fetcher.limiter(credentials)
    permit = limiter.enter()
    assert permit is not None
    limiter.tell(permit, QuotaSignal(is_refusal=True, wait=seconds))


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_a_lane_that_waits_holds_nobody_up(concurrency: int) -> None:
    """All accounts of other credentials are delivered, while one account of it is begun."""
    hours = Hours()
    setting = Setting(clock=hours.clock, concurrency=concurrency)
    await locked(setting, OTHER)
    free, waiting = ids(20), ids(20, 100)
    accounts = dict.fromkeys(waiting, OTHER) | dict.fromkeys(free, TOKEN)
    fan_out = setting.over(accounts)
    outcome = Outcome()
    task = asyncio.ensure_future(outcome.of(fan_out))
    await settle(2000)
    assert (set(free), 0) == (set(outcome.days), hours.now)
    (lane,) = fan_out._lanes._lanes.values()
    assert (OTHER, 1, 19, True) == (
        lane.credentials,
        lane.active,
        len(lane.set_aside),
        lane.is_waiting,
    )
    await hours.run(task)
    assert (set(accounts), 300) == (set(outcome.days), hours.now)
    setting.check_nothing_is_left(fan_out)


async def test_every_lane_may_wait() -> None:
    """When all credentials wait, one account of each is begun, and all are delivered in time."""
    hours = Hours()
    setting = Setting(clock=hours.clock, concurrency=2)
    tokens = [ApiToken(f"token-{index}") for index in range(10)]
    for index, token in enumerate(tokens):
        await locked(setting, token, 100 + index)
    accounts = {account: tokens[index % 10] for index, account in enumerate(ids(50))}
    fan_out = setting.over(accounts)
    outcome = Outcome()
    task = asyncio.ensure_future(outcome.of(fan_out))
    await settle(1000)
    assert [1] * 10 == [lane.active for lane in fan_out._lanes._lanes.values()]
    assert ([], 0) == (setting.scopes, setting.session.in_flight)
    await hours.run(task)
    assert set(accounts) == set(outcome.days)
    assert setting.session.most_in_flight <= 2
    setting.check_nothing_is_left(fan_out)


async def test_of_a_list_nothing_is_set_aside_while_its_credential_waits() -> None:
    """A source that may be endless is not drained into memory while nothing can be begun."""
    hours = Hours()
    setting = Setting(clock=hours.clock)
    await locked(setting, TOKEN)
    taken: list[str] = []

    def source() -> Iterator[str]:
        for account in ids(50):
            taken.append(account)
            yield account

    task = asyncio.ensure_future(Outcome().of(setting.over(source())))
    await settle()
    assert len(taken) == 1
    outcome = await hours.run(task)
    assert set(ids(50)) == set(outcome.days)


async def test_a_lane_locked_out_for_too_long_fails_its_accounts() -> None:
    """Accounts that may not wait so long fail each, one after the other, and the others come."""
    setting = Setting(policy=RetryPolicy(attempts=2, budget=10))
    await locked(setting, OTHER)
    accounts = dict.fromkeys(ids(20), OTHER) | dict.fromkeys(ids(5, 100), TOKEN)
    fan_out = setting.over(accounts)
    outcome = await Outcome().of(fan_out)
    assert (set(ids(5, 100)), set(ids(20))) == (set(outcome.days), outcome.labels)
    assert {300} == {failure.error.retry_after for failure in outcome.failures}
    setting.check_nothing_is_left(fan_out)


async def test_so_many_accounts_are_under_way() -> None:
    """Never more requests than the concurrency, and a lone account may use all of it."""
    for accounts in (1, 2, 20):
        setting = Setting(concurrency=4)
        await Outcome().of(setting.over(ids(accounts), days=310))
        assert setting.session.most_in_flight == 4


async def test_a_consumer_that_rests_stops_the_producers() -> None:
    """No more ids are taken than fit: with the consumer, in the buffer, and under way."""
    setting = Setting(concurrency=2)
    taken: list[str] = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(ids(1, len(taken))[0])
            yield taken[-1]

    fan_out = setting.over(endless())
    async with aclosing(fan_out.items()) as items:
        await anext(items)
        await settle(1000)
        assert len(taken) <= 1 + 2 + 2
    setting.check_nothing_is_left(fan_out)


def _list_that_raises(error: BaseException) -> Iterator[str]:
    yield from ids(3)
    raise error


async def _rows_that_raise(error: BaseException) -> AsyncIterator[str]:
    for account in ids(3):
        yield account
    raise error


class MappingThatRaises(dict[str, Credentials]):
    """A mapping whose items end with an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(dict.fromkeys(ids(3), TOKEN))
        self._error = error

    def items(self) -> Any:
        """Give some, and raise."""
        yield from super().items()
        raise self._error


@pytest.mark.parametrize("source", [_list_that_raises, _rows_that_raise, MappingThatRaises])
@pytest.mark.parametrize("on_error", MODES)
@pytest.mark.parametrize("error", [ZeroDivisionError(), NotFound("theirs"), Stop()])
async def test_a_source_that_raises_passes_it_on(
    source: Callable[[BaseException], object], on_error: OnError, error: BaseException
) -> None:
    """An exception of the caller's own source comes out as it is, and nothing is left."""
    setting = Setting()
    fan_out = setting.over(source(error), on_error)
    with pytest.raises(type(error)) as caught:
        async for _ in fan_out.items():
            pass
    assert error is caught.value
    setting.check_nothing_is_left(fan_out)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_error", MODES)
@pytest.mark.parametrize("bug", [ZeroDivisionError(), Stop()])
async def test_a_programming_error_comes_out(
    kind: str, on_error: OnError, bug: BaseException
) -> None:
    """What is none of our errors is no failure of an account: it ends all, as it is."""

    def observe(event: Event) -> None:
        if isinstance(event, ChunkDone) and event.scope_id == ids(4)[3]:
            raise bug

    setting = Setting(observer=observe)
    fan_out = setting.over(KINDS[kind](ids(1000)), on_error)
    with pytest.raises(type(bug)) as caught:
        async for _ in fan_out.items():
            pass
    assert bug is caught.value
    assert len(setting.scopes) < 100
    setting.check_nothing_is_left(fan_out)


async def test_what_is_ready_comes_while_the_source_waits() -> None:
    """The accounts that came are delivered, also when the source has no other for long."""
    go_on = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        for account in ids(3):
            yield account
        await go_on.wait()
        yield ids(1, 3)[0]

    setting = Setting()
    outcome = Outcome()
    task = asyncio.ensure_future(outcome.of(setting.over(source())))
    await settle()
    assert set(ids(3)) == set(outcome.days)
    go_on.set()
    await task
    assert set(ids(4)) == set(outcome.days)


async def test_leaving_early_leaves_nothing() -> None:
    """Who leaves after the first item cancels what is under way and forgets what waits."""
    setting = Setting(lambda asked: answer([usage_of(*asked.days)]))
    await locked(setting, OTHER)
    accounts = dict.fromkeys(ids(50), TOKEN) | dict.fromkeys(ids(50, 100), OTHER)
    fan_out = setting.over(accounts, days=62)
    async with aclosing(fan_out.items()) as items:
        await anext(items)
        await settle()
    setting.check_nothing_is_left(fan_out)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_consumer_may_be_cancelled_anywhere(kind: str) -> None:
    """At whichever turn it is cancelled, nothing is left."""
    ended, turns = False, 0
    while not ended:
        setting = Setting(failing(ids(1)[0]))
        fan_out = setting.over(KINDS[kind]([*ids(3), None]), "yield", days=40)
        task = asyncio.ensure_future(Outcome().of(fan_out))
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert ended is not task.cancelled()
        setting.check_nothing_is_left(fan_out)
        turns += 1
    assert turns > 5


async def test_closing_the_client_ends_a_fan_out() -> None:
    """Its consumer is told, and does not wait for ever."""
    setting = Setting(lambda _: answer([asyncio.Event()]))
    fan_out = setting.over(ids(50))
    task = asyncio.ensure_future(Outcome().of(fan_out))
    await settle()
    assert setting.session.in_flight == 4
    await setting.pipeline.close()
    outcome = await Hours().run(task)
    assert type(outcome.error) is ConfigurationError
    setting.check_nothing_is_left(fan_out)


async def _calls(accounts: Mapping[str, Credentials]) -> float:
    """Return how many calls an account costs; check that nothing of it is kept."""
    setting, most = Setting(lambda _: answer(ONE_DAY), concurrency=8), 0
    fan_out = setting.over(accounts)
    profile = cProfile.Profile()
    delivered: set[str] = set()
    profile.enable()
    async with aclosing(fan_out.items()) as items:
        async for item in items:
            assert not isinstance(item, AccountFailure)
            delivered.add(item[0])
            most = max(most, len(fan_out._lanes._lanes))
    profile.disable()
    assert set(accounts) == delivered
    assert most <= 16
    setting.check_nothing_is_left(fan_out)
    return sum(entry.callcount for entry in profile.getstats()) / len(accounts)


async def test_an_account_costs_the_same_among_ten_thousand() -> None:
    """As many calls for each, whether it is one of 200 credentials or of 10,000."""
    # The loop's own debugging would be most of the time.
    asyncio.get_running_loop().set_debug(False)
    few, many = [
        await _calls({account: ApiToken(account) for account in ids(count)})
        for count in (200, 10_000)
    ]
    assert many <= 1.05 * few


@pytest.mark.parametrize("wrong", [{"token": "x"}, ["x"], "", [], {}, 0, b""])
async def test_any_wrong_credential_fails_its_account(wrong: object) -> None:
    """What cannot be hashed, or counts as false, is no credential either."""
    setting = Setting()
    bad, good = ids(2)
    outcome = await Outcome().of(setting.over({bad: wrong, good: OTHER}))
    assert ({good}, {bad}) == (set(outcome.days), outcome.labels)


@pytest.mark.parametrize("on_error", ["defer", "yield"])
async def test_a_number_too_long_to_show_is_a_failure(on_error: OnError) -> None:
    """A number that Python refuses to write out is no id, and stops nobody."""
    outcome = await Outcome().of(Setting().over([10**5000, *ids(2)], on_error))
    assert (1, set(ids(2))) == (len(outcome.failures), set(outcome.days))


async def test_a_programming_error_comes_out_while_the_source_waits() -> None:
    """It does not stay hidden until the source has another account."""

    def observe(event: Event) -> None:
        if isinstance(event, ChunkDone):
            raise ZeroDivisionError

    async def source() -> AsyncIterator[str]:
        yield ids(1)[0]
        await asyncio.Event().wait()

    setting = Setting(observer=observe)
    fan_out = setting.over(source())
    with pytest.raises(ZeroDivisionError):
        await Hours().run(Outcome().of(fan_out))
    setting.check_nothing_is_left(fan_out)
