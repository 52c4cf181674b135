"""A bucket is used as it is refilled, and never below what it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.transport.quota_bucket import QuotaBucket

POLICY = QuotaPolicy(60, 120.0)


def told(remaining: int) -> Quota:
    """Return what an answer tells."""
    return Quota("default", remaining, 0.0, POLICY)


def test_it_is_refilled_steadily() -> None:
    """A request comes back each two seconds here, until it is full."""
    bucket = QuotaBucket(POLICY, 0, 0.0)
    assert [0, 0, 1, 5, 60] == [bucket.spare(now, 0, 0) for now in (0, 1.9, 2, 10.5, 1000)]
    assert [2.0, 0.5, 0.0] == [bucket.closed_for(now, 0, 0) for now in (0.0, 1.5, 2.0)]
    assert bucket.full_in(20.0) == 100.0


def test_what_is_under_way_and_what_is_kept_is_not_spare() -> None:
    """It opens when there is more than both."""
    bucket = QuotaBucket(POLICY, 10, 0.0)
    assert [7, 0] == [bucket.spare(0.0, 3, 0), bucket.spare(0.0, 3, 8)]
    assert bucket.closed_for(0.0, 3, 8) == 4.0


def test_when_all_of_it_is_under_way_an_answer_comes_first() -> None:
    """A bucket that can never hold so much does not open by time alone."""
    bucket = QuotaBucket(POLICY, 0, 0.0)
    assert bucket.closed_for(0.0, 60, 0) == 0.0


def test_others_are_noticed_and_forgotten() -> None:
    """What is taken by others is kept back from then on, and less when they are gone."""
    bucket = QuotaBucket(POLICY, 50, 0.0)
    bucket.learn(told(40), 0.0, is_fresh=True)
    assert (bucket.reserve, bucket.level(0.0)) == (9, 40)
    for now in (20.0, 40.0, 60.0, 80.0):
        bucket.learn(told(int(bucket.level(now)) - 1), now, is_fresh=False)
    assert bucket.reserve == 0


def test_what_others_used_in_a_long_wait_is_not_what_they_use_at_once() -> None:
    """Of forty requests in forty seconds, one is kept back; of forty at once, half the bucket."""
    waited, at_once = QuotaBucket(POLICY, 40, 0.0), QuotaBucket(POLICY, 60, 0.0)
    waited.learn(told(19), 40.0, is_fresh=True)
    at_once.learn(told(19), 0.0, is_fresh=True)
    assert (1, 30) == (waited.reserve, at_once.reserve)


@pytest.mark.parametrize(("is_fresh", "level"), [(True, 30.0), (False, 19.0)])
def test_more_than_we_thought_is_believed_when_nothing_overtook_it(
    level: float, *, is_fresh: bool
) -> None:
    """An answer that was overtaken tells of a moment that is past."""
    bucket = QuotaBucket(POLICY, 20, 0.0)
    bucket.learn(told(30), 0.0, is_fresh=is_fresh)
    assert level == bucket.level(0.0)


def test_a_refusal_empties_it() -> None:
    """Nothing is left then, and what was in flight is kept back, half of it at most."""
    bucket = QuotaBucket(POLICY, 20, 0.0)
    bucket.refused(4, 0.0)
    assert (0.0, 5) == (bucket.level(0.0), bucket.reserve)
    bucket.refused(400, 0.0)
    assert bucket.reserve == 30


@given(
    quota=st.integers(1, 50),
    seconds=st.floats(0.5, 5000),
    kept=st.integers(0, 49),
    level=st.integers(0, 60),
    now=st.floats(0, 60),
    unanswered=st.integers(0, 80),
)
def test_it_opens_when_it_says(
    *, quota: int, seconds: float, kept: int, level: int, now: float, unanswered: int
) -> None:
    """Closed for no time means open, or that an answer decides; after its time it is open."""
    bucket = QuotaBucket(QuotaPolicy(quota, seconds), min(level, quota), now)
    closed = bucket.closed_for(now, unanswered, kept)
    assert 0 <= closed <= 3600 * 1.001
    if closed:
        assert bucket.spare(now, unanswered, kept) == 0
        assert bucket.spare(now + closed, unanswered, kept) > 0
    else:
        assert unanswered or bucket.spare(now, unanswered, kept)
