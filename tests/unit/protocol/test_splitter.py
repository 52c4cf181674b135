from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.chunk import MAX_DAYS, DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.splitter import Moment, next_chunk, split_range, whole_range
from tests.unit.strategies import outcome_of


def test_the_longest_range_is_the_documented_one() -> None:
    """Without a width, a chunk is at most 31 days."""
    chunks = split_range(date(2025, 1, 1), date(2026, 1, 1))
    assert [31] * 11 + [24] == [chunk.days for chunk in chunks]
    assert MAX_DAYS == 31


def test_a_short_range_is_one_chunk() -> None:
    """A range of exactly the width stays in one piece, and one day more makes two."""
    start = date(2025, 1, 1)
    assert [DateChunk(start, date(2025, 2, 1))] == split_range(start, date(2025, 2, 1))
    assert [
        DateChunk(start, date(2025, 2, 1)),
        DateChunk(date(2025, 2, 1), date(2025, 2, 2)),
    ] == split_range(start, date(2025, 2, 2))


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(1, 900), st.integers(1, 400))
def test_chunks_of_dates_tile_the_range(start: date, length: int, width: int) -> None:
    """Chunks begin and end with the range, touch, and only the last is shorter than the width."""
    end = start + timedelta(days=length)
    chunks = split_range(start, end, width)
    assert [start, *(chunk.end for chunk in chunks[:-1])] == [chunk.start for chunk in chunks]
    assert end == chunks[-1].end
    assert [width] * (len(chunks) - 1) == [chunk.days for chunk in chunks[:-1]]
    assert 1 <= chunks[-1].days <= width


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - made aware below
    st.timedeltas(timedelta(microseconds=1), timedelta(days=300)),
    st.integers(-12 * 60, 14 * 60),
    st.integers(1, 40),
)
def test_chunks_of_datetimes_tile_the_range(
    naive: datetime, length: timedelta, offset: int, width: int
) -> None:
    """Seams are at midnight UTC, nothing is lost, and no chunk touches more days than the width."""
    start = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    chunks = split_range(start, start + length, width)
    assert start == chunks[0].start
    assert start + length == chunks[-1].end
    seams = [chunk.upper for chunk in chunks[:-1]]
    assert seams == [chunk.lower for chunk in chunks[1:]]
    assert [datetime.min.time()] * len(seams) == [seam.time() for seam in seams]
    assert [width] * len(seams) == [chunk.days for chunk in chunks[:-1]]
    assert 1 <= chunks[-1].days <= width


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-01-01", "2025-01-03"),
        (" 2025-01-01\n", "20250103"),
        (date(2025, 1, 1), "2025-01-03"),
    ],
)
def test_text_means_the_date_it_shows(start: Moment, end: Moment) -> None:
    """A date may be given as ISO 8601 text."""
    assert [DateChunk(date(2025, 1, 1), date(2025, 1, 3))] == split_range(start, end)


def test_text_with_a_time_means_that_moment() -> None:
    """A date-time with an offset may be given as ISO 8601 text."""
    expected = [
        DateChunk(datetime(2025, 1, 1, 12, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)),
    ]
    assert expected == split_range("2025-01-01T12:00:00Z", "2025-01-02T02:00:00+02:00")


NAIVE = datetime(2025, 1, 1)  # noqa: DTZ001 - the point of it
AWARE = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        (date(2025, 1, 1), date(2025, 1, 1), "start"),
        (date(2025, 1, 2), date(2025, 1, 1), "start"),
        (AWARE, AWARE, "start"),
        (NAIVE, AWARE, "start is a naive"),
        (AWARE, NAIVE + timedelta(days=1), "end is a naive"),
        ("2025-01-01T00:00:00", "2025-01-02T00:00:00Z", "start is a naive"),
        (AWARE, date(2025, 1, 2), "both"),
        (date(2025, 1, 1), AWARE + timedelta(days=1), "both"),
        ("2025-01-01", "2025-01-02T00:00:00Z", "both"),
        ("2025-13-01", date(2025, 1, 2), "start"),
        (date(2025, 1, 1), "tomorrow", "end"),
        ("", date(2025, 1, 2), "start"),
        (20250101, date(2025, 1, 2), "int"),
        (date(2025, 1, 1), None, "NoneType"),
        (
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            AWARE,
            "years 1 to 9999",
        ),
        (AWARE, datetime(9999, 12, 31, 12, tzinfo=UTC), "years 1 to 9999"),
    ],
)
def test_what_is_no_range_is_refused(start: Moment, end: Moment, named: str) -> None:
    """A range that cannot be meant is a configuration error that says what is wrong."""
    with pytest.raises(ConfigurationError, match=named):
        split_range(start, end)


@pytest.mark.parametrize("width", [0, -1, True, 1.5, "31", None])
def test_a_width_below_one_day_is_refused(width: int) -> None:
    """The width must be a whole number of at least one day."""
    with pytest.raises(ConfigurationError, match="max_days"):
        split_range(date(2025, 1, 1), date(2025, 1, 2), width)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_range_or_a_configuration_error(start: str, end: str) -> None:
    """Text that is no range raises nothing but a configuration error."""
    chunks = outcome_of(lambda: split_range(start, end), ConfigurationError)
    assert chunks is None or chunks[0].lower < chunks[-1].upper


@given(st.from_regex(r"[0-9]{4}-[0-9W]{2,3}-?[0-9]{0,2}[T ]?[0-9:.]{0,12}(Z|[+-][0-9:]{2,8})?"))
def test_text_like_a_date_is_a_range_or_a_configuration_error(start: str) -> None:
    """Text that is nearly a date-time raises nothing but a configuration error."""
    chunk = outcome_of(lambda: whole_range(start, "9999-12-30T00:00:00Z"), ConfigurationError)
    assert chunk is None or chunk.days >= 1


def test_the_first_chunk_is_cut_off() -> None:
    """Cutting gives the first chunk and the rest, or the whole and nothing."""
    whole = whole_range("2025-01-01", "2025-01-11")
    first, rest = next_chunk(whole, 7)
    assert DateChunk(date(2025, 1, 1), date(2025, 1, 8)) == first
    assert DateChunk(date(2025, 1, 8), date(2025, 1, 11)) == rest
    assert (whole, None) == next_chunk(whole, 10)
