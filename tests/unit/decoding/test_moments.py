from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.decoding.moments import Moments, moment
from cfbilling.records import UsageRecord
from tests.unit.strategies import USAGE, array_text, row_of

MANY = 2500
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def test_more_times_than_are_remembered_are_read_all_the_same() -> None:
    """A body in which every record has a time of its own is read exactly."""
    moments = [BEGIN + timedelta(seconds=number) for number in range(MANY)]
    texts = [f'"{moment.isoformat()}"' for moment in moments]
    rows = array_text(*(row_of(USAGE) | {"ChargePeriodStart": text} for text in texts))
    records = RecordDecoder(UsageRecord).decode(rows).records
    assert [record.charge_period_start for record in records] == moments


def test_what_is_remembered_is_bounded() -> None:
    """However many texts come, a thousand or so are held, and none stays no moment."""
    moments = Moments()
    for number in range(MANY):
        text = (BEGIN + timedelta(seconds=number)).isoformat()
        assert moments.read(text) == moments.known[text] == moment(text)
        assert len(moments.known) <= 1001
        assert moments.known[None] is None


def test_what_is_no_time_is_not_remembered() -> None:
    """A text that is none is refused each time, and holds no room."""
    moments = Moments()
    for _ in range(2):
        with pytest.raises(msgspec.ValidationError):
            moments.read("2025-01-01T00:00:00")
    assert moments.known == {None: None}


def test_a_text_of_any_length_is_read_and_none_that_is_long_is_held() -> None:
    """A fraction of a million digits is a time, and takes no memory afterwards."""
    moments = Moments()
    assert BEGIN == moments.read(f"2025-01-01T00:00:00.{'0' * 10**6}Z")
    assert moments.known == {None: None}
