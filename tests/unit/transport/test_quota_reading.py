"""The reading is found from the answers alone, whatever they overtake, and never wrongly."""

from __future__ import annotations

import heapq
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaReading
from cfbilling.sandbox.rules.quota_counters import BucketCounter, Limit, WindowCounter
from cfbilling.transport.quota_reading import Answered, ReadingJudge

POLICY = QuotaPolicy(1200, 300.0)


def told(remaining: int, reset: float, policy: QuotaPolicy | None = POLICY) -> Quota:
    """Return what an answer tells."""
    return Quota("default", remaining, reset, policy)


def judged(*answers: tuple[float, int, float]) -> ReadingJudge:
    """Return what answers show that come one after the other: moment, remaining, seconds."""
    judge = ReadingJudge(0.0)
    for number, (now, remaining, reset) in enumerate(answers):
        judge.judge(told(remaining, reset), Answered(now, now, number, number + 1, 0))
    return judge


@pytest.mark.parametrize(
    ("answers", "reading"),
    [
        ([(0, 1199, 300)], "window"),
        ([(0, 50, 30)], "window"),
        # Both may be: a window that was used up at once, or an empty bucket.
        ([(0, 0, 300)], None),
        ([(0, 0, 300), (300, 1199, 1), (300, 1190, 3)], "bucket"),
        # What the first answers of a new process say on a real account tells nothing yet.
        ([(0, 1199, 1)], None),
        ([(float(second), 1199, 1) for second in range(20)], None),
        ([(second / 20, 1199, 1) for second in range(200)], "silent"),
        ([(used / 50, 1200 - used, math.ceil(used / 4)) for used in range(1, 60)], "bucket"),
        # A window that would begin again and again before it is over.
        ([(second / 50, 1199, 300) for second in range(80)], "silent"),
        ([(float(second), 1199, 300) for second in range(4)], "silent"),
        # Less than was used by us alone.
        ([(second / 10, 900, 250 - second // 10) for second in range(400)], "silent"),
    ],
)
def test_the_reading_is_found(
    answers: list[tuple[float, int, float]], reading: QuotaReading | None
) -> None:
    """What a reading cannot explain ends it; what two can explain is left open."""
    assert judged(*answers).reading == reading


def test_without_a_policy_it_is_a_window() -> None:
    """There is nothing to compare with, and that is what is documented."""
    judge = ReadingJudge(0.0)
    judge.judge(told(5, 1, None), Answered(0.0, 0.0, 0, 1, 0))
    assert judge.reading == "window"


def test_no_header_is_a_reading_until_there_is_one() -> None:
    """A header that comes later is read all the same."""
    judge, readings = ReadingJudge(0.0), list[QuotaReading | None]()
    judge.told_nothing()
    readings.append(judge.reading)
    judge.judge(told(1199, 300), Answered(0.0, 0.0, 0, 1, 0))
    judge.told_nothing()
    readings.append(judge.reading)
    assert ["no_header", "window"] == readings


def test_another_policy_is_judged_anew() -> None:
    """What was found out about one quota need not hold for the next."""
    judge = judged(*[(second / 20, 1199, 1) for second in range(200)])
    judge.judge(Quota("default", 99, 60, QuotaPolicy(100, 60.0)), Answered(20, 20, 200, 201, 0))
    assert judge.reading == "window"


@settings(max_examples=300)
@given(
    kind=st.sampled_from([WindowCounter, BucketCounter]),
    quota=st.sampled_from([1, 2, 3, 5, 10, 100, 1200]),
    window=st.sampled_from([1.0, 2.0, 10.0, 60.0, 300.0]),
    steps=st.lists(
        st.tuples(st.floats(0, 20), st.floats(0, 3), st.floats(0, 3), st.integers(0, 3)),
        max_size=150,
    ),
    used=st.integers(0, 1200),
)
def test_a_true_header_is_never_taken_for_one_that_is_not(
    kind: type[WindowCounter | BucketCounter],
    quota: int,
    window: float,
    steps: list[tuple[float, float, float, int]],
    used: int,
) -> None:
    """Late answers, overtaken ones, and others who use the token: true headers stay believed."""
    counter, policy = kind(Limit("default", quota, window)), QuotaPolicy(quota, window)
    judge, now, arrived, number = ReadingJudge(0.0), 0.0, 0, 0
    under_way: list[tuple[float, int, float, int, Quota]] = []
    counter.renew(0.0)
    counter.take(min(used, counter.remaining))

    def arrive(until: float) -> None:
        nonlocal arrived
        while under_way and under_way[0][0] <= until:
            moment, _, sent, before, quota_told = heapq.heappop(under_way)
            arrived += 1
            judge.judge(quota_told, Answered(sent, moment, before, arrived, len(under_way)))
            assert judge.reading != "silent"
            assert judge.reading != ("bucket" if kind is WindowCounter else "window") or quota <= 3

    for wait, there, back, others in steps:
        # Requests reach the service in the order in which they are sent.
        now += wait + there
        arrive(now - there)
        counter.renew(now)
        counter.take(min(others, counter.remaining))
        if not counter.remaining:
            continue
        counter.take(1)
        number += 1
        quota_told = Quota("default", counter.remaining, counter.reset(now), policy)
        heapq.heappush(under_way, (now + back, number, now - there, arrived, quota_told))
    arrive(math.inf)
