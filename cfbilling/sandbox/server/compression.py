"""Compression of a body while it is written."""

import zlib
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol

__all__ = ["Compression", "Compressor", "Compressors", "Encoding"]

Encoding = Literal["identity", "gzip", "deflate", "br", "zstd"]
Compression = Literal["auto", "off", "gzip", "deflate", "br", "zstd"]

_GZIP_BITS = 16 + zlib.MAX_WBITS
# The usual effort of brotli, eleven, is meant for files that are compressed once.
_BROTLI_QUALITY = 4


class Compressor(Protocol):
    """One body's compression."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is ready after these bytes."""
        ...

    def flush(self) -> bytes:
        """Return the rest, up to the end of the compressed body."""
        ...


class _Brotli:
    def __init__(self) -> None:
        self._stream: Any = import_module("brotli").Compressor(quality=_BROTLI_QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        compressed: bytes = self._stream.process(data)
        return compressed

    def flush(self) -> bytes:
        compressed: bytes = self._stream.finish()
        return compressed


class Compressors:
    """The compression of every body of a sandbox.

    Args:
        compression: The only encoding, or how to choose it.
        gzip_level: Effort of gzip and deflate.
        zstd_window_log: Binary logarithm of the window of zstd; None for its default.

    Raises:
        ImportError: The encoding needs a module that is not installed.
        ValueError: zstd cannot have such a window.
    """

    def __init__(
        self, compression: Compression, *, gzip_level: int = 6, zstd_window_log: int | None = None
    ) -> None:
        self._offered: tuple[Encoding, ...]
        self._gzip_level = gzip_level
        self._zstd_window_log = zstd_window_log
        match compression:
            case "off":
                self._offered = ()
            case "auto":
                self._offered = ("gzip", "deflate")
            case encoding:
                self._offered = (encoding,)
        for encoding in self._offered:
            # What is missing or wrong is better told now than to the first client.
            self._compressor(encoding)

    def negotiated(self, accept_encoding: str) -> Encoding:
        """Choose the first encoding that is offered and that the client accepts."""
        for encoding in self._offered:
            if _accepts(accept_encoding, encoding):
                return encoding
        return "identity"

    def encoded(self, pieces: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
        """Compress *pieces* one by one."""
        if encoding == "identity":
            yield from pieces
            return
        compressor = self._compressor(encoding)
        for piece in pieces:
            yield compressor.compress(piece)
        yield compressor.flush()

    def _compressor(self, encoding: Encoding) -> Compressor:
        if encoding == "br":
            return _Brotli()
        if encoding == "zstd":
            return _zstd_compressor(self._zstd_window_log)
        bits = _GZIP_BITS if encoding == "gzip" else zlib.MAX_WBITS
        return zlib.compressobj(self._gzip_level, zlib.DEFLATED, bits)


def _zstd_compressor(window_log: int | None) -> Compressor:
    module = _zstd_module()
    parameter = module.CompressionParameter.window_log
    options = None if window_log is None else {parameter: window_log}
    compressor: Compressor = module.ZstdCompressor(options=options)
    return compressor


def _zstd_module() -> ModuleType:
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")


def _accepts(accept_encoding: str, encoding: Encoding) -> bool:
    return encoding in map(_coding, accept_encoding.lower().split(","))


def _coding(item: str) -> str:
    name, _, weight = item.replace(" ", "").partition(";q=")
    refused = weight and not weight.strip("0.")
    return "" if refused else name
