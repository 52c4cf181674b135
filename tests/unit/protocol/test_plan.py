"""What is asked, and what is asked instead of what was refused."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.chunk import DateChunk
from cfbilling.errors import ApiError, BillingError, InvalidRequest, NotFound, TransportError
from cfbilling.protocol.endpoints import ORGANIZATION_USAGE, PAYGO_USAGE, USAGE, Endpoint
from cfbilling.protocol.plan import Alternative, Planner
from cfbilling.protocol.requests import Query, Request

ID = "a" * 32
START = date(2025, 1, 1)
REFUSAL = InvalidRequest("too long", status=400)


def _request(endpoint: Endpoint[Any], days: int | None, start: date = START) -> Request[Any]:
    chunk = None if days is None else DateChunk(start, start + timedelta(days=days))
    return Query(endpoint, chunk).about(ID)


def _alternative(
    planner: Planner, endpoint: Endpoint[Any], days: int | None, refusal: BillingError = REFUSAL
) -> Alternative[Any] | None:
    return planner.instead(_request(endpoint, days), refusal)


def _refused(planner: Planner, endpoint: Endpoint[Any]) -> bool:
    alternative = _alternative(planner, endpoint, 31)
    assert alternative is not None
    return planner.learn(alternative)


def _days(planner: Planner, endpoint: Endpoint[Any], days: int) -> list[int | None]:
    requests = planner.requests(_request(endpoint, days))
    return [request.chunk.days if request.chunk else None for request in requests]


@pytest.mark.parametrize(
    ("chunk_days", "expected"), [(31, 31), (30, 30), (7, 7), (1, 1), (1000, 31)]
)
def test_the_width_is_the_smaller_of_ours_and_theirs(chunk_days: int, expected: int) -> None:
    """A chunk is as long as asked for, but no longer than the endpoint accepts."""
    assert expected == _days(Planner(chunk_days), USAGE, 31)[0]


def test_an_endpoint_without_a_limit_is_not_split() -> None:
    """Where no longest range is documented, any range goes out in one request."""
    planner = Planner(1)
    whole = Query(PAYGO_USAGE, DateChunk(date.min, date.max)).about(ID)
    assert [whole] == list(planner.requests(whole))
    assert planner.count(whole) == 1


def test_a_refused_width_is_remembered_per_endpoint() -> None:
    """After a refusal an endpoint's chunks are one day shorter, and only that endpoint's."""
    planner = Planner(31)
    assert [True, False] == [_refused(planner, USAGE), _refused(planner, USAGE)]
    assert [30, 1] == _days(planner, USAGE, 31)
    assert [31] == _days(planner, ORGANIZATION_USAGE, 31)


def test_a_refusal_never_widens() -> None:
    """A width below the refused one stays what it is."""
    planner = Planner(7)
    _refused(planner, USAGE)
    assert [7, 7] == _days(planner, USAGE, 14)


def test_a_refused_chunk_of_full_width_is_asked_for_in_two_parts() -> None:
    """What was refused at full width is asked for once more, in parts that cover it."""
    alternative = _alternative(Planner(31), USAGE, 31)
    assert alternative is not None
    seam, end = START + timedelta(days=30), START + timedelta(days=31)
    assert [DateChunk(START, seam), DateChunk(seam, end)] == [
        request.chunk for request in alternative.requests
    ]
    assert alternative.max_days == 30


@pytest.mark.parametrize(
    ("endpoint", "days", "refusal"),
    [
        (USAGE, 30, REFUSAL),
        (USAGE, None, REFUSAL),
        (PAYGO_USAGE, 31, REFUSAL),
        (USAGE, 31, InvalidRequest("no", status=422)),
        (USAGE, 31, NotFound("no", status=404)),
        (USAGE, 31, ApiError("no", status=400)),
        (USAGE, 31, TransportError("no")),
    ],
)
def test_all_else_has_no_alternative(
    endpoint: Endpoint[Any], days: int | None, refusal: BillingError
) -> None:
    """A narrower chunk, another refusal or an endpoint without a limit leaves nothing to ask."""
    assert _alternative(Planner(31), endpoint, days, refusal) is None


def test_no_range_is_one_request_without_a_chunk() -> None:
    """What is left to the service is one request."""
    planner, request = Planner(31), _request(USAGE, None)
    assert [request] == list(planner.requests(request))
    assert planner.count(request) == 1


def test_a_width_learnt_on_the_way_counts_for_the_rest() -> None:
    """Chunks that are cut after a refusal have the narrower width, and none is lost."""
    planner = Planner(31)
    requests = planner.requests(_request(USAGE, 92))
    found = [next(requests)]
    _refused(planner, USAGE)
    chunks = [request.chunk for request in [*found, *requests] if request.chunk]
    assert [31, 30, 30, 1] == [chunk.days for chunk in chunks]
    assert [START, *(chunk.end for chunk in chunks[:-1])] == [chunk.start for chunk in chunks]


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(1, 800), st.integers(1, 31))
def test_the_count_is_how_many_requests_come(start: date, days: int, width: int) -> None:
    """The announced number of requests is the number that is made."""
    planner, whole = Planner(width), _request(USAGE, days, start)
    assert planner.count(whole) == len(list(planner.requests(whole)))
