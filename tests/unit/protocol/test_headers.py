"""What the quota headers tell, and that nothing in them can do harm."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cfbilling.errors import ConfigurationError
from cfbilling.protocol.headers import (
    Quota,
    QuotaPolicy,
    QuotaSignal,
    parse_retry_after,
    read_signal,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def signal(status: int = 200, *lines: tuple[str, str]) -> QuotaSignal:
    """Read a head of these lines."""
    return read_signal(status, CIMultiDict(lines), NOW)


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        (
            '"default";r=50;t=30',
            '"default";q=1200;w=300',
            [Quota("default", 50, 30.0, QuotaPolicy(1200, 300.0))],
        ),
        ('"default";r=50;t=30', "", [Quota("default", 50, 30.0)]),
        ("default;r=0;t=1", "", [Quota("default", 0, 1.0)]),
        (
            '"a";r=9;t=1, "b";r=3;t=2',
            '"a";q=10;w=1, "b";q=5;w=2',
            [Quota("a", 9, 1.0, QuotaPolicy(10, 1.0)), Quota("b", 3, 2.0, QuotaPolicy(5, 2.0))],
        ),
        ('"a";r=9;t=1', '"b";q=5;w=2', [Quota("a", 9, 1.0)]),
        ('"a";r=9;t=1;x="y"', '"a";q=0;w=2', [Quota("a", 9, 1.0)]),
        ("", '"a";q=10;w=1', []),
        ('"a";r=-1;t=1', "", []),
        ('"a";r=1.5;t=1', "", []),
        ('"a";r="1";t=1', "", []),
        ('"a";t=1', "", []),
        ("garbage;;", "garbage;;", []),
        ('("a" "b");r=1;t=1', "", []),
    ],
)
def test_headers_are_read(limit: str, policy: str, expected: list[Quota]) -> None:
    """Each limit comes with the policy of its name; what is unreadable tells nothing."""
    found = signal(200, ("ratelimit", limit), ("ratelimit-policy", policy))
    assert QuotaSignal(tuple(expected)) == found


def test_a_list_may_stand_in_several_lines() -> None:
    """Several lines of one header are one list."""
    lines = [("Ratelimit", '"a";r=9;t=1'), ("Ratelimit", '"b";r=3;t=2')]
    assert (Quota("a", 9, 1.0), Quota("b", 3, 2.0)) == signal(200, *lines).quotas


def test_no_headers_tell_nothing() -> None:
    """A response without the headers tells nothing."""
    assert QuotaSignal() == signal()


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        ([], None),
        ([("Retry-After", "17")], 17.0),
        ([("Retry-After", "17"), ("Ratelimit", '"a";r=0;t=5')], 17.0),
        ([("Ratelimit", '"a";r=0;t=5, "b";r=0;t=9, "c";r=1;t=60')], 9.0),
        ([("Ratelimit", '"a";r=3;t=5')], None),
    ],
)
def test_a_refusal_says_for_how_long(lines: list[tuple[str, str]], wait: float | None) -> None:
    """A 429 is a refusal: until Retry-After, or until the limits that are used up begin anew."""
    found = signal(429, *lines)
    assert (True, wait) == (found.is_refusal, found.wait)


@given(st.text(), st.text())
def test_no_header_does_harm(limit: str, policy: str) -> None:
    """Whatever stands in the headers, reading them raises nothing."""
    found = signal(200, ("Ratelimit", limit), ("Ratelimit-Policy", policy))
    assert all(quota.remaining >= 0 and quota.reset >= 0 for quota in found.quotas)


@pytest.mark.parametrize("skew", ["Wed, 01 Jan 2025 00:00:00 GMT", "Mon, 01 Jan 2035 00:00:00 GMT"])
def test_a_date_is_counted_from_the_service_s_own(skew: str) -> None:
    """A date of Retry-After is as far away as the response's Date says, whatever our clock says."""
    date = skew.replace("00:00:00", "00:02:05")
    assert parse_retry_after(CIMultiDict({"Retry-After": date, "Date": skew}), NOW) == 125.0


@pytest.mark.parametrize("date", ["", "soon", "Wed, 32 Jan 2025 00:01:00 GMT"])
def test_without_a_date_our_clock_counts(date: str) -> None:
    """Where a response does not say when it was made, our own clock has to do."""
    headers = CIMultiDict({"Retry-After": "Wed, 01 Jan 2025 00:01:00 GMT", "Date": date})
    assert parse_retry_after(headers, NOW) == 60.0


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("requests", {"requests": 0}),
        ("requests", {"requests": -1}),
        ("requests", {"requests": 1.5}),
        ("requests", {"requests": True}),
        ("requests", {"requests": "9"}),
        ("seconds", {"seconds": 0}),
        ("seconds", {"seconds": float("nan")}),
        ("seconds", {"seconds": float("inf")}),
        ("seconds", {"seconds": None}),
    ],
)
def test_a_policy_that_cannot_be_is_refused(name: str, values: dict[str, Any]) -> None:
    """A quota to assume has to be of more than nothing; the error names what is wrong."""
    with pytest.raises(ConfigurationError, match=f"assumed_quota.{name}"):
        QuotaPolicy(**values)


LIMITS = r'"[a-zA-Z" \\;-]{0,5}" ?; ?r=-?[0-9.]{1,17} ?;t=[0-9]{1,17}(;x)?'


@given(st.from_regex(LIMITS, fullmatch=True))
def test_the_usual_form_is_read_like_any_other(limit: str) -> None:
    """A limit in the usual form, or nearly so, tells the same alone as in a list of two."""
    listed = signal(200, ("Ratelimit", f'{limit}, "zz";r=1;t=1')).quotas
    assert listed[:-1] == signal(200, ("Ratelimit", limit)).quotas


@pytest.mark.parametrize("text", ["9" * 400, "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wish_beyond_all_measure_is_a_billion_seconds(text: str) -> None:
    """Whoever goes by ``retry_after`` gets a number that can be gone by."""
    assert parse_retry_after(CIMultiDict({"Retry-After": text}), NOW) == 1e9
