"""What is handed out: each unit once at a time, a credential's from few workers, none too early."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling import (
    BillingError,
    NotFound,
    RateLimited,
    RetryPolicy,
    ServerError,
    StoreError,
    TransportError,
    WorkUnit,
    plan,
)
from cfbilling.integrations.cluster.backlog import Backlog, Job

POLICY = RetryPolicy(attempts=3, initial_wait=2.0, budget=100.0)


def units_of(groups: dict[str | None, int]) -> list[WorkUnit]:
    """Return so many units of each credential."""
    named = {
        f"{place:02x}{number:030x}": name
        for place, (name, units) in enumerate(groups.items())
        for number in range(units)
    }
    return list(plan(named, "2025-01-01", "2025-01-02"))


def refused(seconds: float) -> RateLimited:
    """Return a refusal."""
    return RateLimited("no", status=429, retry_after=seconds)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    spread=st.integers(1, 3),
    size=st.integers(1, 4),
    moves=st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from(["done", "refused", "failed", "gone"]),
        ),
        max_size=60,
    ),
)
def test_each_unit_is_handed_out_until_it_is_done(
    sizes: list[int], spread: int, size: int, moves: list[tuple[str, str]]
) -> None:
    """Whatever fails, waits or dies, no unit is lost, doubled or given to too many workers."""
    units = units_of({str(place): units for place, units in enumerate(sizes)})
    backlog = Backlog(units, RetryPolicy(attempts=99), spread=spread, size=size)
    left, given_to, now = set(units), dict[str | None, set[str]](), 0.0
    for worker, fate in [*moves, *[("a", "done"), ("b", "done")] * 200]:
        now += 1
        if fate == "gone":
            backlog.forget(worker)
            for workers in given_to.values():
                workers.discard(worker)
            continue
        jobs = backlog.take(worker, now)
        assert len(jobs) <= size
        assert len({job.unit.credential for job in jobs}) <= 1
        for job in jobs:
            assert job.unit in left
            workers = given_to.setdefault(job.unit.credential, set())
            workers.add(worker)
            assert len(workers) <= spread
            if fate == "done":
                left.discard(job.unit)
            else:
                error = refused(3.0) if fate == "refused" else ServerError("no", status=503)
                assert backlog.put_back(job, error, now)
    # Others may be all that may have some: those begin now.
    for worker in "cd" * 200:
        now += 1
        left -= {job.unit for job in backlog.take(worker, now)}
    assert (set(), True) == (left, backlog.is_empty)


def test_a_refused_group_waits_and_no_other_does() -> None:
    """After a refusal nothing of that credential is handed out until the time that was named."""
    backlog = Backlog(units_of({"a": 4, "b": 1}), POLICY, size=2)
    first, second = backlog.take("w", 0.0)
    assert backlog.put_back(first, refused(50.0), 10.0)
    assert backlog.put_back(second, refused(40.0), 10.0)
    assert ["b"] == [job.unit.credential for job in backlog.take("w", 11.0)]
    assert [] == backlog.take("w", 59.9)
    assert [] == backlog.take("other", 59.9)
    assert {first, second} == set(backlog.take("w", 60.0)), "what has waited goes first"
    assert 2 == len(backlog.take("w", 60.0))
    assert backlog.is_empty


def test_other_failures_hold_up_nothing_else() -> None:
    """A unit that failed otherwise waits by itself."""
    backlog = Backlog(units_of({"a": 2}), POLICY, size=1)
    (job,) = backlog.take("w", 0.0)
    assert backlog.put_back(job, TransportError("no"), 0.0)
    (other,) = backlog.take("w", 0.0)
    assert other is not job
    time = backlog.next_time()
    assert time is not None
    assert 1.0 <= time <= 2.0
    assert [job] == backlog.take("w", time)
    assert backlog.next_time() is None


def test_a_worker_keeps_to_its_groups_and_idle_ones_begin_with_others() -> None:
    """The largest group is begun with first, and each worker goes on with what it has."""
    backlog = Backlog(units_of({"small": 1, "large": 5, "middle": 3}), POLICY, size=1)
    taken = [(w, backlog.take(w, 0.0)[0].unit.credential) for w in "ababab"]
    assert [("a", "large"), ("b", "middle")] * 3 == taken
    assert [["small"], ["large"], ["large"], [], []] == [
        [job.unit.credential for job in backlog.take(worker, 0.0)] for worker in "baaab"
    ]
    assert frozenset({"small", "large", "middle"}) == backlog.names


def test_what_is_left_is_shared_out_evenly() -> None:
    """Few units of one credential are no one worker's, where more may have it."""
    backlog = Backlog(units_of({"a": 200}), POLICY, spread=2)
    numbers: list[int] = []
    while not backlog.is_empty:
        numbers += [len(backlog.take(worker, 0.0)) for worker in "ab"]
    assert [32, 32, 32, 26, 20, 15, 11, 8] == numbers[:8]
    assert 200 == sum(numbers)


@pytest.mark.parametrize(
    ("errors", "waits"),
    [
        ([ServerError("no", status=503)] * 3, [True, True, False]),
        ([ServerError("no", status=501)], [False]),
        ([NotFound("no", status=404)], [False]),
        ([TransportError("no", transient=False)], [False]),
        ([StoreError("no", transient=True), StoreError("full")], [True, False]),
        # A time that is named is no failure, but it is waited for.
        ([refused(30.0)] * 4, [True, True, True, False]),
        ([refused(100.1)], [False]),
        ([refused(0.0)] * 3, [True, True, False]),
    ],
)
def test_a_policy_is_kept_to(errors: list[BillingError], waits: list[bool]) -> None:
    """Attempts, budget and what may help are as in a request's own retries."""
    job = Job(units_of({None: 1})[0])
    pauses = [job.pause(error, POLICY) for error in errors]
    assert waits == [pause is not None for pause in pauses]
    assert job.waited <= POLICY.budget
    assert Job(job.unit).pause(refused(1.0), RetryPolicy(attempts=1)) is None


def test_nothing_begins_after_the_end() -> None:
    """A wait that would pass the end is not begun; what is left is taken out."""
    backlog = Backlog(units_of({"a": 3}), POLICY, size=1, ends=20.0)
    (job,) = backlog.take("w", 0.0)
    assert not backlog.put_back(job, refused(21.0), 0.0)
    assert backlog.put_back(job, refused(19.0), 0.0)
    assert 3 == len(list(backlog.drain()))
    assert (True, None) == (backlog.is_empty, backlog.next_time())
    assert math.isinf(Backlog([], POLICY)._ends)
