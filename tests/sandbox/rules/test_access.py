import json
from collections.abc import Mapping

import pytest

from cfbilling.sandbox import Endpoint, Sandbox
from tests.sandbox.conftest import Fetch


def code(body: bytes) -> int:
    """Return the first error code of an envelope."""
    envelope = json.loads(body)
    assert envelope["success"] is False
    assert envelope["result"] is None
    return int(envelope["errors"][0]["code"])


async def test_every_valid_credential_is_let_in(fetch: Fetch) -> None:
    """Each token works, and so does the e-mail with the key; the facts say which was used."""
    async with Sandbox(tokens=2) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        for token in sandbox.api_tokens:
            assert (await fetch(sandbox, path, None, {"Authorization": f"Bearer {token}"}))[
                0
            ] == 200
        legacy = {"X-Auth-Email": sandbox.email, "X-Auth-Key": sandbox.api_key}
        assert (await fetch(sandbox, path, None, legacy))[0] == 200
        used = [facts.credential for facts in sandbox.requests]
        assert used == ["token-0", "token-1", "key"]
        assert sandbox.api_token == sandbox.api_tokens[0]


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, (401, 10000)),
        ({"Authorization": "Bearer wrong"}, (403, 9109)),
        ({"Authorization": "Basic wrong"}, (403, 9109)),
        ({"X-Auth-Email": "somebody@example.com"}, (401, 10000)),
        ({"X-Auth-Email": "somebody@example.com", "X-Auth-Key": "wrong"}, (401, 10000)),
        ({"Authorization": "Bearer wrong", "X-Auth-Key": "wrong"}, (401, 10000)),
    ],
)
async def test_anything_else_is_kept_out(
    fetch: Fetch, headers: Mapping[str, str], answer: tuple[int, int]
) -> None:
    """No, wrong, half and double credentials are refused with the vendor's codes."""
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        status, _, body = await fetch(sandbox, path, None, headers)
        assert (status, code(body)) == answer
        assert sandbox.requests[0].credential is None


async def test_two_schemes_at_once_are_refused(fetch: Fetch) -> None:
    """A valid token beside a valid key is one scheme too many."""
    async with Sandbox() as sandbox:
        headers = {
            "Authorization": f"Bearer {sandbox.api_token}",
            "X-Auth-Email": sandbox.email,
            "X-Auth-Key": sandbox.api_key,
        }
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        status, _, body = await fetch(sandbox, path, None, headers)
        assert (status, code(body)) == (401, 10000)


@pytest.mark.parametrize("account", ["0" * 32, "nonsense", "ü" * 8])
async def test_an_unknown_account_is_refused(fetch: Fetch, account: str) -> None:
    """An account that does not exist has no route."""
    async with Sandbox() as sandbox:
        status, _, body = await fetch(sandbox, f"/accounts/{account}/paygo-usage")
        assert (status, code(body)) == (404, 7003)


async def test_a_refusal_holds_for_one_endpoint_or_all(fetch: Fetch) -> None:
    """A refused scope is refused where it was said, and only there, until it is allowed."""
    async with Sandbox(accounts=2) as sandbox:
        first, second = sandbox.account_ids
        paths: dict[Endpoint, str] = {
            "usage": "billable/usage",
            "paygo_usage": "paygo-usage",
            "paygo_usage_beta": "billing/usage/paygo",
            "billing_profile": "billing/profile",
        }

        async def statuses(account: str) -> list[int]:
            return [
                (await fetch(sandbox, f"/accounts/{account}/{path}"))[0] for path in paths.values()
            ]

        sandbox.refuse(first, "paygo_usage_beta", status=404)
        assert await statuses(first) == [200, 200, 404, 200]
        sandbox.refuse(first)
        assert await statuses(first) == [403, 403, 404, 403]
        assert await statuses(second) == [200, 200, 200, 200]
        sandbox.allow(first)
        assert await statuses(first) == [200, 200, 200, 200]


async def test_an_organization_can_be_refused(fetch: Fetch) -> None:
    """A refused organization answers the status that was asked for."""
    async with Sandbox() as sandbox:
        organization = sandbox.organization_ids[0]
        sandbox.refuse(organization, "organization_usage", status=404)
        status, _, body = await fetch(sandbox, f"/organizations/{organization}/billable/usage")
        assert (status, code(body)) == (404, 7003)


async def test_facts_hide_secrets_but_have_them(fetch: Fetch) -> None:
    """A request's headers can be read in any case, and its repr shows no credential."""
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        await fetch(sandbox, path, {"from": "2025-05-01", "to": "2025-05-02"})
        (facts,) = sandbox.requests
        assert facts.headers["AUTHORIZATION"] == f"Bearer {sandbox.api_token}"
        assert "authorization" in facts.headers
        assert sandbox.api_token not in repr(facts)
        assert (facts.method, facts.endpoint, facts.status) == ("GET", "usage", 200)
        assert facts.scope_id == sandbox.account_ids[0]
        assert facts.query == {"from": "2025-05-01", "to": "2025-05-02"}
        assert facts.path == f"/client/v4{path}"
        assert sandbox.statuses == {200: 1}
