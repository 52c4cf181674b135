import json
import zlib
from datetime import date

import aiohttp
import pytest

from cfbilling.sandbox import Fault, RequestFacts, Sandbox
from tests.sandbox.conftest import Fetch, Raw, dechunked, usage_path

GZIP = "Accept-Encoding: gzip\r\n"


async def test_a_status_can_be_scripted(fetch: Fetch) -> None:
    """A scripted status comes with a failure envelope and the usual or the given codes."""
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.faults.add(
            Fault(status=503),
            Fault(status=429, retry_after=7),
            Fault(status=400, error_codes=(1183, 4711)),
            Fault(status=520),
        )
        replies = [await fetch(sandbox, path) for _ in range(5)]
        assert [status for status, _, _ in replies] == [503, 429, 400, 520, 200]
        codes = [
            [error.get("code") for error in json.loads(body)["errors"]] for _, _, body in replies
        ]
        assert codes == [[None], [10040], [1183, 4711], [None], []]
        assert replies[1][1]["Retry-After"] == "7"
        assert all("cf-ray" in headers for _, headers, _ in replies)
        assert sandbox.statuses == {503: 1, 429: 1, 400: 1, 520: 1, 200: 1}
        assert [facts.status for facts in sandbox.requests] == [503, 429, 400, 520, 200]


async def test_headers_can_be_scripted(fetch: Fetch) -> None:
    """Dates to retry after, other headers and a missing cf-ray can all be had."""
    moment = "Wed, 21 Oct 2026 07:28:00 GMT"
    async with Sandbox() as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.faults.add(
            Fault(status=503, retry_after=moment, cf_ray=False, headers={"Ratelimit": "odd"})
        )
        _, headers, _ = await fetch(sandbox, path)
        assert headers["Retry-After"] == moment
        assert headers["Ratelimit"] == "odd"
        assert "cf-ray" not in headers


@pytest.mark.parametrize("status", [None, 502])
async def test_a_page_can_come_instead_of_json(fetch: Fetch, status: int | None) -> None:
    """A proxy's HTML page can be answered, with status 200 too."""
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(html=True, status=status))
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        answered, headers, body = await fetch(sandbox, path)
        assert answered == (status or 200)
        assert headers["Content-Type"].startswith("text/html")
        assert body.startswith(b"<!DOCTYPE html>")


async def test_a_redirect_can_be_scripted(fetch: Fetch) -> None:
    """A request can be sent elsewhere."""
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(redirect="http://127.0.0.1:9/elsewhere"))
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        status, headers, body = await fetch(sandbox, path)
        assert (status, headers["Location"]) == (302, "http://127.0.0.1:9/elsewhere")
        assert body == b""


async def test_a_status_without_body_has_none(raw: Raw) -> None:
    """A 204 ends with its headers."""
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(status=204))
        head, body, reset = await raw(sandbox, usage_path(sandbox))
        assert head.startswith(b"HTTP/1.1 204 ")
        assert (body, reset) == (b"", False)


async def test_failure_can_come_after_the_whole_result(fetch: Fetch) -> None:
    """`success: false` can end a body whose result is complete, at status 200."""
    async with Sandbox(cache_bodies=True) as sandbox:
        sandbox.faults.add(Fault(fail_at_end=True, error_codes=(971,)))
        path = usage_path(sandbox)
        status, _, body = await fetch(sandbox, path)
        envelope = json.loads(body)
        assert (status, envelope["success"]) == (200, False)
        assert envelope["errors"][0]["code"] == 971
        assert len(envelope["result"]) == 12
        assert json.loads((await fetch(sandbox, path))[2])["success"] is True


@pytest.mark.parametrize(
    ("point", "shown", "status"),
    [
        ("before_headers", b"", None),
        ("inside_headers", b"HTTP/1.1 200 OK", None),
        ("after_headers", b"HTTP/1.1 200 OK", 200),
    ],
)
async def test_a_reset_around_the_headers(raw: Raw, point: str, shown: bytes, status: int) -> None:
    """The connection can be reset before, inside and just after the headers."""
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(reset_at=point))  # type: ignore[arg-type]
        head, body, reset = await raw(sandbox, usage_path(sandbox))
        assert head.startswith(shown)
        assert (body, reset) == (b"", True)
        assert (b"cf-ray" in head and b"Ratelimit-Policy" in head) is (point == "after_headers")
        assert sandbox.requests[0].status == status


@pytest.mark.parametrize("records", [12, 2000])
@pytest.mark.parametrize("headers", ["", GZIP])
@pytest.mark.parametrize("place", [0, 1, 777])
@pytest.mark.parametrize("kind", ["reset", "close", "end"])
async def test_a_body_cut_short(
    raw: Raw, kind: str, place: int, headers: str, records: int
) -> None:
    """Exactly the scripted bytes of the encoded body arrive, and then what was scripted."""
    fault = {
        "reset": Fault(reset_at=place),
        "close": Fault(close_at=place),
        "end": Fault(end_at=place),
    }[kind]
    async with Sandbox(records_per_day=records) as sandbox:
        _, whole, _ = await raw(sandbox, usage_path(sandbox), headers)
        sandbox.faults.add(fault)
        head, body, reset = await raw(sandbox, usage_path(sandbox), headers)
        assert reset is (kind == "reset")
        if b"Transfer-Encoding: chunked" in head:
            assert body.endswith(b"0\r\n\r\n") is (kind == "end")
            body, whole = dechunked(body), dechunked(whole)
        else:
            length = place if kind == "end" else len(whole)
            assert f"Content-Length: {length}\r\n".encode() in head
        assert body == whole[:place]


@pytest.mark.parametrize("records", [12, 2000])
async def test_a_client_sees_a_cut_only_if_http_does(fetch: Fetch, records: int) -> None:
    """An early close breaks the transfer; an early end is found out by the parser alone."""
    async with Sandbox(records_per_day=records, compression="off") as sandbox:
        sandbox.faults.add(Fault(end_at=1000), Fault(close_at=1000), Fault(reset_at=1000))
        _, _, body = await fetch(sandbox, usage_path(sandbox))
        assert len(body) == 1000
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await fetch(sandbox, usage_path(sandbox))


async def test_a_truncated_gzip_can_end_properly(raw: Raw) -> None:
    """HTTP can be satisfied while the compressed stream is not finished."""
    async with Sandbox() as sandbox:
        sandbox.faults.add(Fault(end_at=500))
        _, body, _ = await raw(sandbox, usage_path(sandbox), GZIP)
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert inflater.decompress(body).startswith(b'{"errors":[]')
        assert not inflater.eof


async def test_a_byte_can_be_corrupted(raw: Raw) -> None:
    """One inverted byte of the encoded body is enough to spoil a gzip stream."""
    async with Sandbox() as sandbox:
        _, whole, _ = await raw(sandbox, usage_path(sandbox), GZIP)
        sandbox.faults.add(Fault(corrupt_at=400))
        _, body, _ = await raw(sandbox, usage_path(sandbox), GZIP)
        differing = [
            i for i, pair in enumerate(zip(whole, body, strict=True)) if len(set(pair)) > 1
        ]
        assert differing == [400]
        with pytest.raises(zlib.error):
            zlib.decompress(body, 16 + zlib.MAX_WBITS)


async def test_a_place_beyond_the_end_changes_nothing(fetch: Fetch) -> None:
    """A fault that never comes to pass leaves the answer as it was."""
    async with Sandbox() as sandbox:
        honest = (await fetch(sandbox, usage_path(sandbox)))[2]
        far = 10**9
        for fault in (
            Fault(reset_at=far),
            Fault(close_at=far),
            Fault(end_at=far),
            Fault(corrupt_at=far),
        ):
            sandbox.faults.add(fault)
            assert (await fetch(sandbox, usage_path(sandbox)))[2] == honest


async def test_faults_choose_their_requests(fetch: Fetch) -> None:
    """A fault waits for its endpoint, scope, query or predicate, and others pass it by."""
    async with Sandbox(accounts=2) as sandbox:
        first, second = sandbox.account_ids
        sandbox.faults.add(
            Fault(status=500, endpoint="paygo_usage"),
            Fault(status=501, scope_id=second),
            Fault(status=502, query={"from": "2025-05-08"}),
            Fault(status=503, when=lambda facts: "metric" in facts.query),
        )
        pending = len(sandbox.faults.pending)
        assert pending == 4

        async def status(account: str, path: str, **query: str) -> int:
            return (await fetch(sandbox, f"/accounts/{account}/{path}", query))[0]

        late = {"from": "2025-05-08", "to": "2025-05-09"}
        assert await status(first, "billing/profile") == 200
        assert await status(first, "billable/usage", metric="x") == 503
        assert await status(first, "billable/usage", **late) == 502
        assert await status(second, "paygo-usage") == 500
        assert await status(second, "paygo-usage") == 501
        assert not sandbox.faults.pending
        assert await status(second, "paygo-usage", **late) == 200


async def test_faults_are_used_as_often_as_they_say(fetch: Fetch) -> None:
    """A fault may hit twice, or every time until it is cleared."""
    async with Sandbox() as sandbox:
        path = usage_path(sandbox)
        sandbox.faults.add(Fault(status=500, times=2), Fault(status=503, times=None))
        statuses = [(await fetch(sandbox, path))[0] for _ in range(5)]
        assert statuses == [500, 500, 503, 503, 503]
        sandbox.faults.clear()
        assert (await fetch(sandbox, path))[0] == 200


async def test_chaos_is_asked_about_the_rest(fetch: Fetch) -> None:
    """A callable sees each request that no script covers, with its honest status."""
    seen: list[int | None] = []

    def chaos(facts: RequestFacts) -> Fault | None:
        seen.append(facts.status)
        return Fault(status=500) if len(seen) % 2 else None

    async with Sandbox(chaos=chaos) as sandbox:
        sandbox.faults.add(Fault(status=418))
        statuses = [(await fetch(sandbox, usage_path(sandbox)))[0] for _ in range(4)]
        assert statuses == [418, 500, 200, 500]
        assert seen == [200, 200, 200]


async def test_the_sandbox_lives_on_after_every_fault(fetch: Fetch, raw: Raw) -> None:
    """Whatever was done to one connection, the next request is answered honestly."""
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        expected = len(list(sandbox.expected_usage(account, date(2025, 5, 1), date(2025, 5, 2))))
        sandbox.faults.add(Fault(reset_at="before_headers"), Fault(reset_at=10), Fault(close_at=10))
        for _ in range(3):
            await raw(sandbox, usage_path(sandbox))
        _, _, body = await fetch(sandbox, usage_path(sandbox))
        assert len(json.loads(body)["result"]) == expected
