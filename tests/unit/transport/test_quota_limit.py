"""Who comes when only what is kept for others is left asks, of that, what the headers mean."""

import pytest

from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.transport.quota_limit import QuotaLimit
from cfbilling.transport.quota_reading import Answered

POLICY = QuotaPolicy(1200, 300.0)
KEPT = 12


def late(remaining: int) -> QuotaLimit:
    """Return the limit of a process whose first answer told of so little."""
    limit = QuotaLimit(POLICY, KEPT, 0.0)
    answer(limit, remaining, 298.0, 0.0, before=0)
    return limit


def answer(limit: QuotaLimit, remaining: int, reset: float, now: float, *, before: int) -> None:
    """Send a request, and tell what its answer told at once."""
    limit.sent(now)
    limit.counted(now)
    quota = Quota("default", remaining, reset, POLICY)
    limit.learn(quota, Answered(now, now, before, before + 1, 0), is_refusal=False)


def test_one_of_those_that_are_kept_asks_after_a_while() -> None:
    """Not at once, since two answers of one moment tell nothing; and one at a time."""
    limit = late(10)
    assert limit.reading is None
    assert [0, 0, 1] == [limit.spare(now, 0) for now in (0.0, 4.9, 5.0)]
    assert [5.0, 1.0] == [limit.closed_for(now, 0) for now in (0.0, 4.0)]
    assert (0, 5.0) == (limit.spare(5.0, 1), limit.closed_for(5.0, 1))


@pytest.mark.parametrize(("reset", "reading"), [(293.0, "window"), (298.0, "bucket")])
def test_the_answer_tells_the_readings_apart(reset: float, reading: str) -> None:
    """A window has come nearer to its end, a bucket has not; then what is kept is kept again."""
    limit = late(10)
    answer(limit, 9, reset, 5.0, before=1)
    assert reading == limit.reading
    assert 0 == limit.spare(5.0, 0)
    wait = 293.0 if reading == "window" else 1.0
    assert limit.closed_for(5.0, 0) == pytest.approx(wait)


def test_half_of_what_is_kept_is_not_touched() -> None:
    """What others may have under way stays theirs, however long the window is."""
    limit = late(6)
    assert 0 == limit.spare(200.0, 0)
    assert 298.0 == limit.closed_for(0.0, 0)
