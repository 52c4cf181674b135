import json

import pytest

from cfbilling.sandbox import Sandbox
from tests.sandbox.conftest import Fetch, opened, usage_path

MIB = 1024 * 1024


async def test_a_body_is_remembered(fetch: Fetch) -> None:
    """The facts of a request have its body, whatever its framing, and b"" without one."""
    async with Sandbox() as sandbox:
        path = usage_path(sandbox)
        await fetch(sandbox, path, method="POST", body=b"{}")
        await fetch(sandbox, path)
        chunked = "Transfer-Encoding: chunked\r\n"
        reader, writer = await opened(sandbox, path, chunked)
        writer.write(b"4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        writer.close()
        assert [b"{}", b"", b"Wikipedia"] == [facts.body for facts in sandbox.requests]


@pytest.mark.parametrize("surplus", [0, 1])
async def test_a_body_has_a_longest_length(fetch: Fetch, surplus: int) -> None:
    """A body of more than one MiB is read to its end, refused with 413 and not kept."""
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billable/usage"
        body = b"{}" + b" " * (MIB - 2 + surplus)
        status, _, answer = await fetch(sandbox, path, method="POST", body=body)
        assert (413 if surplus else 200) == status
        assert json.loads(answer)["success"] is not bool(surplus)
        assert len(sandbox.requests[0].body) == (0 if surplus else MIB)
        assert (await fetch(sandbox, path))[0] == 200


@pytest.mark.parametrize(
    "headers", ["Content-Length: -1\r\n", "Content-Length: x\r\n", "Transfer-Encoding: chunked\r\n"]
)
async def test_a_body_without_a_length_is_malformed(headers: str) -> None:
    """A length that is no number ends the connection with 400."""
    async with Sandbox() as sandbox:
        reader, writer = await opened(sandbox, usage_path(sandbox), headers)
        writer.write(b"nonsense\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_only_usage_can_be_posted_to(fetch: Fetch) -> None:
    """A method that an endpoint does not know is 405, and the answer names the others."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        for path, allowed in (("billable/usage", "GET, POST"), ("billable-usage", "GET")):
            status, headers, _ = await fetch(sandbox, f"/accounts/{account}/{path}", method="PUT")
            assert (405, allowed) == (status, headers["Allow"])
        status, headers, _ = await fetch(sandbox, "/accounts", method="POST", body=b"{}")
        assert (405, "GET") == (status, headers["Allow"])
        assert sandbox.requests[-1].scope_id is None
