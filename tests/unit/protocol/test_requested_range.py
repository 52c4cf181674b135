"""Which range a call means."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cfbilling.chunk import DateChunk
from cfbilling.errors import ConfigurationError
from cfbilling.protocol.splitter import Moment, requested_range

NOW = datetime(2025, 6, 15, 13, 30, tzinfo=UTC)


def test_no_range_is_left_to_the_service() -> None:
    """Without start and end, the service decides."""
    assert requested_range(None, None, NOW) is None


def test_an_end_alone_is_refused() -> None:
    """An end without a start is a configuration error."""
    with pytest.raises(ConfigurationError, match="start"):
        requested_range(None, date(2025, 1, 1), NOW)


def test_a_whole_range_is_meant_as_given() -> None:
    """A start and an end mean exactly the range between them."""
    expected = DateChunk(date(2025, 1, 1), date(2027, 1, 1))
    assert expected == requested_range("2025-01-01", date(2027, 1, 1), NOW)


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
    assert DateChunk(date(2025, 6, 1), date(2025, 6, 16)) == requested_range(start, None, now)


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
    assert expected == requested_range(start, None, NOW)


@pytest.mark.parametrize("start", [date(2025, 6, 16), NOW + timedelta(days=1), "nonsense"])
def test_a_start_in_the_future_is_refused(start: Moment) -> None:
    """A start after today, or one that is none, is a configuration error that names it."""
    with pytest.raises(ConfigurationError, match="start"):
        requested_range(start, None, NOW)
