"""Results in pages, as one stream: everything, once, whatever happens between two pages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cfbilling import ApiToken, BillingClient, BillingError, ConfigurationError, RetryPolicy
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import ClientMaker
from tests.integration.truth import received, truth

pytestmark = pytest.mark.usefixtures("loop_without_debug")


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("has_ids", [True, False])
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 120])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_the_caller_sees_no_pages(
    client_for: ClientMaker,
    tells: bool,  # noqa: FBT001 - parametrized
    has_ids: bool,  # noqa: FBT001 - parametrized
    count: int,
    concurrency: int,
) -> None:
    """Any number of items, with and without ids and numbers of pages, in order."""
    async with (
        Sandbox(accounts=1, history_items=count, result_info=tells, history_ids=has_ids) as sandbox,
        client_for(sandbox, concurrency=concurrency) as client,
    ):
        (account,) = sandbox.account_ids
        items = await client.billing_history(account).collect()
        assert truth(sandbox.billing_history(account)) == received(items)


async def test_a_status_is_asked_for(client_for: ClientMaker) -> None:
    """Only items of the status come; a status that cannot be one is refused at once."""
    async with Sandbox(accounts=1) as sandbox, client_for(sandbox) as client:
        (account,) = sandbox.account_ids
        items = await client.billing_history(account, status="paid").collect()
        assert truth(sandbox.billing_history(account, "paid")) == received(items)
        assert items
        for wrong in ("", "s" * 129, 7):
            with pytest.raises(ConfigurationError, match="status"):
                client.billing_history(account, status=wrong)  # type: ignore[arg-type]  # wrong on purpose


async def test_all_accounts_are_seen(client_for: ClientMaker) -> None:
    """Every account that the credential sees, with what is not documented in ``extra``."""
    async with Sandbox(accounts=130) as sandbox, client_for(sandbox) as client:
        accounts = await client.accounts().collect()
        assert sandbox.account_ids == [account.id for account in accounts]
        assert truth(sandbox.accounts()) == received(accounts)
        assert len(sandbox.requests) == 3


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("change", ["bill", "unbill"])
@pytest.mark.parametrize("after", [1, 2])
async def test_pages_may_shift_while_they_are_read(
    client_for: ClientMaker, concurrency: int, change: str, after: int
) -> None:
    """An item that comes or goes between two pages costs no other item, and repeats none."""
    async with Sandbox(accounts=1, history_items=170) as sandbox:
        (account,) = sandbox.account_ids
        before = [str(item["id"]) for item in sandbox.billing_history(account)]
        gone: set[str] = set()

        def changed(event: object) -> None:
            if type(event).__name__ != "ChunkReceived" or len(sandbox.requests) != after:
                return
            if change == "bill":
                sandbox.bill(account)
            elif not gone:
                gone.add(before[3])
                sandbox.unbill(account, before[3])

        async with client_for(sandbox, concurrency=concurrency, observer=changed) as client:
            found = [str(item.id) async for item in client.billing_history(account)]
        assert 1 == max(Counter(found).values())
        assert set(before) - gone <= set(found)


async def test_a_fault_between_pages_is_mended_or_told(client_for: ClientMaker) -> None:
    """A page that fails is asked for again; without retries, what came is whole pages."""
    async with Sandbox(accounts=1, compression="off") as sandbox:
        (account,) = sandbox.account_ids
        expected = truth(sandbox.billing_history(account))
        for kind in ("reset_at", "close_at", "end_at"):
            for offset in range(0, 4000, 97):
                place: dict[str, Any] = {kind: offset}
                async with client_for(sandbox) as client:
                    sandbox.faults.add(Fault(**place, query={"page": "2"}))
                    assert expected == received(await client.billing_history(account).collect())
                async with BillingClient(
                    ApiToken(sandbox.api_token),
                    base_url=sandbox.base_url,
                    retry=RetryPolicy(attempts=1),
                    concurrency=1,
                ) as client:
                    sandbox.faults.add(Fault(**place, query={"page": "2"}))
                    found: list[Any] = []
                    with pytest.raises(BillingError):
                        async for item in client.billing_history(account):
                            found.append(item)  # noqa: PERF401 - what came before the error counts
                    assert expected[:50] == received(found)


async def test_what_is_one_object_or_list_is_the_truth(client_for: ClientMaker) -> None:
    """Credits, fixed fees, metrics and cycles are what the service says."""
    async with Sandbox(accounts=4, records_per_day=30) as sandbox, client_for(sandbox) as client:
        for account in sandbox.account_ids:
            credits_ = await client.billing_credits(account)
            assert truth([sandbox.billing_credits(account)]) == received([credits_])
            fees = await client.subscriptions(account).collect()
            assert truth(sandbox.subscriptions(account)) == received(fees)
            metrics = await client.billable_metrics(account, "2025-01-01", "2025-12-31")
            assert truth(sandbox.billable_metrics(account)) == received(metrics)
            cycles = await client.billing_cycles(account)
            assert cycles.covered is True
            assert [s.id for s in sandbox.billing_subscriptions(account)] == [
                s.id for s in cycles.subscriptions or ()
            ]
