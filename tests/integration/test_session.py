"""What goes over the wire, and what never does."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from cfbilling import (
    ApiError,
    ApiKey,
    ApiToken,
    BillingClient,
    BillingError,
    ConfigurationError,
    DecodeError,
    QuotaPolicy,
    ResponseTooLarge,
    RetryPolicy,
    Timeouts,
    TransportError,
    __version__,
)
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import ClientMaker

ONCE = RetryPolicy(attempts=1)
SECRET = "s3cr3t-t0ken"
ACCOUNT = "a" * 32
JANUARY = date(2025, 1, 1), date(2025, 2, 1)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def byte_server(answer: Answer) -> AsyncIterator[str]:
    """Serve hand-written bytes, for what no well-behaved server sends."""
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in connections:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in connections), return_exceptions=True)


async def test_a_token_travels_as_bearer(client_for: ClientMaker) -> None:
    """A token is sent in Authorization, and no other credential header is."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        await client.billing_profile(sandbox.account_ids[0])
        headers = sandbox.requests[0].headers
        assert f"Bearer {sandbox.api_token}" == headers["authorization"]
        assert "x-auth-key" not in headers
        assert f"cfbilling/{__version__}" == headers["user-agent"]
        assert {"gzip", "deflate"} <= set(headers["accept-encoding"].split(", "))


async def test_a_key_travels_as_the_pair(client_for: ClientMaker) -> None:
    """A global key is sent with its e-mail address, and no Authorization is."""
    async with Sandbox() as sandbox:
        pair = ApiKey(sandbox.email, sandbox.api_key)
        async with client_for(sandbox, credentials=pair) as client:
            await client.billing_profile(sandbox.account_ids[0])
        headers = sandbox.requests[0].headers
        assert (sandbox.email, sandbox.api_key) == (headers["x-auth-email"], headers["x-auth-key"])
        assert "authorization" not in headers


async def test_redirects_are_not_followed(client_for: ClientMaker) -> None:
    """A redirect is an error with its status, and the other server sees no request."""
    async with Sandbox() as other, Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(Fault(redirect=f"{other.base_url}/accounts/x", times=None))
        with pytest.raises(ApiError, match="redirect") as caught:
            await client.billing_profile(sandbox.account_ids[0])
        assert caught.value.status == 302
        assert len(sandbox.requests) == 1
        assert [] == other.requests


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.example.com/client/v4",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "api.example.com",
        "https://user:pw@api.example.com",
        "https://api.example.com/?x=1",
        "http://192.168.1.1/",
        "",
    ],
)
async def test_credentials_go_nowhere_unsafe(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base URL that is not https (or loopback) is refused before anything is opened."""
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", base_url or "http://example.com")
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        BillingClient(ApiToken(SECRET), base_url=base_url or None)
    assert "pw" not in str(caught.value)


async def test_an_injected_id_stays_out_of_the_path(client_for: ClientMaker) -> None:
    """An id that is no id never gets into a request."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        for bad in ("../" * 8, "a" * 31, "a" * 33, "A" * 32, "a" * 31 + "\n", "", None, 7):
            with pytest.raises(ConfigurationError, match="account_id"):
                await client.billing_profile(bad)  # type: ignore[arg-type]  # wrong on purpose
        assert [] == sandbox.requests


@pytest.mark.parametrize("compression", ["auto", "off"])
async def test_the_size_limit_counts_after_decompression(
    client_for: ClientMaker, compression: str
) -> None:
    """A body beyond max_response_bytes is refused, however small it was on the wire."""
    async with Sandbox(compression=compression, records_per_day=200) as sandbox:  # type: ignore[arg-type]  # parametrised
        account = sandbox.account_ids[0]
        async with client_for(sandbox, max_response_bytes=1_000_000) as client:
            with pytest.raises(ResponseTooLarge, match="1000000") as caught:
                await client.usage(account, "2025-01-01", "2025-02-01").collect()
            assert ("usage", account) == (caught.value.endpoint, caught.value.scope_id)
        assert len(sandbox.requests) == 1


async def test_a_borrowed_session_stays_open(client_for: ClientMaker) -> None:
    """A session that was lent works with any settings of its own, and is never closed."""
    async with (
        Sandbox() as sandbox,
        aiohttp.ClientSession(raise_for_status=True, auto_decompress=True) as session,
    ):
        account = sandbox.account_ids[0]
        async with client_for(sandbox, session=session) as client:
            assert len(await client.usage(account, "2025-01-01", "2025-02-01").collect()) > 0
            with pytest.raises(ApiError):
                await client.billing_profile("f" * 32)
        assert not session.closed


async def test_tracing_hooks_see_the_requests(client_for: ClientMaker) -> None:
    """Aiohttp's trace configurations are used by the session that the client opens."""
    seen: list[str] = []

    async def on_start(
        _session: aiohttp.ClientSession,
        _context: object,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        seen.append(params.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    async with Sandbox() as sandbox, client_for(sandbox, trace_configs=[trace]) as client:
        await client.billing_profile(sandbox.account_ids[0])
        assert [f"/client/v4/accounts/{sandbox.account_ids[0]}/billing/profile"] == seen


async def test_a_connection_that_nobody_accepts_is_a_transport_error() -> None:
    """A refused connection is retried, and ends as TransportError with its attempts."""
    async with byte_server(lambda _reader, _writer: asyncio.sleep(0)) as url:
        pass
    retry = RetryPolicy(attempts=2, initial_wait=0)
    async with BillingClient(ApiToken(SECRET), base_url=url, retry=retry) as client:
        with pytest.raises(TransportError) as caught:
            await client.billing_profile(ACCOUNT)
    assert caught.value.attempts == 2
    assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorError)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    "beginning",
    [b"", HEAD, b"HTTP/1.1 103 Early Hints\r\n\r\n", HEAD + b"\r\n", HEAD + b'\r\n{"success'],
)
async def test_a_server_that_falls_silent_times_out(beginning: bytes) -> None:
    """Silence at any point of an answer is a TransportError after the read timeout."""
    forever = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await forever.wait()

    async with byte_server(silent) as url:
        timeout = Timeouts(connect=5, read=0.05)
        async with BillingClient(
            ApiToken(SECRET), base_url=url, retry=ONCE, timeout=timeout
        ) as client:
            with pytest.raises(TransportError, match="timed out"):
                await client.billing_profile(ACCOUNT)
        forever.set()


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"])
async def test_what_has_come_is_not_late(before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that came while the event loop stood still is taken, however long it stood."""
    loop = asyncio.get_running_loop()
    now = loop.time

    async def stalled(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = HEAD + b"\r\n" + (b'{"success":true,"result":{"id":"1"}}').ljust(100)
        writer.write(before)
        for _ in range(50):
            await asyncio.sleep(0)
        writer.write(answer[len(before) :])
        monkeypatch.setattr(loop, "time", lambda: now() + 1000)

    async with byte_server(stalled) as url:
        timeout = Timeouts(connect=5, read=5)
        async with BillingClient(
            ApiToken(SECRET), base_url=url, retry=ONCE, timeout=timeout
        ) as client:
            assert "1" == (await client.billing_profile(ACCOUNT)).id


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000,
        b"",
    ],
)
async def test_what_is_not_http_is_a_transport_error(answer: bytes) -> None:
    """Bytes that are no HTTP response are a TransportError that shows no credentials."""

    async def send(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with (
        byte_server(send) as url,
        BillingClient(ApiToken(SECRET), base_url=url, retry=ONCE) as client,
    ):
        with pytest.raises(TransportError) as caught:
            await client.billing_profile(ACCOUNT)
    chain: list[str] = traceback.format_exception(caught.value)
    cause = caught.value.__cause__
    while cause is not None:
        chain.append(repr(cause) + str(vars(cause)))
        cause = cause.__cause__
    assert SECRET not in "".join(chain)


async def test_secrets_and_persons_appear_nowhere(
    client_for: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    """With all logging on, no token, key, e-mail or profile field is in a log, repr or error."""
    caplog.set_level("DEBUG", logger="cfbilling")
    async with Sandbox() as sandbox:
        account = sandbox.account_ids[0]
        person = sandbox.expected_profile(account)
        public = {str(person[name]) for name in ("id", "account_type", "country")}
        private = {text for text in map(str, person.values()) if len(text) > 5} - public
        texts: list[str] = []
        pair = ApiKey(sandbox.email, sandbox.api_key)
        for credentials in (ApiToken(sandbox.api_token), pair):
            async with client_for(sandbox, credentials=credentials) as client:
                texts += [repr(await client.billing_profile(account)), repr(credentials)]
                texts += [repr(client), str(vars(client))]
                await client.usage(account, "2025-01-01", "2025-02-01").collect()
                sandbox.faults.add(Fault(end_at=400), Fault(status=403))
                with pytest.raises(BillingError) as caught:
                    await client.billing_profile(account)
                texts += traceback.format_exception(caught.value)
        secrets = {sandbox.api_token, sandbox.api_key, sandbox.email} | private
        said = "".join(texts) + caplog.text
        assert set() == {secret for secret in secrets if secret in said}
        assert "RequestSent" in caplog.text


@pytest.mark.parametrize("ask", ["billing_profile", "usage", "paygo_usage", "organization_usage"])
async def test_an_answer_that_nobody_asked_for_is_nobody_s(
    client_for: ClientMaker, ask: str
) -> None:
    """What comes on an idle connection is not taken for the answer to the next request."""
    async with (
        Sandbox(organizations=2, records_per_day=1) as sandbox,
        client_for(sandbox, concurrency=1) as client,
    ):

        async def answer() -> object:
            if ask == "billing_profile":
                return await client.billing_profile(own)
            return await getattr(client, ask)(own, "2025-01-01", "2025-01-05").collect()

        ids = sandbox.organization_ids if "organization" in ask else sandbox.account_ids
        own, other = ids[:2]
        sandbox.faults.add(Fault(unsolicited=other))
        first = await answer()
        for _ in range(200):
            await asyncio.sleep(0)
        assert first == await answer()


async def test_an_answer_that_overtakes_is_refused(client_for: ClientMaker) -> None:
    """Also when it comes after the next request was sent, another account's usage is an error."""
    late = asyncio.Event()
    async with (
        Sandbox() as sandbox,
        client_for(sandbox, concurrency=1, retry=ONCE) as client,
    ):
        own, other = sandbox.account_ids[:2]
        sandbox.faults.add(Fault(unsolicited=other, unsolicited_until=late))
        assert await client.usage(own, "2025-01-01", "2025-01-05").collect()
        asking = asyncio.ensure_future(client.usage(own, "2025-01-01", "2025-01-05").collect())
        for _ in range(50):
            await asyncio.sleep(0)
        late.set()
        with pytest.raises(DecodeError, match="another account"):
            await asking


async def test_an_answer_that_comes_twice_is_not_the_next_chunk_s(client_for: ClientMaker) -> None:
    """A copy of one chunk's answer in place of the next is an error, not an empty chunk."""
    late = asyncio.Event()
    async with (
        Sandbox() as sandbox,
        client_for(sandbox, concurrency=1, retry=ONCE) as client,
    ):
        own = sandbox.account_ids[0]
        sandbox.faults.add(Fault(unsolicited=own, unsolicited_until=late))
        stream = client.usage(own, "2025-01-01", "2025-04-01")
        first = [await anext(stream) for _ in sandbox.expected_usage(own, *JANUARY)]
        assert len(first) == 31 * 12
        asking = asyncio.ensure_future(anext(stream))
        for _ in range(50):
            await asyncio.sleep(0)
        late.set()
        with pytest.raises(DecodeError, match="another range") as caught:
            await asking
        assert str(caught.value.chunk) == "[2025-02-01, 2025-03-04)"


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_netrc_of_a_lent_session_signs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    """A lent session whose .netrc knows the service is refused; one that does not is used."""
    file = tmp_path / "netrc"
    file.write_text(f"machine {'127.0.0.1' if is_known else 'else'} login a password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(file))
    async with Sandbox() as sandbox, aiohttp.ClientSession(trust_env=True) as lent:
        pair = ApiKey(sandbox.email, sandbox.api_key)
        client = BillingClient(pair, base_url=sandbox.base_url, session=lent)
        if is_known:
            with pytest.raises(ConfigurationError, match="netrc"):
                await client.__aenter__()
            assert [] == sandbox.requests
        else:
            async with client:
                await client.billing_profile(sandbox.account_ids[0])
            assert "authorization" not in sandbox.requests[0].headers


async def test_a_hook_that_raises_fails_at_once_and_alone(client_for: ClientMaker) -> None:
    """An exception of a tracing hook is an error of that request, and no slot or leave is lost."""
    is_broken = True

    async def hook(*_: object) -> None:
        if is_broken:
            raise ZeroDivisionError

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(hook)
    async with (
        Sandbox() as sandbox,
        client_for(
            sandbox, trace_configs=[trace], concurrency=1, assumed_quota=QuotaPolicy(4)
        ) as client,
    ):
        account = sandbox.account_ids[0]
        for _ in range(3):
            with pytest.raises(TransportError, match="ZeroDivisionError") as caught:
                await client.billing_profile(account)
            assert caught.value.attempts == 1
        is_broken = False
        assert (await client.billing_profile(account)).id
        assert len(sandbox.requests) == 1
