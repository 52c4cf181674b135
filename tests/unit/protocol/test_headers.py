"""What the quota headers tell, and that nothing in them can do harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.protocol.headers import Policy, Quota, read_quota


@pytest.mark.parametrize(
    ("limit", "policy", "expected"),
    [
        ('"default";r=50;t=30', '"default";q=1200;w=300', Quota(50, 30.0, Policy(1200, 300.0))),
        ('"default";r=50;t=30', "", Quota(50, 30.0, None)),
        ("default;r=0;t=1", "", Quota(0, 1.0, None)),
        ('"a";r=9;t=1, "b";r=3;t=2', '"a";q=10;w=1, "b";q=5;w=2', Quota(3, 2.0, Policy(5, 2.0))),
        ('"a";r=9;t=1', '"b";q=5;w=2', Quota(9, 1.0, None)),
        ('"a";r=9;t=1;x="y"', '"a";q=0;w=2', Quota(9, 1.0, None)),
        ("", '"a";q=10;w=1', None),
        ('"a";r=-1;t=1', "", None),
        ('"a";r=1.5;t=1', "", None),
        ('"a";r="1";t=1', "", None),
        ('"a";t=1', "", None),
        ("garbage;;", "garbage;;", None),
        ('("a" "b");r=1;t=1', "", None),
    ],
)
def test_headers_are_read(limit: str, policy: str, expected: Quota | None) -> None:
    """The tightest limit counts, with the policy of its name; what is unreadable tells nothing."""
    headers = {"Ratelimit": limit, "Ratelimit-Policy": policy}
    assert expected == read_quota(headers)


def test_no_headers_tell_nothing() -> None:
    """A response without the headers tells nothing."""
    assert read_quota({}) is None


@given(st.text(), st.text())
def test_no_header_does_harm(limit: str, policy: str) -> None:
    """Whatever stands in the headers, reading them raises nothing."""
    quota = read_quota({"Ratelimit": limit, "Ratelimit-Policy": policy})
    assert quota is None or quota.remaining >= 0
