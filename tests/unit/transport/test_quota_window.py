import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.transport.quota_window import QuotaWindow, longest_pause

POLICY = QuotaPolicy(10, 60.0)


def told(remaining: int, reset: float, policy: QuotaPolicy | None = POLICY) -> Quota:
    """Return what an answer tells of the limit."""
    return Quota("default", remaining, reset, policy)


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, 60.0), (3600.0, 3600.0), (1e9, 3600.0)])
def test_no_pause_is_longer_than_an_hour(seconds: float, expected: float) -> None:
    """A limit closes for its window at most, and never for more than an hour."""
    assert expected == longest_pause(QuotaPolicy(10, seconds))


def test_a_window_begins_with_its_first_request() -> None:
    """As long as nothing is sent, no window runs; then it ends after its length."""
    window = QuotaWindow(POLICY, 0.0)
    assert window.ends is None
    window.sent(5.0)
    window.sent(20.0)
    assert window.ends == 65.0


def test_what_is_not_answered_is_not_spare() -> None:
    """Requests under way count as spent."""
    window = QuotaWindow(POLICY, 0.0)
    assert [10, 3, 0, 0] == [window.spare(unanswered) for unanswered in (0, 7, 10, 11)]


def test_the_reserve_goes_one_at_a_time() -> None:
    """Of what is kept back for others, one request may be sent while none is under way."""
    window = QuotaWindow(POLICY, 0.0)
    window.reserve = 4
    window.left = 4
    assert [1, 0] == [window.spare(0), window.spare(1)]
    window.left = 6
    assert [2, 1, 0] == [window.spare(0), window.spare(1), window.spare(2)]


def test_a_used_up_window_is_closed_until_it_ends() -> None:
    """Nothing left means to wait for the window's end; something left means not to."""
    window = QuotaWindow(POLICY, 0.0)
    window.learn(told(0, 42), 100.0, 0)
    assert [42.0, 0.0] == [window.closed_for(100.0), window.closed_for(142.0)]
    window.learn(told(1, 90), 100.0, 0)
    assert window.closed_for(100.0) == 0


def test_nothing_is_left_not_for_ever() -> None:
    """A window that is used up and was never begun ends after its length all the same."""
    window = QuotaWindow(POLICY, 0.0)
    window.left = 0
    assert window.closed_for(7.0) == 60
    assert window.pass_time(67.0) is False
    assert (10, None) == (window.left, window.ends)


def test_an_end_that_was_told_replaces_one_that_was_assumed() -> None:
    """The service knows when its window ends, even if that is earlier than we assumed."""
    window = QuotaWindow(POLICY, 0.0)
    window.sent(0.0)
    window.learn(told(8, 20), 1.0, 0)
    assert (8, 21.0) == (window.left, window.ends)


def test_the_lowest_count_of_a_window_holds() -> None:
    """Answers of one window overtake each other; its end may differ by the rounding."""
    window = QuotaWindow(POLICY, 0.0)
    window.learn(told(5, 30), 0.0, 0)
    window.learn(told(7, 30), 1.0, 0)
    assert (5, 30.0) == (window.left, window.ends)
    window.learn(told(4, 28), 1.0, 0)
    assert (4, 29.0) == (window.left, window.ends)


def test_an_earlier_window_teaches_nothing() -> None:
    """An answer of a window that ends well before ours is a late one."""
    window = QuotaWindow(POLICY, 0.0)
    window.learn(told(9, 60), 0.0, 0)
    window.learn(told(0, 5), 0.0, 0)
    assert (9, 60.0) == (window.left, window.ends)


def test_a_later_window_counts_anew() -> None:
    """An answer of a window that ends well after ours begins that one."""
    window = QuotaWindow(POLICY, 0.0)
    window.learn(told(0, 5), 0.0, 0)
    window.learn(told(9, 60), 4.0, 0)
    assert (9, 64.0) == (window.left, window.ends)


def test_requests_of_others_are_kept_back() -> None:
    """A count that falls by more than we sent grows the reserve, but for what is under way."""
    window = QuotaWindow(QuotaPolicy(100, 60.0), 0.0)
    window.learn(told(90, 60, None), 0.0, 0)
    window.learn(told(80, 60, None), 0.0, 2)
    assert window.reserve == 10 - 1 - 2


def test_the_reserve_shrinks_when_nobody_uses_it() -> None:
    """After a window in which others used less, half of the reserve is left."""
    window = QuotaWindow(POLICY, 0.0)
    window.reserve = 4
    window.sent(0.0)
    window.pass_time(60.0)
    assert window.reserve == 2


def test_a_refusal_keeps_back_what_was_in_flight() -> None:
    """So much was too much: but at least one, and at most a whole quota, is kept back."""
    window = QuotaWindow(POLICY, 0.0)
    window.refused(0)
    assert window.reserve == 1
    window.refused(5)
    assert window.reserve == 6
    window.refused(50)
    assert window.reserve == 10


def test_a_request_without_an_answer_is_counted() -> None:
    """The service may have counted it, so it is spent; one of an earlier window is not ours."""
    window = QuotaWindow(POLICY, 10.0)
    window.uncounted(sent=12.0)
    window.uncounted(sent=9.0)
    assert window.left == 9


def test_a_window_longer_than_it_can_be_is_doubtful_once() -> None:
    """What is said to last too long ends after its length, and its end says so."""
    window = QuotaWindow(POLICY, 0.0)
    window.learn(told(0, 1e6), 0.0, 0)
    assert (60.0, True) == (window.closed_for(0.0), window.is_doubtful)
    assert [True, False] == [window.pass_time(60.0), window.pass_time(61.0)]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("learn"), st.integers(0, 20), st.integers(0, 10**9)),
            st.tuples(st.just("sent"), st.just(0), st.just(0)),
            st.tuples(st.just("uncounted"), st.just(0), st.just(0)),
            st.tuples(st.just("refused"), st.integers(0, 20), st.just(0)),
            st.tuples(st.just("wait"), st.just(0), st.integers(0, 100)),
        ),
        max_size=40,
    )
)
def test_no_window_closes_for_longer_than_it_is(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is told in whatever order, a window closes for its length at most, then opens."""
    window, now = QuotaWindow(POLICY, 0.0), 0.0
    for step, count, seconds in steps:
        if step == "learn":
            window.learn(told(count, seconds), now, 0)
        elif step == "sent":
            window.sent(now)
        elif step == "uncounted":
            window.uncounted(now)
        elif step == "refused":
            window.refused(count)
        else:
            now += seconds
        window.pass_time(now)
        closed = window.closed_for(now)
        assert 0 <= closed <= 60
        assert closed > 0 or window.spare(0) > 0
    now += window.closed_for(now)
    window.pass_time(now)
    assert window.spare(0) > 0
