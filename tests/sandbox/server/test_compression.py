import gzip
import json
import sys
import zlib
from importlib import import_module
from typing import Any

import pytest

from cfbilling.sandbox import Sandbox
from cfbilling.sandbox.server.compression import Compression, Compressors
from tests.sandbox.conftest import Raw, dechunked, usage_path

WEEK = "from=2025-05-01&to=2025-05-08"


def zstd_module() -> Any:
    """Return the module for zstd, or skip the test."""
    try:
        return import_module("compression.zstd")
    except ImportError:
        return pytest.importorskip(
            "backports.zstd", reason="needs backports.zstd, which the extra dev has"
        )


async def whole(raw: Raw, sandbox: Sandbox, path: str, accepted: str) -> tuple[bytes, bytes]:
    """Return the head and the encoded body for a client that accepts these encodings."""
    head, body, _ = await raw(sandbox, path, f"Accept-Encoding: {accepted}\r\n")
    return head, dechunked(body) if b"Transfer-Encoding: chunked" in head else body


@pytest.mark.parametrize("records", [1, 300])
async def test_compression_is_as_the_client_asks(raw: Raw, records: int) -> None:
    """Gzip and deflate bodies hold the same bytes as the plain one."""
    async with Sandbox(records_per_day=records) as sandbox:
        path = usage_path(sandbox, WEEK)
        bodies = []
        for encoding in ("identity", "gzip", "deflate"):
            head, body = await whole(raw, sandbox, path, encoding)
            assert (f"Content-Encoding: {encoding}".encode() in head) is (encoding != "identity")
            bodies.append(body)
        plain, zipped, deflated = bodies
        assert gzip.decompress(zipped) == zlib.decompress(deflated) == plain
        assert len(json.loads(plain)["result"]) == records * 7


async def test_compression_can_be_off(raw: Raw) -> None:
    """A sandbox may ignore what a client accepts."""
    async with Sandbox(compression="off", records_per_day=1) as sandbox:
        head, body, _ = await raw(sandbox, usage_path(sandbox), "Accept-Encoding: gzip\r\n")
        assert b"Content-Encoding" not in head
        assert json.loads(body)["success"] is True


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", "identity"),
        ("gzip, deflate, br", "gzip"),
        ("deflate;q=0.5, br", "deflate"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.0, DEFLATE;q=0", "identity"),
        ("br", "identity"),
    ],
)
def test_negotiation(accepted: str, encoding: str) -> None:
    """Gzip goes before deflate, and a weight of zero refuses."""
    assert Compressors("auto").negotiated(accepted) == encoding


@pytest.mark.parametrize(
    ("compression", "accepted", "encoding"),
    [
        ("off", "gzip, br, zstd", "identity"),
        ("deflate", "gzip, deflate", "deflate"),
        ("gzip", "br, zstd", "identity"),
        ("gzip", "gzip;q=0", "identity"),
    ],
)
def test_a_single_encoding(compression: Compression, accepted: str, encoding: str) -> None:
    """An encoding that was set is used if the client accepts it, and no other ever."""
    assert Compressors(compression).negotiated(accepted) == encoding


@pytest.mark.parametrize("records", [1, 300])
async def test_brotli_holds_the_same_bytes(raw: Raw, records: int) -> None:
    """A body in brotli is the plain body, for a client that accepts it."""
    brotli = pytest.importorskip("brotli", reason="needs brotli, which the extra dev has")
    async with Sandbox(compression="br", records_per_day=records) as sandbox:
        path = usage_path(sandbox, WEEK)
        _, plain = await whole(raw, sandbox, path, "gzip")
        head, coded = await whole(raw, sandbox, path, "gzip, br")
        assert b"Content-Encoding: br\r\n" in head
        assert brotli.decompress(coded) == plain
        assert len(json.loads(plain)["result"]) == records * 7


@pytest.mark.parametrize("records", [1, 300])
@pytest.mark.parametrize("window_log", [None, 10, 28])
async def test_zstd_has_the_window_that_was_set(
    raw: Raw, window_log: int | None, records: int
) -> None:
    """A body in zstd is the plain body, and needs exactly the window that was asked for."""
    zstd = zstd_module()
    async with Sandbox(
        compression="zstd", zstd_window_log=window_log, records_per_day=records
    ) as sandbox:
        path = usage_path(sandbox, WEEK)
        _, plain = await whole(raw, sandbox, path, "br")
        head, coded = await whole(raw, sandbox, path, "zstd")
        assert b"Content-Encoding: zstd\r\n" in head
        limit = zstd.DecompressionParameter.window_log_max
        assert zstd.decompress(coded, options={limit: window_log or 27}) == plain
        if window_log and window_log > 10:
            with pytest.raises(zstd.ZstdError):
                zstd.decompress(coded, options={limit: window_log - 1})


def test_an_impossible_window_is_told_at_once() -> None:
    """A window that zstd cannot have is refused before any request."""
    zstd_module()
    with pytest.raises(ValueError, match="window_log"):
        Sandbox(compression="zstd", zstd_window_log=99)


def test_a_missing_module_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding whose module is not installed is refused before any request."""
    for name in ("brotli", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        Sandbox(compression="br")
    with pytest.raises(ImportError):
        Sandbox(compression="zstd")
