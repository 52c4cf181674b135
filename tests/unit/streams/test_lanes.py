"""Which account may be begun next: exact counts, nothing lost, nothing kept, a constant cost."""

from __future__ import annotations

import cProfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.credentials import ApiToken, Credentials
from cfbilling.errors import ConfigurationError
from cfbilling.streams.lanes import Lane, Lanes


class FakePace:
    """A limiter that is paused and resumed by hand."""

    def __init__(self) -> None:
        self.is_paused = False
        self.watchers: set[Callable[[bool], None]] = set()

    def turn(self, *, is_paused: bool) -> None:
        """Tell the watchers."""
        self.is_paused = is_paused
        for watcher in list(self.watchers):
            watcher(is_paused)


class Driver:
    """Takes, begins and ends accounts as a fan-out does, and keeps books of its own."""

    def __init__(self, concurrency: int = 2) -> None:
        self.paces: dict[Credentials, FakePace] = {}
        self.changes = 0
        self.concurrency = concurrency
        self.lanes = Lanes(self.pace, concurrency, self._changed)
        self.under_way: list[tuple[Lane, object]] = []
        self.begun: list[Any] = []

    def _changed(self) -> None:
        self.changes += 1

    def pace(self, credentials: Credentials) -> FakePace:
        """Return a credential's limiter."""
        return self.paces.setdefault(credentials, FakePace())

    def take(self, credentials: Credentials, account: object) -> None:
        """Begin an account, or set it aside."""
        lane = self.lanes.lane(credentials)
        if lane.may_begin:
            self.begin(lane, account)
        else:
            self.lanes.set_aside(lane, account)

    def begin(self, lane: Lane, account: object) -> None:
        """Begin an account."""
        self.lanes.begun(lane)
        self.under_way.append((lane, account))
        self.begun.append(account)

    def begin_waiting(self) -> int:
        """Begin whatever was set aside and may be begun; return how many were."""
        count = 0
        while (found := self.lanes.next_waiting()) is not None:
            self.begin(*found)
            count += 1
        return count

    def end(self, index: int = 0) -> None:
        """End an account that is under way."""
        lane, _ = self.under_way.pop(index)
        self.lanes.ended(lane)

    @property
    def busy(self) -> int:
        """How many accounts are under way in lanes that do not wait."""
        return sum(not self.paces[lane.credentials].is_paused for lane, _ in self.under_way)

    @property
    def watchers(self) -> int:
        """How many limiters are watched."""
        return sum(len(pace.watchers) for pace in self.paces.values())


def token(index: int) -> ApiToken:
    """Return a credential."""
    return ApiToken(f"token-{index}")


STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["begin", "end"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["pause", "resume"]), st.integers(0, 3)),
)


@given(st.lists(STEPS, max_size=80), st.integers(1, 3))
def test_whatever_happens_the_counts_are_right(
    steps: list[tuple[str, int]], concurrency: int
) -> None:
    """Accounts begun, ended, paused and resumed in any order: ``busy`` is exact, none is lost."""
    driver = Driver(concurrency)
    lanes, taken = driver.lanes, 0
    for step, number in steps:
        busy = driver.busy
        if step == "take":
            if lanes.may_take(is_endless=False):
                driver.take(token(number), taken)
                taken += 1
        elif step == "begin":
            if (found := lanes.next_waiting()) is not None:
                driver.begin(*found)
                lane, _ = found
                assert lane.active == 1 if lane.is_waiting else busy < concurrency
        elif step == "end":
            if driver.under_way:
                driver.end(number % len(driver.under_way))
        else:
            driver.pace(token(number)).turn(is_paused=step == "pause")
        set_aside = sum(len(lane.set_aside) for lane in lanes._lanes.values())
        assert driver.busy == lanes._busy
        assert lanes.may_take(is_endless=False) is (driver.busy < concurrency)
        assert (len(driver.begun) + set_aside, set_aside > 0) == (taken, lanes.has_waiting)
    for pace in driver.paces.values():
        pace.turn(is_paused=False)
    while driver.under_way or lanes.has_waiting:
        driver.begin_waiting()
        driver.end()
    assert list(range(taken)) == sorted(driver.begun)
    assert (0, {}, 0) == (lanes._busy, lanes._lanes, driver.watchers)


@given(st.lists(STEPS, max_size=80))
def test_what_may_be_begun_is_found(steps: list[tuple[str, int]]) -> None:
    """Nothing is offered exactly when no lane could begin one of its accounts."""
    driver = Driver(2)
    for number, (step, index) in enumerate(steps):
        if step == "take":
            if driver.lanes.may_take(is_endless=False):
                driver.take(token(index), number)
        elif step == "end" and driver.under_way:
            driver.end(index % len(driver.under_way))
        elif step in {"pause", "resume"}:
            driver.pace(token(index)).turn(is_paused=step == "pause")
        driver.begin_waiting()
        for lane in driver.lanes._lanes.values():
            could = not lane.active if lane.is_waiting else driver.busy < 2
            assert not (lane.set_aside and could)


def test_accounts_of_a_lane_keep_their_order() -> None:
    """What was set aside first is begun first."""
    driver = Driver(1)
    driver.take(token(0), "first")
    driver.pace(token(0)).turn(is_paused=True)
    for account in ("second", "third", "fourth"):
        driver.take(token(0), account)
    driver.pace(token(0)).turn(is_paused=False)
    for _ in range(3):
        driver.end()
        driver.begin_waiting()
    assert ["first", "second", "third", "fourth"] == driver.begun


def test_lanes_take_turns() -> None:
    """Of several lanes with accounts set aside, each begins one before any begins another."""
    driver = Driver(1)
    for index in range(3):
        driver.pace(token(index)).is_paused = True
        for account in range(3):
            driver.take(token(index), (index, account))
    for index in range(3):
        driver.pace(token(index)).turn(is_paused=False)
    driver.begun.clear()
    while driver.under_way:
        driver.end()
        driver.begin_waiting()
    assert [1, 1, 1, 2, 2, 2] == [account for _, account in driver.begun]


def test_a_lane_that_waits_begins_one() -> None:
    """Its first account has to wait for the quota, so one is begun, and the rest are set aside."""
    driver = Driver(5)
    driver.pace(token(0)).is_paused = True
    for account in range(4):
        driver.take(token(0), account)
    assert ([0], 0, True) == (driver.begun, driver.begin_waiting(), driver.lanes.has_waiting)


def test_a_lane_that_waits_takes_no_place() -> None:
    """Accounts of a lane that waits are not counted: others are begun in their place."""
    driver = Driver(2)
    driver.take(token(0), "a")
    driver.take(token(0), "b")
    assert driver.lanes.may_take(is_endless=False) is False
    driver.pace(token(0)).turn(is_paused=True)
    assert driver.lanes.may_take(is_endless=False) is True
    driver.take(token(1), "c")
    driver.take(token(1), "d")
    assert driver.lanes.may_take(is_endless=False) is False


def test_a_lane_that_goes_on_may_be_over_the_concurrency() -> None:
    """What was begun stays; nothing more is begun until there is room again."""
    driver = Driver(1)
    driver.take(token(0), "a")
    driver.pace(token(0)).turn(is_paused=True)
    driver.take(token(0), "b")
    driver.take(token(1), "c")
    driver.pace(token(0)).turn(is_paused=False)
    assert (2, 0) == (driver.busy, driver.begin_waiting())
    driver.end()
    assert driver.begin_waiting() == 0
    driver.end()
    assert driver.begin_waiting() == 1


def test_of_an_endless_source_nothing_is_set_aside() -> None:
    """While a lane can begin nothing, nothing more is taken from a source without an end."""
    driver = Driver(5)
    driver.take(token(0), "a")
    driver.pace(token(0)).turn(is_paused=True)
    assert [False, True] == [driver.lanes.may_take(is_endless=e) for e in (True, False)]
    driver.pace(token(0)).turn(is_paused=False)
    assert driver.lanes.may_take(is_endless=True) is True


def test_a_change_is_told() -> None:
    """A pause and its end are told, so that whoever waits for a place looks again."""
    driver = Driver(1)
    driver.take(token(0), "a")
    told = [driver.changes]
    driver.pace(token(0)).turn(is_paused=True)
    told.append(driver.changes)
    driver.pace(token(0)).turn(is_paused=True)
    told.append(driver.changes)
    driver.pace(token(0)).turn(is_paused=False)
    told.append(driver.changes)
    assert [0, 1, 1, 2] == told


def test_equal_credentials_are_one_lane() -> None:
    """A lane is of the credential's value, as long as it has accounts."""
    driver = Driver()
    driver.take(token(0), "a")
    lane = driver.lanes.lane(ApiToken("token-0"))
    assert lane is driver.under_way[0][0]
    driver.end()
    assert lane is not driver.lanes.lane(token(0))


def test_wrong_credentials_make_no_lane() -> None:
    """What the limiter's owner refuses leaves nothing behind."""

    def refuse(_: Credentials) -> FakePace:
        raise ConfigurationError("credentials")

    lanes = Lanes(refuse, 1, lambda: None)
    with pytest.raises(ConfigurationError):
        lanes.lane(token(0))
    assert ({}, True) == (lanes._lanes, lanes.may_take(is_endless=False))


def test_closing_watches_nothing_any_more() -> None:
    """Lanes that are closed amid their work leave no watcher, and may still end accounts."""
    driver = Driver()
    for index in range(10):
        driver.take(token(index), index)
    driver.pace(token(3)).turn(is_paused=True)
    driver.take(token(3), "more")
    driver.lanes.close()
    assert (0, {}) == (driver.watchers, driver.lanes._lanes)
    while driver.under_way:
        driver.end()
    assert driver.lanes._busy == 0


def _all_at_once(driver: Driver, count: int) -> None:
    """Take two accounts of each credential, all of which pause and go on again."""
    for index in range(count):
        driver.take(token(index), index)
        driver.pace(token(index)).turn(is_paused=True)
        driver.take(token(index), count + index)
    for index in range(count):
        driver.pace(token(index)).turn(is_paused=False)
    while driver.under_way:
        driver.end(-1)
        driver.begin_waiting()


def _one_by_one(driver: Driver, count: int) -> None:
    """Take an account of each credential when there is room for it."""
    for index in range(count):
        while not driver.lanes.may_take(is_endless=False):
            driver.end(-1)
        driver.take(token(index), index)
    while driver.under_way:
        driver.end(-1)


def _calls(work: Callable[[Driver, int], None], count: int) -> float:
    """Return how many calls an account costs."""
    driver, profile = Driver(8), cProfile.Profile()
    profile.enable()
    work(driver, count)
    profile.disable()
    assert {1} == set(Counter(driver.begun).values())
    assert ({}, 0) == (driver.lanes._lanes, driver.watchers)
    return sum(entry.callcount for entry in profile.getstats()) / count


@pytest.mark.parametrize("work", [_all_at_once, _one_by_one])
def test_an_account_costs_the_same_among_ten_thousand(
    work: Callable[[Driver, int], None],
) -> None:
    """As many calls for each account whether there are 100 credentials or 10,000."""
    assert _calls(work, 10_000) <= 1.02 * _calls(work, 100)
