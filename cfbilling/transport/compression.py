"""Content codings: received bytes to plain bytes, never more than a bounded piece at a time.

A few kilobytes of gzip can be megabytes of JSON. Whoever inflates a received piece in one go
stalls the event loop and holds all of it in memory; here the caller gets a turn between pieces.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from cfbilling.errors import DecodeError, TransportError

__all__ = ["Codings", "Finder", "Inflater", "first_module"]

_PIECE = 64 * 1024
_INPUT = 8 * 1024
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_LOW_NIBBLE = 0x0F
_ZLIB_METHOD = 8
_ZSTD_WINDOW_LOG = 23


Finder: TypeAlias = Callable[..., ModuleType | None]
"""Returns the first module that is installed of the names that it is given."""


class Inflater(Protocol):
    """One body's content coding."""

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of what was received, in bounded pieces.

        Raises:
            TransportError: If the data is corrupt.
        """
        ...

    def finish(self) -> None:
        """Verify that the coded data came to its own end.

        Raises:
            TransportError: If it ends early.
        """
        ...


class _Identity:
    def inflate(self, data: bytes) -> Iterator[bytes]:
        for begin in range(0, len(data), _PIECE):
            yield data[begin : begin + _PIECE]

    def finish(self) -> None:
        """Accept any end: only the JSON inside can tell."""


class _Zlib:
    """Gzip (also of several members) and deflate (with or without the zlib wrapper).

    It takes a part of what was received at a time, since what it leaves over is copied each time.
    """

    def __init__(self, coding: str, fast: ModuleType | None) -> None:
        self._coding = coding
        self._module: Any = fast or zlib
        self._error: type[Exception] = getattr(fast, "IsalError", zlib.error)
        self._stream: Any = None

    def _wbits(self, first: int) -> int:
        if self._coding == "gzip":
            return _GZIP_WBITS
        return zlib.MAX_WBITS if first & _LOW_NIBBLE == _ZLIB_METHOD else -zlib.MAX_WBITS

    def inflate(self, data: bytes) -> Iterator[bytes]:
        for begin in range(0, len(data), _INPUT):
            rest, piece = data[begin : begin + _INPUT], b""
            while rest or len(piece) == _PIECE:
                if self._stream is None or (self._stream.eof and rest):
                    self._stream = self._module.decompressobj(self._wbits(rest[0]))
                stream = self._stream
                try:
                    piece = stream.decompress(rest, _PIECE)
                except self._error as error:
                    raise TransportError(f"the {self._coding} body is corrupt") from error
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
                if piece:
                    yield piece

    def finish(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise TransportError(f"the {self._coding} body ends early")


class _Zstd:
    def __init__(self, module: ModuleType) -> None:
        self._module = module
        # RFC 9659: what may be sent needs no more memory than this.
        self._options = {module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._stream: Any = None

    def inflate(self, data: bytes) -> Iterator[bytes]:
        piece = b""
        while data or (len(piece) == _PIECE and not self._stream.eof):
            if self._stream is None or self._stream.eof:
                self._stream = self._module.ZstdDecompressor(options=self._options)
            try:
                piece = self._stream.decompress(data, _PIECE)
            except self._module.ZstdError as error:
                raise TransportError("the zstd body is corrupt") from error
            data = self._stream.unused_data if self._stream.eof else b""
            if piece:
                yield piece

    def finish(self) -> None:
        if self._stream is not None and not self._stream.eof:
            raise TransportError("the zstd body ends early")


class _Brotli:
    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._stream = module.Decompressor()
        self._began = False

    def inflate(self, data: bytes) -> Iterator[bytes]:
        self._began = True
        piece = b""
        # It says that it accepts more while output is left over, so only silence tells.
        while data or piece or not self._stream.can_accept_more_data():
            try:
                piece = self._stream.process(data, output_buffer_limit=_PIECE)
            except self._module.error as error:
                raise TransportError("the br body is corrupt") from error
            data = b""
            if piece:
                yield piece

    def finish(self) -> None:
        if self._began and not self._stream.is_finished():
            raise TransportError("the br body ends early")


def first_module(*names: str) -> ModuleType | None:
    """Return the first of these modules that is installed, if any is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _makers(find: Finder) -> Mapping[str, Callable[[], Inflater]]:
    # The same as zlib, nearly three times as fast.
    isal = find("isal.isal_zlib")
    makers: dict[str, Callable[[], Inflater]] = {
        "gzip": lambda: _Zlib("gzip", isal),
        "deflate": lambda: _Zlib("deflate", isal),
    }
    brotli = find("brotli")
    # Older releases cannot bound what they return for a piece.
    if brotli is not None and hasattr(brotli.Decompressor, "can_accept_more_data"):
        makers["br"] = lambda: _Brotli(brotli)
    zstd = find("compression.zstd", "backports.zstd")
    if zstd is not None:
        makers["zstd"] = lambda: _Zstd(zstd)
    return makers


class Codings:
    """The content codings that this installation can inflate.

    Args:
        find: The search for the modules that do it.

    Attributes:
        accept_encoding: The header that asks for them.
    """

    def __init__(self, find: Finder = first_module) -> None:
        self._makers = _makers(find)
        self.accept_encoding = ", ".join(self._makers)

    def inflater_for(self, content_encoding: str | None) -> Inflater:
        """Return the inflater for a ``Content-Encoding`` header.

        Raises:
            DecodeError: If we did not ask for that coding.
        """
        coding = (content_encoding or "identity").strip().lower()
        if coding == "identity":
            return _Identity()
        maker = self._makers.get(coding.removeprefix("x-"))
        if maker is None:
            raise DecodeError(f"a content coding that was not asked for: {coding[:40]}")
        return maker()
