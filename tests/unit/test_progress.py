"""A bar drawn from the events tells the truth about what is done and what is left."""

from datetime import date

import pytest

from cfbilling.chunk import DateChunk
from cfbilling.errors import NotFound
from cfbilling.events import (
    AccountDone,
    AccountFailed,
    ChunkDone,
    Event,
    QuotaPaused,
    RequestSent,
    RetryScheduled,
    StreamStarted,
)
from cfbilling.progress import Progress
from tests.conftest import Waits

CHUNK = DateChunk(date(2025, 1, 1), date(2025, 2, 1))
ID = "0" * 32


def _started(chunks: int) -> Event:
    return StreamStarted(endpoint="usage", scope_id=ID, chunk=CHUNK, chunks=chunks)


def _done(records: int = 10) -> Event:
    return ChunkDone(
        endpoint="usage", scope_id=ID, chunk=CHUNK, records=records, outside=0, longest_slice=0.0
    )


def test_nothing_is_known_before_anything_happened(waits: Waits) -> None:
    """Without a stream there is no total, no fraction and no time left."""
    progress = Progress(accounts=5, clock=waits.clock)
    assert [None] * 3 == [progress.total_chunks, progress.fraction, progress.remaining]
    assert progress.rate == 0


def test_a_stream_tells_its_total(waits: Waits) -> None:
    """The chunks of the streams that began are the total, and the steady pace tells the rest."""
    progress = Progress(clock=waits.clock)
    progress(_started(12))
    for _ in range(3):
        waits.now += 2
        progress(_done())
    assert (12, 0.25) == (progress.total_chunks, progress.fraction)
    assert progress.rate == pytest.approx(5)
    assert progress.remaining == pytest.approx(9 * 2)


def test_the_number_of_accounts_tells_the_total(waits: Waits) -> None:
    """Where the number of accounts is known, the total is known from the first on."""
    progress = Progress(accounts=100, clock=waits.clock)
    progress(_started(12))
    assert progress.total_chunks == 1200


def test_a_pause_is_counted_in_the_time_left_but_not_in_the_pace(waits: Waits) -> None:
    """While everything waits for the quota, the time left includes that wait, and goes down."""
    progress = Progress(clock=waits.clock)
    progress(_started(10))
    for _ in range(5):
        waits.now += 1
        progress(_done())
    progress(QuotaPaused(seconds=60))
    assert progress.pause_left == 60
    assert progress.remaining == pytest.approx(65)
    waits.now += 60
    assert progress.pause_left == 0
    progress(_done())
    waits.now += 1
    progress(_done())
    assert progress.rate == pytest.approx(70 / 6)
    assert progress.remaining == pytest.approx(3, rel=0.3)


def test_pauses_of_two_credentials_overlap(waits: Waits) -> None:
    """Pauses at the same time are not added up."""
    progress = Progress(clock=waits.clock)
    progress(QuotaPaused(seconds=60))
    progress(QuotaPaused(seconds=40))
    assert progress.pause_left == 60


def test_what_happens_is_counted(waits: Waits) -> None:
    """Requests, retries and accounts are counted as they are told."""
    progress = Progress(clock=waits.clock)
    error = NotFound("no")
    for event in (
        RequestSent(endpoint="usage", scope_id=ID, chunk=CHUNK, attempt=1),
        RetryScheduled(
            endpoint="usage",
            scope_id=ID,
            chunk=CHUNK,
            attempt=1,
            wait=1.0,
            asked=False,
            error=error,
        ),
        AccountDone(account_id=ID),
        AccountFailed(account_id=ID, error=error),
    ):
        progress(event)
    counts = progress.requests, progress.retries, progress.accounts_done, progress.accounts_failed
    assert (1, 1, 1, 1) == counts


def test_more_than_planned_is_no_more_than_all(waits: Waits) -> None:
    """A chunk that came as two does not make more than the whole."""
    progress = Progress(clock=waits.clock)
    progress(_started(1))
    progress(_done())
    progress(_done())
    assert progress.fraction == 1
