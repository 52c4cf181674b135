import gzip
import json
from typing import get_args

import aiohttp
import pytest

from cfbilling.sandbox import Endpoint, Fault, Sandbox
from tests.sandbox.conftest import Fetch, Raw

PATHS: dict[Endpoint, str] = {
    "usage": "/accounts/{}/billable/usage",
    "organization_usage": "/organizations/{}/billable/usage",
    "paygo_usage": "/accounts/{}/paygo-usage",
    "paygo_usage_beta": "/accounts/{}/billing/usage/paygo",
    "billing_profile": "/accounts/{}/billing/profile",
    "billable_usage": "/accounts/{}/billable-usage",
    "billing_cycles": "/accounts/{}/billable-usage/info",
    "billable_metrics": "/accounts/{}/billable/usage/billable-metrics",
    "billing_history": "/accounts/{}/billing/history",
    "billing_credits": "/accounts/{}/billing/credits",
    "subscriptions": "/accounts/{}/subscriptions",
    "accounts": "/accounts",
}


def path_of(sandbox: Sandbox, endpoint: Endpoint) -> str:
    """Return the path of an endpoint for the first account or organization."""
    ids = sandbox.organization_ids if endpoint == "organization_usage" else sandbox.account_ids
    return PATHS[endpoint].format(ids[0])


def test_every_endpoint_has_a_path() -> None:
    """No endpoint is missing here."""
    assert set(get_args(Endpoint)) == set(PATHS)


@pytest.mark.parametrize("endpoint", PATHS)
async def test_everything_that_can_go_wrong_does_everywhere(
    fetch: Fetch, endpoint: Endpoint
) -> None:
    """Faults, refusals and lock-outs meet each endpoint, and the facts tell which one it was."""
    async with Sandbox() as sandbox:
        path = path_of(sandbox, endpoint)
        sandbox.faults.add(
            Fault(endpoint=endpoint, status=503),
            Fault(endpoint=endpoint, html=True, status=502),
            Fault(endpoint=endpoint, fail_at_end=True),
        )
        assert (await fetch(sandbox, path))[0] == 503
        status, _, body = await fetch(sandbox, path)
        assert (status, body[:9]) == (502, b"<!DOCTYPE")
        status, _, body = await fetch(sandbox, path)
        assert (status, json.loads(body)["success"]) == (200, False)
        facts = sandbox.requests[0]
        scope = None if endpoint == "accounts" else path.split("/")[2]
        assert (facts.endpoint, facts.scope_id, facts.body) == (endpoint, scope, b"")
        if scope is not None:
            sandbox.refuse(scope, endpoint, 404)
            assert (await fetch(sandbox, path))[0] == 404
            sandbox.allow(scope, endpoint)
        sandbox.lock_out()
        assert (await fetch(sandbox, path))[0] == 429
        sandbox.release()
        assert (await fetch(sandbox, path, headers={}))[0] == 401
        assert (await fetch(sandbox, path))[0] == 200


@pytest.mark.parametrize("endpoint", PATHS)
async def test_every_endpoint_is_compressed(fetch: Fetch, raw: Raw, endpoint: Endpoint) -> None:
    """What is sent in gzip is what is sent without it, byte for byte."""
    async with Sandbox() as sandbox:
        path = path_of(sandbox, endpoint)
        head, body, _ = await raw(sandbox, path, "Accept-Encoding: gzip\r\n")
        assert b"Content-Encoding: gzip" in head
        plain = (await fetch(sandbox, path))[2]
        if b"chunked" not in head:
            assert gzip.decompress(body) == plain


async def test_a_query_meets_faults_and_refusals(fetch: Fetch) -> None:
    """A query of usage is usage for faults, refusals and limits, told apart by its method."""
    async with Sandbox(quota=5) as sandbox:
        account = sandbox.account_ids[0]
        path = path_of(sandbox, "usage")
        sandbox.faults.add(
            Fault(when=lambda facts: facts.method == "POST", reset_at="after_headers")
        )
        assert (await fetch(sandbox, path))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            await fetch(sandbox, path, method="POST", body=b"{}")
        sandbox.refuse(account, "usage")
        assert (await fetch(sandbox, path, method="POST", body=b"{}"))[0] == 403
        sandbox.allow(account)
        assert (await fetch(sandbox, path, method="POST", body=b"{}"))[0] == 200
        assert (await fetch(sandbox, path, method="POST", body=b"{}"))[0] == 200
        assert (await fetch(sandbox, path, method="POST", body=b"{}"))[0] == 429
        assert b"{}" == sandbox.requests[-1].body
