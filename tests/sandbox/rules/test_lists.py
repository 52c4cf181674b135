import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.sandbox import Sandbox, WireRecord
from cfbilling.sandbox.rules.paging import Page
from tests.sandbox.conftest import Fetch, code, parsed

DAY = date(2025, 5, 1)


async def pages(fetch: Fetch, sandbox: Sandbox, path: str, per_page: int) -> list[WireRecord]:
    """Read every page of a list, and check what each of them says about itself."""
    items: list[WireRecord] = []
    number = 1
    while True:
        query = {"page": str(number), "per_page": str(per_page)}
        envelope = parsed((await fetch(sandbox, path, query))[2])
        assert tuple(envelope) == ("errors", "messages", "result", "result_info", "success")
        info = envelope["result_info"]
        assert (info["page"], info["per_page"]) == (number, per_page)
        assert info["count"] == len(envelope["result"])
        items += envelope["result"]
        if not envelope["result"]:
            assert info["total_count"] == len(items)
            return items
        number += 1


@pytest.mark.parametrize("per_page", [1, 7, 40, 50])
async def test_pages_make_up_the_history(fetch: Fetch, per_page: int) -> None:
    """All pages together are the whole history, newest first, and then come empty ones."""
    async with Sandbox(whitespace="pretty", quota=None) as sandbox:
        account = sandbox.account_ids[0]
        found = await pages(fetch, sandbox, f"/accounts/{account}/billing/history", per_page)
        assert sandbox.billing_history(account) == found
        assert len(found) == 120
        moments = [datetime.fromisoformat(str(item["occurred_at"])) for item in found]
        assert all(newer > older for newer, older in pairwise(moments))


async def test_fees_can_be_replaced(fetch: Fetch) -> None:
    """An account has the fixed fees that it was given, and others keep theirs."""
    async with Sandbox() as sandbox:
        first, second, _ = sandbox.account_ids
        before = sandbox.subscriptions(second)
        fee: WireRecord = {"id": "fee", "price": Decimal("0.10"), "currency": "EUR"}
        sandbox.charge(first, fee)
        found = [
            parsed((await fetch(sandbox, f"/accounts/{account}/subscriptions"))[2])["result"]
            for account in (first, second)
        ]
        assert [[fee], before] == found == [sandbox.subscriptions(first), before]
        with pytest.raises(KeyError):
            sandbox.charge("f" * 32, fee)


@pytest.mark.parametrize("per_page", [5, 50])
async def test_pages_make_up_the_accounts(fetch: Fetch, per_page: int) -> None:
    """All pages together are all accounts, under the names that their records have."""
    async with Sandbox(accounts=51) as sandbox:
        found = await pages(fetch, sandbox, "/accounts", per_page)
        assert sandbox.accounts() == found
        assert sandbox.account_ids == [account["id"] for account in found]
        assert {"standard", "enterprise"} == {str(account["type"]) for account in found}
        records = sandbox.expected_usage(sandbox.account_ids[2], DAY, DAY + timedelta(days=1))
        assert {str(found[2]["name"])} == {str(each["BillingAccountName"]) for each in records}
        facts = sandbox.requests[0]
        assert ("accounts", None) == (facts.endpoint, facts.scope_id)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("billing/history", {"page": "0"}),
        ("billing/history", {"page": "-1"}),
        ("billing/history", {"page": "x"}),
        ("billing/history", {"page": ""}),
        ("billing/history", {"per_page": "0"}),
        ("billing/history", {"per_page": "51"}),
        ("", {"per_page": "4"}),
        ("", {"per_page": "51"}),
        ("billable/usage/billable-metrics", {"from": "2025-05-01"}),
        ("billable/usage/billable-metrics", {"from": "2025-05-01", "to": "2025-07-01"}),
    ],
)
async def test_queries_that_the_vendor_refuses(
    fetch: Fetch, path: str, query: Mapping[str, str]
) -> None:
    """Pages that cannot be, and periods that are too long, are 400 with code 1183."""
    async with Sandbox() as sandbox:
        whole = f"/accounts/{sandbox.account_ids[0]}/{path}" if path else "/accounts"
        status, _, body = await fetch(sandbox, whole, query)
        assert (400, 1183) == (status, code(body))


async def test_the_history_has_one_status_if_asked(fetch: Fetch) -> None:
    """A filter by status leaves the items of that status, and counts only those."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        query = {"status": "open", "per_page": "50"}
        _, _, body = await fetch(sandbox, f"/accounts/{account}/billing/history", query)
        expected = sandbox.billing_history(account, "open")
        assert 0 < len(expected) < 50
        assert parsed(body)["result"] == expected
        assert parsed(body)["result_info"]["total_count"] == len(expected)
        assert [] == sandbox.billing_history(account, "no such status")


async def test_the_history_moves_under_a_reader(fetch: Fetch) -> None:
    """A new item shifts every page by one, and removing an item shifts them back."""
    async with Sandbox(history_items=40) as sandbox:
        account = sandbox.account_ids[0]
        path = f"/accounts/{account}/billing/history"
        first = parsed((await fetch(sandbox, path))[2])["result"]
        item = sandbox.bill(account, amount=Decimal("12.50"), status="open", description="Ü")
        second = parsed((await fetch(sandbox, path, {"page": "2"}))[2])["result"]
        assert first[-1] == second[0]
        assert sandbox.billing_history(account)[0] == item
        assert (item["amount"], item["description"]) == (Decimal("12.50"), "Ü")
        assert str(item["occurred_at"]) > str(first[0]["occurred_at"])
        sandbox.unbill(account, str(item["id"]))
        sandbox.unbill(account, str(first[0]["id"]))
        assert sandbox.billing_history(account)[0] == first[1]
        assert len(sandbox.billing_history(account)) == 39
        assert len(sandbox.billing_history(sandbox.account_ids[1])) == 40
        with pytest.raises(KeyError):
            sandbox.unbill(account, "nonsense")


async def test_pages_can_keep_their_number_to_themselves(fetch: Fetch) -> None:
    """Without `result_info` a page is a result and nothing else."""
    async with Sandbox(
        result_info=False, key_order=("result", "success", "messages", "errors")
    ) as sandbox:
        body = (await fetch(sandbox, "/accounts"))[2]
        assert ["result", "success", "messages", "errors"] == list(json.loads(body))


async def test_only_lists_with_pages_tell_of_them(fetch: Fetch) -> None:
    """What is not paged has no `result_info`, and neither has a failure."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        for path in ("billing/credits", "subscriptions", "billable-usage/info", "no/route"):
            body = (await fetch(sandbox, f"/accounts/{account}/{path}"))[2]
            assert "result_info" not in json.loads(body)
        body = (await fetch(sandbox, "/accounts", {"page": "0"}))[2]
        assert "result_info" not in json.loads(body)


@pytest.mark.parametrize("whitespace", ["compact", "pretty"])
async def test_each_endpoint_answers_its_truth(fetch: Fetch, whitespace: str) -> None:
    """Metrics, credits and fees of every account arrive as the sandbox says."""
    async with Sandbox(accounts=9, whitespace=whitespace) as sandbox:  # type: ignore[arg-type]
        for account in sandbox.account_ids:
            for path, truth in (
                ("billable/usage/billable-metrics", sandbox.billable_metrics(account)),
                ("billing/credits", sandbox.billing_credits(account)),
                ("subscriptions", sandbox.subscriptions(account)),
            ):
                status, _, body = await fetch(sandbox, f"/accounts/{account}/{path}")
                assert (200, truth) == (status, parsed(body)["result"])


def test_metrics_are_those_that_are_used() -> None:
    """The metrics of an account are those of its usage, with what tells their records apart."""
    sandbox = Sandbox(records_per_day=20)
    account = sandbox.account_ids[1]
    used = sandbox.usage_query(account, DAY, DAY + timedelta(days=1))
    metrics = sandbox.billable_metrics(account)
    assert {str(record["x_BillableMetricId"]) for record in used} == {
        str(metric["Id"]) for metric in metrics
    }
    assert [] in [metric["DimensionKeys"] for metric in metrics]
    assert ["account_id", "zone_id", "region"] in [metric["DimensionKeys"] for metric in metrics]
    assert [] == Sandbox(records_per_day=0).billable_metrics(account)


def test_optional_fields_are_sometimes_missing() -> None:
    """Fees, credits and items of the history lack some fields, and ids if that is set."""
    sandbox = Sandbox(accounts=30, history_ids=False)
    accounts = sandbox.account_ids
    assert {True, False} == {"currency" in sandbox.billing_credits(each) for each in accounts}
    fees = [fee for each in accounts for fee in sandbox.subscriptions(each)]
    assert {True, False} == {"frequency" in fee for fee in fees}
    assert {True, False} == {fee["rate_plan"] is None for fee in fees}
    assert any(not sandbox.subscriptions(each) for each in accounts)
    items = sandbox.billing_history(accounts[0])
    for name in ("id", "receipt_id"):
        assert {True, False} == {name in item for item in items}
    assert all("id" in item for item in Sandbox().billing_history(accounts[0]))
    assert any("settings" not in account for account in sandbox.accounts())


@given(total=st.integers(0, 300), size=st.integers(1, 50))
def test_pages_share_everything_out(total: int, size: int) -> None:
    """Every item is on exactly one page."""
    numbers = range(1, total // size + 3)
    found = [item for number in numbers for item in Page(number, size).of(range(total))]
    assert list(range(total)) == found
