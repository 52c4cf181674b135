import json
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox
from cfbilling.sandbox.rules.ranges import DayRange, InvalidQueryError, RangeRules
from tests.sandbox.conftest import Fetch

TODAY = date(2025, 6, 15)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-05-01"},
        {"to": "2025-05-01"},
        {"from": "2025-05-01", "to": "2025-06-02"},
        {"from": "2025-05-02", "to": "2025-05-01"},
        {"from": "2025-02-30", "to": "2025-03-01"},
        {"from": "20250501", "to": "20250502"},
        {"from": "2025-05-01T00:00:00Z", "to": "2025-05-02"},
        {"from": "", "to": ""},
        {"from": "2025-05-01", "to": "2025-05-02", "metric": "m" * 129},
    ],
)
async def test_queries_that_the_vendor_refuses(fetch: Fetch, query: Mapping[str, str]) -> None:
    """Half, malformed, reversed and too long queries are 400 with code 1183."""
    async with Sandbox() as sandbox:
        for path in (
            f"/accounts/{sandbox.account_ids[0]}/billable/usage",
            f"/organizations/{sandbox.organization_ids[0]}/billable/usage",
        ):
            status, _, body = await fetch(sandbox, path, query)
            assert (status, json.loads(body)["errors"][0]["code"]) == (400, 1183)


async def test_the_longest_range_and_metric_are_served(fetch: Fetch) -> None:
    """Exactly 31 days, and exactly 128 characters, are still allowed."""
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        query = {"from": "2025-05-01", "to": "2025-06-01", "metric": "m" * 128}
        assert (await fetch(sandbox, path, query))[0] == 200


async def test_to_can_be_inclusive(fetch: Fetch) -> None:
    """A server that reads `to` as inclusive answers one day more."""
    async with Sandbox(to_inclusive=True, records_per_day=2) as sandbox:
        account = sandbox.account_ids[0]
        query = {"from": "2025-05-01", "to": "2025-05-02"}
        for path, truth in (
            ("billable/usage", sandbox.expected_usage),
            ("paygo-usage", sandbox.expected_paygo),
        ):
            _, _, body = await fetch(sandbox, f"/accounts/{account}/{path}", query)
            expected = list(truth(account, date(2025, 5, 1), date(2025, 5, 3)))
            assert len(json.loads(body)["result"]) == len(expected) == 4


def test_the_range_can_count_both_ends() -> None:
    """A server that counts both ends refuses a difference of 31 days but not of 30."""
    rules = RangeRules(max_days=31, to_inclusive=False, counts_inclusively=True)
    start = date(2025, 5, 1)
    fine = {"from": str(start), "to": str(start + timedelta(days=30))}
    wrong = {"from": str(start), "to": str(start + timedelta(days=31))}
    assert rules.days_of(fine, TODAY, limited=True) == DayRange(start, date(2025, 5, 31))
    with pytest.raises(InvalidQueryError, match="31 days"):
        rules.days_of(wrong, TODAY, limited=True)


@given(start=st.dates(), length=st.integers(0, 400), limit=st.integers(1, 60))
def test_a_range_is_refused_only_beyond_its_limit(start: date, length: int, limit: int) -> None:
    """Whatever the dates, the difference alone decides, and only where there is a limit."""
    rules = RangeRules(max_days=limit, to_inclusive=False, counts_inclusively=False)
    end = min(start, date(9000, 1, 1)) + timedelta(days=length)
    query = {"from": start.isoformat(), "to": end.isoformat()}
    if end < start:
        return
    assert rules.days_of(query, TODAY, limited=False) == DayRange(start, end)
    if (end - start).days <= limit:
        assert rules.days_of(query, TODAY, limited=True) == DayRange(start, end)
    else:
        with pytest.raises(InvalidQueryError):
            rules.days_of(query, TODAY, limited=True)
