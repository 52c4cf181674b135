from collections.abc import Callable

import pytest

from cfbilling.sandbox import Sandbox
from tests.sandbox.conftest import Fetch, code

NEW = ("billable/usage", "billable/usage/billable-metrics")
V1 = ("billable-usage", "billable-usage/info")
REST = ("billing/history", "billing/credits", "subscriptions", "billing/profile")


async def statuses(fetch: Fetch, sandbox: Sandbox, account: str, *paths: str) -> set[int]:
    """Return every status that these endpoints of an account answer."""
    return {(await fetch(sandbox, f"/accounts/{account}/{path}"))[0] for path in paths}


async def test_each_kind_is_let_in_to_its_version(fetch: Fetch) -> None:
    """A self-serve account has version 1 only, one with a contract the other endpoints only."""
    async with Sandbox(kind="self_serve") as sandbox:
        first, second, third = sandbox.account_ids
        sandbox.set_kind(second, "contract")
        sandbox.set_kind(third, "both")
        for account, refused, served in (
            (first, NEW, V1),
            (second, V1, NEW),
            (third, (), (*NEW, *V1)),
        ):
            assert {403} >= await statuses(fetch, sandbox, account, *refused)
            assert {200} == await statuses(fetch, sandbox, account, *served, *REST)
        path = f"/accounts/{first}/billable/usage"
        status, _, body = await fetch(sandbox, path, method="POST", body=b"{}")
        assert (403, 10000) == (status, code(body))


@pytest.mark.parametrize("code_sent", [None, 10000])
async def test_the_refusal_is_as_set(fetch: Fetch, code_sent: int | None) -> None:
    """Status and code for who is not let in can be chosen."""
    async with Sandbox(
        kind="contract", restricted_status=404, restricted_code=code_sent
    ) as sandbox:
        status, _, body = await fetch(sandbox, f"/accounts/{sandbox.account_ids[0]}/billable-usage")
        assert status == 404
        assert (b'"code"' in body) is (code_sent is not None)


async def test_the_old_names_can_be_gone(fetch: Fetch) -> None:
    """Paygo has no route where its old names are not known any more."""
    async with Sandbox(old_names=False) as sandbox:
        for path in ("paygo-usage", "billing/usage/paygo"):
            status, _, body = await fetch(sandbox, f"/accounts/{sandbox.account_ids[0]}/{path}")
            assert (404, 7003) == (status, code(body))
            assert b"No route for that URI" in body


async def test_a_token_can_lack_the_permission(fetch: Fetch) -> None:
    """Without Billing Read everything but the list of accounts is 403, for that token only."""
    async with Sandbox(tokens=2) as sandbox:
        account = sandbox.account_ids[0]
        paths = (*NEW, *V1, *REST, "paygo-usage", "billing/usage/paygo")
        sandbox.forbid_billing(sandbox.api_token)
        assert {403} == await statuses(fetch, sandbox, account, *paths)
        assert 10000 == code((await fetch(sandbox, f"/accounts/{account}/billable-usage"))[2])
        assert 200 == (await fetch(sandbox, "/accounts"))[0]
        other = {"Authorization": f"Bearer {sandbox.api_tokens[1]}"}
        assert 200 == (await fetch(sandbox, f"/accounts/{account}/subscriptions", None, other))[0]
        sandbox.permit_billing(sandbox.api_token)
        assert {200} == await statuses(fetch, sandbox, account, *paths)


def test_nobody_has_no_kind() -> None:
    """What is said of an account that does not exist is a mistake of the test."""
    sandbox = Sandbox()
    changes: list[Callable[[], None]] = [
        lambda: sandbox.set_kind("0" * 32, "both"),
        lambda: sandbox.subscribe("0" * 32),
        lambda: sandbox.cover("0" * 32, covered=False),
        lambda: sandbox.restate("0" * 32, []),
        lambda: sandbox.forbid_billing("nonsense"),
    ]
    for change in changes:
        with pytest.raises(KeyError):
            change()
