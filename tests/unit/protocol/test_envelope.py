from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cfbilling.errors import (
    ApiError,
    AuthenticationError,
    ErrorDetail,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from cfbilling.protocol.endpoints import ENDPOINTS
from cfbilling.protocol.envelope import Envelope, error_for, refusal_details
from cfbilling.protocol.headers import parse_retry_after

NOW = datetime(2025, 1, 1, tzinfo=UTC)
USAGE, PROFILE = ENDPOINTS["usage"], ENDPOINTS["billing_profile"]
NO_HEADERS: CIMultiDict[str] = CIMultiDict()


def refusal(status: int, *codes: int | None) -> ApiError:
    """Return the error that a status with these codes means."""
    details = tuple(ErrorDetail("no", code) for code in codes)
    return error_for(status, NO_HEADERS, details, USAGE, NOW)


@pytest.mark.parametrize("status", range(400, 600))
def test_each_status_is_its_class(status: int) -> None:
    """Without a code that is known, the status alone decides."""
    special: dict[int, type[ApiError]] = {
        401: AuthenticationError,
        403: PermissionDenied,
        404: NotFound,
        408: ServerError,
        425: ServerError,
        429: RateLimited,
    }
    expected = special.get(status, InvalidRequest if status < 500 else ServerError)
    assert [expected] * 2 == [type(refusal(status)), type(refusal(status, 424242, None))]


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((10000,), AuthenticationError),
        ((9109,), AuthenticationError),
        ((10040,), RateLimited),
        ((971,), RateLimited),
        ((971, 10000), AuthenticationError),
        ((7003, 10040), RateLimited),
    ],
)
def test_some_codes_decide_whatever_the_status(
    status: int, codes: tuple[int, ...], expected: type[ApiError]
) -> None:
    """Authentication and rate-limit codes go before the status, authentication first."""
    assert expected is type(refusal(status, *codes))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((1183,), InvalidRequest), ((7003,), NotFound), ((424242,), ApiError), ((), ApiError)],
)
def test_a_refusal_with_status_200_goes_by_its_code(
    codes: tuple[int, ...], expected: type[ApiError]
) -> None:
    """Where only the envelope says no, a code that is known decides, and else it is any refusal."""
    assert expected is type(refusal(200, *codes))


@pytest.mark.parametrize(
    ("codes", "expected"), [((7003, 1183), NotFound), ((1183, 7003), InvalidRequest)]
)
def test_the_first_code_that_is_known_decides(
    codes: tuple[int, ...], expected: type[ApiError]
) -> None:
    """Of several codes of the same weight, the first that the service sent counts."""
    assert expected is type(refusal(200, *codes))


def test_an_error_has_the_response_s_facts() -> None:
    """Status, details, ray and wait are attributes, whatever the case of the headers."""
    headers = CIMultiDict({"CF-RAY": "ray-1", "retry-after": "17"})
    details = (ErrorDetail("slow down", 10040), ErrorDetail("really", 424242))
    error = error_for(429, headers, details, USAGE, NOW)
    found = (error.status, error.errors, error.codes, error.ray_id, error.retry_after)
    assert (429, details, (10040, 424242), "ray-1", 17.0) == found
    assert error.message == "10040: slow down; 424242: really"


def test_a_redirect_says_that_it_is_not_followed() -> None:
    """A redirect is refused in words of its own."""
    assert "redirects" in refusal(302).message


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_a_restricted_endpoint_says_so(name: str, status: int) -> None:
    """A 403 or 404 of an alpha or beta endpoint says that it is not open to every account."""
    endpoint = ENDPOINTS[name]
    message = error_for(status, NO_HEADERS, (), endpoint, NOW).message
    restricted = endpoint.stage is not None and status in {403, 404}
    assert restricted is ("not open to every account" in message)
    assert restricted is (f"{name} is {endpoint.stage}" in message)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("5", 5.0),
        (" 300\t", 300.0),
        ("-1", None),
        ("+1", None),
        ("5.5", None),
        ("1e5", None),
        ("inf", None),
        ("nan", None),
        ("1_0", None),
        ("\u0663", None),
        ("\u00b2", None),
        ("Wed, 01 Jan 2025 00:01:00 GMT", 60.0),
        ("Wednesday, 01-Jan-25 00:01:00 GMT", 60.0),
        ("Wed Jan  1 00:01:00 2025", 60.0),
        ("Wed, 01 Jan 2025 00:01:00 +0100", 0.0),
        ("Wed, 01 Jan 2025 00:01:00 -0100", 3660.0),
        ("Tue, 31 Dec 2024 23:59:00 GMT", 0.0),
        ("Wed, 32 Jan 2025 00:01:00 GMT", None),
        ("Wed, 01 Jan 99999 00:00:00 GMT", None),
        ("soon", None),
        ("9" * 400, 1e9),
        ("9" * 5000, 1e9),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float | None) -> None:
    """Whole seconds, capped, and HTTP dates are waits, a past one none; the rest is unreadable."""
    headers = CIMultiDict([] if value is None else [("Retry-After", value)])
    assert expected == parse_retry_after(headers, NOW)


@given(
    st.one_of(
        st.text(),
        st.from_regex(
            r"[A-Z][a-z]{2}, [0-9]{1,2} (Jan|Feb|Xxx) [0-9]{1,6} [0-9:]{1,9} ?"
            r"([+-][0-9]{2,20}|GMT)?"
        ),
    )
)
def test_no_retry_after_breaks_anything(value: str) -> None:
    """Whatever the header holds, there is no exception and no negative wait."""
    seconds = parse_retry_after(CIMultiDict({"Retry-After": value}), NOW)
    assert seconds is None or seconds >= 0


def test_details_are_read_as_they_were_sent() -> None:
    """A refusal's body gives each error with its code, link and pointer, in order."""
    body = (
        b'{"success":false,"errors":[{"code":1183,"message":"bad",'
        b'"documentation_url":"https://example.com","source":{"pointer":"/from"}},'
        b'{"message":"plain"},{"code":424242,"message":"unknown"}],"messages":null,"result":null}'
    )
    expected = (
        ErrorDetail("bad", 1183, "https://example.com", "/from"),
        ErrorDetail("plain"),
        ErrorDetail("unknown", 424242),
    )
    assert expected == refusal_details(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"errors":null}',
        b'{"errors":{}}',
        b'{"errors":"x"}',
        b'{"errors":[{"message":"\xff"}]}',
        b"[" * 100_000,
        b'{"errors":' + b"[" * 100_000,
    ],
)
def test_a_body_without_details_gives_none(body: bytes) -> None:
    """A body that is no envelope, or one without errors, gives no details and no exception."""
    assert refusal_details(body) == ()


def test_odd_details_are_kept_as_far_as_they_go() -> None:
    """Entries of an odd shape become details without the facts that they lack."""
    body = b'{"errors":["text",null,{"code":true,"message":"a","source":[],"documentation_url":1}]}'
    expected = ("text", "None", "a")
    found = refusal_details(body)
    assert expected == tuple(detail.message for detail in found)
    assert [None] * 3 == [detail.code for detail in found]


def test_a_message_that_is_null_is_empty() -> None:
    """A null message is no message, not the word of some programming language."""
    assert (ErrorDetail("", 7),) == refusal_details(b'{"errors":[{"code":7,"message":null}]}')


@given(st.binary(max_size=80))
def test_no_bytes_break_the_details(body: bytes) -> None:
    """Arbitrary bytes give details or none, never an exception."""
    assert isinstance(refusal_details(body), tuple)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["code", "message", "source", "documentation_url", "pointer"]), inner
        ),
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_json_breaks_the_details(errors: object) -> None:
    """Whatever stands in errors, each detail has text and at most a whole number for a code."""
    details = refusal_details(msgspec.json.encode({"errors": errors}))
    assert isinstance(error_for(400, NO_HEADERS, details, USAGE, NOW), ApiError)
    assert [True] * len(details) == [type(detail.message) is str for detail in details]
    assert {type(detail.code) for detail in details} <= {int, type(None)}


def test_an_envelope_needs_success_only() -> None:
    """A missing result is null and missing errors are none."""
    envelope = msgspec.json.decode(b'{"success":true,"messages":null,"new":1}', type=Envelope)
    assert (True, b"null", ()) == (envelope.success, bytes(envelope.result), envelope.details)


def test_what_is_kept_of_a_refusal_has_an_end() -> None:
    """However much a service says, an error keeps the first of it."""
    one = {
        "message": "m" * 9_999,
        "documentation_url": "u" * 9_999,
        "source": {"pointer": "p" * 9_999},
    }
    details = refusal_details(msgspec.json.encode({"errors": [one, "t" * 9_999] * 999}))
    assert len(details) == 10
    assert {1000} == {len(text) for d in details for text in (d.message, d.pointer or "p" * 1000)}
    assert details[0].documentation_url == "u" * 1000
