"""The content codings that need an extra, from a server that insists on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from random import Random

import pytest

from cfbilling import ApiToken, BillingClient, RetryPolicy, TransportError
from cfbilling.errors import DecodeError
from cfbilling.transport.compression import Codings
from tests.integration.test_session import ACCOUNT, byte_server

BODY = (
    b'{"errors":[],"messages":[],"result":{"id":"x","vat":"'
    + b"V" * 300_000
    + b'"},"success":true}'
)


def _compress(coding: str) -> Callable[[bytes], bytes]:
    module = import_module({"br": "brotli", "zstd": "backports.zstd"}[coding])
    compress: Callable[[bytes], bytes] = module.compress
    return compress


@pytest.mark.parametrize("coding", ["br", "zstd"])
async def test_a_body_in_an_optional_coding_is_read(coding: str) -> None:
    """A body in br or zstd is the same body."""
    coded = _compress(coding)(BODY)

    async def send(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(coded)}\r\n\r\n"
        )
        writer.write(head.encode() + coded)
        await writer.drain()

    async with (
        byte_server(send) as url,
        BillingClient(ApiToken("t"), base_url=url, retry=RetryPolicy(attempts=1)) as client,
    ):
        assert (await client.billing_profile(ACCOUNT)).vat == "V" * 300_000


@pytest.mark.parametrize("coding", ["br", "zstd"])
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 655_360])
def test_a_body_of_any_length_comes_to_its_end(coding: str, size: int) -> None:
    """Also a body whose plain length is a multiple of a piece ends without an error."""
    plain = Random(1).randbytes(size)
    inflater = Codings().inflater_for(coding)
    pieces = list(inflater.inflate(_compress(coding)(plain)))
    inflater.finish()
    assert plain == b"".join(pieces)


@pytest.mark.parametrize(
    ("window_log", "accepted"), [(20, True), (23, True), (24, False), (27, False)]
)
def test_a_zstd_window_is_bounded(window_log: int, *, accepted: bool) -> None:
    """A body that would need more than 8 MiB to be inflated is refused (RFC 9659)."""
    zstd = import_module("backports.zstd")
    settings = {zstd.CompressionParameter.window_log: window_log}
    packer = zstd.ZstdCompressor(options=settings)
    body = packer.compress(b"x" * 100_000) + packer.flush()
    inflater = Codings().inflater_for("zstd")
    try:
        found = b"".join(inflater.inflate(body))
        inflater.finish()
    except TransportError:
        found = b""
    assert (b"x" * 100_000 if accepted else b"") == found


@pytest.mark.parametrize("coding", ["br", "zstd"])
@pytest.mark.parametrize("step", [1, 7, 4096, 10**9])
def test_optional_codings_inflate_in_bounded_pieces(coding: str, step: int) -> None:
    """However the coded bytes arrive, the plain bytes come whole and in bounded pieces."""
    random = Random(1)
    plain = random.randbytes(1000) * 300 + b"a" * 1_000_000 + random.randbytes(5000)
    coded = _compress(coding)(plain)
    inflater = Codings().inflater_for(coding)
    pieces = [p for i in range(0, len(coded), step) for p in inflater.inflate(coded[i : i + step])]
    inflater.finish()
    assert plain == b"".join(pieces)
    # Brotli takes its limit as a hint.
    assert max(map(len, pieces)) <= 256 * 1024


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_coded_body_that_ends_early_is_a_transport_error(coding: str) -> None:
    """Wherever br or zstd data is cut off, the end is missed."""
    coded = _compress(coding)(b"some plain text " * 20)
    for end in range(1, len(coded)):
        inflater = Codings().inflater_for(coding)
        with pytest.raises(TransportError, match="early"):
            list(inflater.inflate(coded[:end]))
            inflater.finish()


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_garbage_in_a_coding_is_a_transport_error(coding: str) -> None:
    """Bytes that are not of the coding are corrupt."""
    inflater = Codings().inflater_for(coding)
    with pytest.raises(TransportError, match="corrupt"):
        list(inflater.inflate(b"\xff\xfe\xfd" * 50))


def test_what_was_not_asked_for_is_a_decode_error() -> None:
    """A coding that we did not offer is not guessed at."""
    codings = Codings()
    assert "compress" not in codings.accept_encoding
    with pytest.raises(DecodeError, match="compress"):
        codings.inflater_for("compress")
