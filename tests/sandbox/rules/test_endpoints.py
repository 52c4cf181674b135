import json
from datetime import date
from decimal import Decimal
from itertools import pairwise, permutations

import pytest

from cfbilling.sandbox import EnvelopeKey, Revision, Sandbox, Whitespace
from tests.sandbox.conftest import Fetch

FROM, TO = date(2025, 5, 30), date(2025, 6, 2)
RANGE = {"from": "2025-05-30", "to": "2025-06-02"}


def parsed(body: bytes) -> dict[str, object]:
    """Read an envelope with exact numbers."""
    envelope: dict[str, object] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    return envelope


@pytest.mark.parametrize("revision", ["seed", "later"])
@pytest.mark.parametrize("whitespace", ["compact", "pretty"])
async def test_usage_of_an_account_is_what_is_expected(
    fetch: Fetch, revision: Revision, whitespace: Whitespace
) -> None:
    """An account's usage arrives record by record as `expected_usage` says."""
    async with Sandbox(revision=revision, whitespace=whitespace, records_per_day=60) as sandbox:
        account = sandbox.account_ids[1]
        status, _, body = await fetch(sandbox, f"/accounts/{account}/billable/usage", RANGE)
        expected = list(sandbox.expected_usage(account, FROM, TO))
        assert status == 200
        assert parsed(body) == {"errors": [], "messages": [], "result": expected, "success": True}
        assert len(expected) == 3 * 60


async def test_usage_of_an_organization_has_every_member(fetch: Fetch) -> None:
    """An organization's usage is that of its members, by day and then by account."""
    async with Sandbox(accounts=5, organizations=2) as sandbox:
        organization = sandbox.organization_ids[0]
        path = f"/organizations/{organization}/billable/usage"
        status, _, body = await fetch(sandbox, path, RANGE)
        members = sandbox.members(organization)
        days = [date(2025, 5, 30), date(2025, 5, 31), date(2025, 6, 1), date(2025, 6, 2)]
        by_day = [
            record
            for start, end in pairwise(days)
            for member in members
            for record in sandbox.expected_usage(member, start, end)
        ]
        assert status == 200
        assert parsed(body)["result"] == by_day
        assert list(sandbox.expected_usage(organization, FROM, TO)) == by_day
        assert [sandbox.account_ids[index] for index in (0, 2, 4)] == members


@pytest.mark.parametrize("metric", ["r2_storage_standard", "R2 Data Stored"])
async def test_metric_filters_by_id_or_name(fetch: Fetch, metric: str) -> None:
    """Only records of the metric that is asked for arrive, by its id or its name."""
    async with Sandbox(revision="later", records_per_day=100) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billable/usage"
        _, _, body = await fetch(sandbox, path, {**RANGE, "metric": metric})
        expected = [
            record
            for record in sandbox.expected_usage(account, FROM, TO)
            if record["x_BillableMetricId"] == "r2_storage_standard"
        ]
        assert parsed(body)["result"] == expected
        assert list(sandbox.expected_usage(account, FROM, TO, metric=metric)) == expected
        assert expected


@pytest.mark.parametrize("whitespace", ["compact", "pretty"])
async def test_nothing_found_is_an_empty_array(fetch: Fetch, whitespace: Whitespace) -> None:
    """An empty range, an unknown metric and an unknown organization all succeed with nothing."""
    async with Sandbox(whitespace=whitespace) as sandbox:
        usage = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        for path, query in (
            (usage, {"from": "2025-05-01", "to": "2025-05-01"}),
            (usage, {**RANGE, "metric": "no_such_metric"}),
            (f"/organizations/{'0' * 32}/billable/usage", RANGE),
        ):
            status, _, body = await fetch(sandbox, path, query)
            assert status == 200
            assert parsed(body)["result"] == []
            assert b"[]" in body


async def test_paygo_is_what_is_expected(fetch: Fetch) -> None:
    """Both paygo endpoints agree with their truth over a range of any length."""
    query = {"from": "2025-01-01", "to": "2025-04-01"}
    start, end = date(2025, 1, 1), date(2025, 4, 1)
    async with Sandbox(records_per_day=9) as sandbox:
        account = sandbox.account_ids[2]
        _, _, full = await fetch(sandbox, f"/accounts/{account}/paygo-usage", query)
        _, _, beta = await fetch(sandbox, f"/accounts/{account}/billing/usage/paygo", query)
        assert parsed(full)["result"] == list(sandbox.expected_paygo(account, start, end))
        assert parsed(beta)["result"] == list(sandbox.expected_paygo_beta(account, start, end))
        assert all(len(record) == 11 for record in json.loads(beta)["result"])


async def test_profile_is_what_is_expected(fetch: Fetch) -> None:
    """A billing profile arrives with every one of its fields."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        status, _, body = await fetch(sandbox, f"/accounts/{account}/billing/profile")
        assert status == 200
        assert parsed(body)["result"] == sandbox.expected_profile(account)
        assert len(sandbox.expected_profile(account)) == 39


async def test_without_dates_the_current_month_through_today_is_meant(fetch: Fetch) -> None:
    """Usage and paygo without parameters begin with the month and end with today."""
    async with Sandbox(today=date(2025, 6, 3)) as sandbox:
        account = sandbox.account_ids[0]
        start, end = date(2025, 6, 1), date(2025, 6, 4)
        _, _, usage = await fetch(sandbox, f"/accounts/{account}/billable/usage")
        _, _, paygo = await fetch(sandbox, f"/accounts/{account}/paygo-usage")
        assert parsed(usage)["result"] == list(sandbox.expected_usage(account, start, end))
        assert parsed(paygo)["result"] == list(sandbox.expected_paygo(account, start, end))


async def test_unknown_routes_and_methods_are_failures(fetch: Fetch) -> None:
    """An unknown path is 404 with code 7003; a method other than GET is 405."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        status, headers, body = await fetch(sandbox, f"/accounts/{account}/nothing")
        assert (status, parsed(body)["success"], parsed(body)["result"]) == (404, False, None)
        assert json.loads(body)["errors"][0]["code"] == 7003
        assert headers["cf-ray"]
        status, headers, body = await fetch(
            sandbox, f"/accounts/{account}/billing/profile", method="POST"
        )
        assert (status, headers["Allow"]) == (405, "GET")
        assert json.loads(body)["errors"][0]["documentation_url"].startswith("https://")
        status, _, body = await fetch(
            sandbox, f"/accounts/{account}/billing/profile", method="HEAD"
        )
        assert (status, body) == (405, b"")


@pytest.mark.parametrize(
    "key_order", list(permutations(("errors", "messages", "result", "success")))
)
async def test_key_order_is_as_set(fetch: Fetch, key_order: tuple[EnvelopeKey, ...]) -> None:
    """The members of an envelope come in the order that was asked for."""
    async with Sandbox(key_order=key_order, null_arrays=True, records_per_day=1) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        _, _, body = await fetch(sandbox, path, RANGE)
        assert tuple(parsed(body)) == key_order
        assert (parsed(body)["errors"], parsed(body)["messages"]) == (None, None)


def test_a_key_order_must_be_complete() -> None:
    """An envelope cannot be asked to lose a member."""
    with pytest.raises(ValueError, match="permutation"):
        Sandbox(key_order=("result", "success"))


async def test_the_address_is_known_only_while_running() -> None:
    """A sandbox that was never entered says so instead of giving a wrong address."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url


async def test_the_truth_of_nobody_is_an_error() -> None:
    """Asking what an unknown account used is a mistake of the test."""
    with pytest.raises(KeyError):
        Sandbox().expected_usage("0" * 32, FROM, TO)
