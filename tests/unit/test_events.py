import logging
from datetime import date

import attrs
import pytest

from cfbilling import events
from cfbilling.chunk import DateChunk
from cfbilling.errors import RateLimited
from cfbilling.events import (
    AccountDone,
    AccountFailed,
    ChargesAmbiguous,
    ChunkDone,
    ChunkNarrowed,
    ChunkReceived,
    EndDateLearned,
    Event,
    FieldMissing,
    LoggingObserver,
    Observers,
    QuotaPaused,
    RequestEvent,
    RequestSent,
    RetryScheduled,
    SourceChanged,
    StreamStarted,
)

ID, CHUNK = "0" * 32, DateChunk(date(2025, 1, 1), date(2025, 2, 1))
ERROR = RateLimited("slow down", status=429, retry_after=7.0)
EVENTS: list[tuple[Event, int, str]] = [
    (
        StreamStarted(endpoint="usage", scope_id=ID, chunk=CHUNK, chunks=3),
        logging.DEBUG,
        "chunks=3",
    ),
    (
        RequestSent(endpoint="usage", scope_id=ID, chunk=CHUNK, attempt=1),
        logging.DEBUG,
        "attempt=1",
    ),
    (
        RetryScheduled(
            endpoint="usage",
            scope_id=ID,
            chunk=CHUNK,
            attempt=1,
            wait=7.0,
            asked=True,
            error=ERROR,
        ),
        logging.WARNING,
        "attempt=1 wait=7.0 asked=True error=slow down (status 429, retry after (s) 7.0)",
    ),
    (
        ChunkReceived(
            endpoint="usage", scope_id=ID, chunk=CHUNK, wire_bytes=1, body_bytes=2, seconds=0.5
        ),
        logging.DEBUG,
        "wire_bytes=1 body_bytes=2 seconds=0.5",
    ),
    (
        ChunkNarrowed(endpoint="usage", scope_id=ID, chunk=CHUNK, max_days=30),
        logging.INFO,
        "max_days=30",
    ),
    (
        ChunkDone(
            endpoint="usage",
            scope_id=ID,
            chunk=CHUNK,
            records=5,
            outside=1,
            longest_slice=0.25,
        ),
        logging.DEBUG,
        "records=5 outside=1 longest_slice=0.25",
    ),
    (
        FieldMissing(endpoint="usage", scope_id=ID, chunk=None, field="ConsumedUnit"),
        logging.INFO,
        "field=ConsumedUnit",
    ),
    (
        EndDateLearned(endpoint="billable_usage", scope_id=ID, chunk=None, is_inclusive=True),
        logging.INFO,
        "is_inclusive=True",
    ),
    (
        ChargesAmbiguous(endpoint="billable_usage", scope_id=ID, chunk=CHUNK, records=2),
        logging.WARNING,
        "records=2",
    ),
    (
        SourceChanged(
            endpoint="costs", scope_id=ID, chunk=CHUNK, source="billable_usage", error=ERROR
        ),
        logging.INFO,
        "source=billable_usage error=slow down (status 429, retry after (s) 7.0)",
    ),
    (QuotaPaused(seconds=7.5), logging.WARNING, "seconds=7.5"),
    (AccountDone(account_id=ID), logging.DEBUG, f"account_id={ID}"),
    (
        AccountFailed(account_id=ID, error=ERROR),
        logging.WARNING,
        f"account_id={ID} error=slow down (status 429, retry after (s) 7.0)",
    ),
]


def _kinds(event: type[Event]) -> set[type[Event]]:
    below = event.__subclasses__()
    return {kind for sub in below for kind in _kinds(sub)} if below else {event}


def test_every_event_is_listed_here() -> None:
    """No kind of event lacks an expectation."""
    assert {type(event) for event, _, _ in EVENTS} == _kinds(Event)
    public = {getattr(events, name) for name in events.__all__}
    assert _kinds(Event) <= public


@pytest.mark.parametrize(("event", "level", "told"), EVENTS)
def test_each_event_is_logged_at_its_level(
    event: Event, level: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An event becomes one line with its name and all facts, at the level of its weight."""
    caplog.set_level(logging.DEBUG, "cfbilling.events")
    LoggingObserver()(event)
    about = ""
    if isinstance(event, RequestEvent):
        about = f"endpoint={event.endpoint} scope_id={ID} chunk={event.chunk} "
    line = f"{type(event).__name__} {about}{told}"
    assert [("cfbilling.events", level, line)] == caplog.record_tuples


@pytest.mark.parametrize(("event", "level", "_"), EVENTS)
def test_a_level_that_is_off_is_silent(
    event: Event, level: int, _: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Above the level of an event, nothing is logged."""
    caplog.set_level(level + 1, "cfbilling.events")
    LoggingObserver()(event)
    assert caplog.records == []


@pytest.mark.parametrize(("event", "_level", "_told"), EVENTS)
def test_events_are_frozen(event: Event, _level: int, _told: str) -> None:
    """An observer cannot change an event."""
    for field in attrs.fields(type(event)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, field.name, None)


def test_an_observer_gets_the_event() -> None:
    """An observer is called with the event itself."""
    got: list[Event] = []
    Observers(got.append)(EVENTS[0][0])
    assert [EVENTS[0][0]] == got


def test_a_failing_observer_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    """An observer that raises disturbs nobody, and its failure is logged with its traceback."""
    failure = ZeroDivisionError("mine")

    def observer(_: Event) -> None:
        raise failure

    Observers(observer)(EVENTS[0][0])
    (record,) = caplog.records
    assert ("cfbilling", logging.ERROR) == (record.name, record.levelno)
    assert "StreamStarted" in record.getMessage()
    assert record.exc_info is not None
    assert failure is record.exc_info[1]


def test_an_observer_may_end_the_program() -> None:
    """What is no mere failure passes through an observer."""

    def observer(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observers(observer)(EVENTS[0][0])
