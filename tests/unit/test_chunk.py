from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.chunk import DateChunk

INDIA = timezone(timedelta(hours=5, minutes=30))


def test_dates_mean_midnight_utc() -> None:
    """A chunk of dates begins and ends at midnight UTC."""
    chunk = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
    assert datetime(2025, 1, 1, tzinfo=UTC) == chunk.lower
    assert datetime(2025, 2, 1, tzinfo=UTC) == chunk.upper


def test_dates_go_on_the_wire_as_they_are() -> None:
    """A chunk of dates is asked for with exactly these dates and counts the days between them."""
    chunk = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
    expected = (date(2025, 1, 1), date(2025, 2, 1), 31)
    assert expected == (chunk.first_day, chunk.day_after, chunk.days)


@pytest.mark.parametrize(
    ("start", "end", "first_day", "day_after", "days"),
    [
        (
            datetime(2025, 1, 1, tzinfo=UTC),
            datetime(2025, 1, 2, tzinfo=UTC),
            date(2025, 1, 1),
            date(2025, 1, 2),
            1,
        ),
        (
            datetime(2025, 1, 1, 23, 59, tzinfo=UTC),
            datetime(2025, 1, 2, 0, 0, 0, 1, tzinfo=UTC),
            date(2025, 1, 1),
            date(2025, 1, 3),
            2,
        ),
        (
            datetime(2025, 1, 1, tzinfo=INDIA),
            datetime(2025, 1, 2, tzinfo=INDIA),
            date(2024, 12, 31),
            date(2025, 1, 2),
            2,
        ),
        (
            datetime(2025, 1, 1, 5, 30, tzinfo=INDIA),
            datetime(2025, 1, 2, 5, 30, tzinfo=INDIA),
            date(2025, 1, 1),
            date(2025, 1, 2),
            1,
        ),
    ],
)
def test_datetimes_ask_for_every_utc_day_they_touch(
    start: datetime, end: datetime, first_day: date, day_after: date, days: int
) -> None:
    """A chunk of datetimes asks for all UTC days that it touches, and for no other."""
    chunk = DateChunk(start, end)
    assert (first_day, day_after, days) == (chunk.first_day, chunk.day_after, chunk.days)


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - hypothesis adds it
    st.timedeltas(timedelta(microseconds=1), timedelta(days=100)),
    st.integers(-12 * 60, 14 * 60),
)
def test_the_days_cover_the_instants_tightly(
    start: datetime, length: timedelta, offset: int
) -> None:
    """The asked days hold the whole chunk, and one day less at either end would not."""
    aware = start.replace(tzinfo=timezone(timedelta(minutes=offset)))
    chunk = DateChunk(aware, aware + length)
    midnight = datetime.min.time()
    first = datetime.combine(chunk.first_day, midnight, UTC)
    after = datetime.combine(chunk.day_after, midnight, UTC)
    day = timedelta(days=1)
    assert first <= chunk.lower < first + day
    assert after - day < chunk.upper <= after
    assert (after - first) // day == chunk.days


def test_it_is_a_value() -> None:
    """Equal ranges are equal, hash alike, sort by their start and print as half-open."""
    chunk = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
    later = DateChunk(date(2025, 2, 1), date(2025, 2, 2))
    assert {chunk} == {DateChunk(date(2025, 1, 1), date(2025, 2, 1))}
    assert [chunk, later] == sorted([later, chunk])
    assert str(chunk) == "[2025-01-01, 2025-02-01)"


def test_it_is_frozen() -> None:
    """A chunk's ends cannot be changed."""
    chunk = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
    with pytest.raises(AttributeError):
        chunk.start = date(2024, 1, 1)  # type: ignore[misc]
