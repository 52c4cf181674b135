from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.chunk import DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.endpoints import ENDPOINTS
from cfbilling.protocol.plan import Widths, meant_range
from cfbilling.protocol.splitter import Moment

NOW = datetime(2025, 6, 15, 13, 30, tzinfo=UTC)
USAGE, ORGANIZATION = ENDPOINTS["usage"], ENDPOINTS["organization_usage"]
PAYGO = ENDPOINTS["paygo_usage"]


def test_no_range_is_left_to_the_service() -> None:
    """Without start and end, the service decides."""
    assert meant_range(None, None, NOW) is None


def test_an_end_alone_is_refused() -> None:
    """An end without a start is a configuration error."""
    with pytest.raises(ConfigurationError, match="start"):
        meant_range(None, date(2025, 1, 1), NOW)


def test_a_whole_range_is_meant_as_given() -> None:
    """A start and an end mean exactly the range between them."""
    expected = DateChunk(date(2025, 1, 1), date(2027, 1, 1))
    assert expected == meant_range("2025-01-01", date(2027, 1, 1), NOW)


@pytest.mark.parametrize(
    "now",
    [
        NOW,
        datetime(2025, 6, 15, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2025, 6, 16, 3, 0, tzinfo=timezone(timedelta(hours=5))),
        datetime(2025, 6, 14, 22, 0, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
@pytest.mark.parametrize("start", [date(2025, 6, 1), "2025-06-01", " 20250601 "])
def test_a_start_alone_means_through_today(start: Moment, now: datetime) -> None:
    """A date alone means up to the end of today, where today is UTC's."""
    assert DateChunk(date(2025, 6, 1), date(2025, 6, 16)) == meant_range(start, None, now)


@pytest.mark.parametrize(
    "start",
    [
        datetime(2025, 6, 1, 12, tzinfo=UTC),
        "2025-06-01T12:00:00Z",
        "2025-06-01t12:00:00+00:00",
        "2025-06-01 12:00:00+00:00",
        "20250601T120000Z",
    ],
)
def test_a_moment_alone_means_through_today(start: Moment) -> None:
    """A moment alone, however it is written, means up to midnight UTC after now."""
    expected = DateChunk(datetime(2025, 6, 1, 12, tzinfo=UTC), datetime(2025, 6, 16, tzinfo=UTC))
    assert expected == meant_range(start, None, NOW)


@pytest.mark.parametrize("start", [date(2025, 6, 16), NOW + timedelta(days=1), "nonsense"])
def test_a_start_in_the_future_is_refused(start: Moment) -> None:
    """A start after today, or one that is none, is a configuration error that names it."""
    with pytest.raises(ConfigurationError, match="start"):
        meant_range(start, None, NOW)


@pytest.mark.parametrize(
    ("chunk_days", "expected"), [(31, 31), (30, 30), (7, 7), (1, 1), (1000, 31)]
)
def test_the_width_is_the_smaller_of_ours_and_theirs(chunk_days: int, expected: int) -> None:
    """A chunk is as long as asked for, but no longer than the endpoint accepts."""
    assert expected == Widths(chunk_days).width(USAGE)


def test_an_endpoint_without_a_limit_is_not_split() -> None:
    """Where no longest range is documented, any range goes out in one request."""
    widths = Widths(1)
    whole = DateChunk(date.min, date.max)
    assert [whole] == list(widths.chunks(PAYGO, whole))
    assert widths.count(PAYGO, whole) == 1


def test_a_refused_width_is_remembered_per_endpoint() -> None:
    """After a refusal an endpoint's chunks are one day shorter, and only that endpoint's."""
    widths = Widths(31)
    assert [True, False] == [widths.remember(USAGE), widths.remember(USAGE)]
    assert [30, 31] == [widths.width(USAGE), widths.width(ORGANIZATION)]


def test_a_refusal_never_widens() -> None:
    """A width below the refused one stays what it is."""
    widths = Widths(7)
    widths.remember(USAGE)
    assert widths.width(USAGE) == 7


def test_only_a_full_width_chunk_is_split_once_more() -> None:
    """What was refused at full width is asked for in two parts; all else is not."""
    widths = Widths(31)
    start = date(2025, 1, 1)
    full = DateChunk(start, start + timedelta(days=31))
    seam = start + timedelta(days=30)
    assert [DateChunk(start, seam), DateChunk(seam, full.end)] == widths.narrower(USAGE, full)
    assert [] == widths.narrower(USAGE, DateChunk(start, seam))
    assert [] == widths.narrower(USAGE, None)
    assert [] == widths.narrower(PAYGO, full)


def test_no_range_is_one_request_without_a_chunk() -> None:
    """What is left to the service is one request."""
    widths = Widths(31)
    assert [None] == list(widths.chunks(USAGE, None))
    assert widths.count(USAGE, None) == 1


def test_a_width_learnt_on_the_way_counts_for_the_rest() -> None:
    """Chunks that are cut after a refusal have the narrower width, and none is lost."""
    widths = Widths(31)
    start = date(2025, 1, 1)
    chunks = widths.chunks(USAGE, DateChunk(start, start + timedelta(days=92)))
    found = [next(chunks)]
    widths.remember(USAGE)
    found += list(chunks)
    assert [31, 30, 30, 1] == [chunk.days for chunk in found if chunk]
    ends = [chunk.end for chunk in found if chunk]
    assert [start, *ends[:-1]] == [chunk.start for chunk in found if chunk]


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(1, 800), st.integers(1, 31))
def test_the_count_is_how_many_chunks_come(start: date, days: int, width: int) -> None:
    """The announced number of chunks is the number that is cut."""
    whole = DateChunk(start, start + timedelta(days=days))
    widths = Widths(width)
    assert widths.count(USAGE, whole) == len(list(widths.chunks(USAGE, whole)))
