"""Our own count is right for every way in which a service may count."""

from hypothesis import given
from hypothesis import strategies as st

from cfbilling.protocol.headers import QuotaPolicy
from cfbilling.transport.own_count import OwnCount

POLICY = QuotaPolicy(10, 60.0)


def test_a_request_gives_its_place_back_a_window_after_its_answer() -> None:
    """Until then it counts, wherever the service's window began."""
    own = OwnCount(POLICY)
    own.add(5.0)
    own.add(20.0)
    assert [2, 2, 1, 0] == [own.used(now) for now in (20.0, 64.9, 65.0, 80.0)]


def test_it_opens_when_the_first_place_is_given_back() -> None:
    """What closes it is time alone, and what is kept is never used."""
    own = OwnCount(POLICY)
    for moment in (0.0, *([30.0] * 9)):
        own.add(moment)
    assert (0, 25.0) == (own.spare(35.0, 0, 0), own.closed_for(35.0, 0))
    assert (1, 0.0) == (own.spare(60.0, 0, 0), own.closed_for(60.0, 0))
    assert (0, 30.0) == (own.spare(60.0, 0, 4), own.closed_for(60.0, 4))
    assert own.empty_in(60.0) == 30.0


def test_another_quota_holds_from_then_on() -> None:
    """Who learns the quota keeps to it, with what was sent before."""
    own = OwnCount(POLICY)
    for _ in range(5):
        own.add(0.0)
    own.keep_to(QuotaPolicy(6, 30.0))
    assert [1, 6] == [own.spare(now, 0, 0) for now in (29.0, 30.0)]


def test_after_a_refusal_what_was_not_used_goes_one_at_a_time() -> None:
    """So much was too much once; what passes all the same widens it, faster and faster."""
    own = OwnCount(QuotaPolicy(100, 60.0))
    for _ in range(40):
        own.add(0.0)
    own.refused(0.0)
    assert own.reserve == 60
    assert (1, 0) == (own.spare(0.0, 0, 0), own.spare(0.0, 1, 0))
    at_once: list[int] = []
    while own.reserve:
        at_once.append(own.spare(0.0, 0, 0))
        for _ in range(at_once[-1]):
            own.add(0.0)
    assert max(at_once[:5]) < max(at_once[5:]) < max(at_once[10:]) + 5
    assert len(at_once) <= 60 / 2


@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(0, 5)), max_size=60),
    st.integers(1, 12),
)
def test_no_window_anywhere_gets_more_than_the_quota(
    steps: list[tuple[float, int]], quota: int
) -> None:
    """However requests are spread, no 60 seconds have more than the quota of them."""
    own, now, sent = OwnCount(QuotaPolicy(quota, 60.0)), 0.0, list[float]()
    for wait, wanted in steps:
        now += wait
        for _ in range(min(wanted, own.spare(now, 0, 0))):
            sent.append(now)
            own.add(now)
        assert own.spare(now, 0, 0) or 0 < own.closed_for(now, 0) <= 60.001
    for first in sent:
        assert sum(first <= moment < first + 60 for moment in sent) <= quota
