"""Compression of a body while it is written."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

__all__ = ["Compression", "Encoding", "encoded", "negotiated"]

Encoding = Literal["identity", "gzip", "deflate"]
Compression = Literal["auto", "off"]

_GZIP_BITS = 16 + zlib.MAX_WBITS


def negotiated(accept_encoding: str) -> Encoding:
    """Choose an encoding that the client accepts, gzip first."""
    accepted = {_coding(item) for item in accept_encoding.lower().split(",")}
    if "gzip" in accepted:
        return "gzip"
    return "deflate" if "deflate" in accepted else "identity"


def encoded(pieces: Iterable[bytes], encoding: Encoding, level: int) -> Iterator[bytes]:
    """Compress *pieces* one by one."""
    if encoding == "identity":
        yield from pieces
        return
    bits = _GZIP_BITS if encoding == "gzip" else zlib.MAX_WBITS
    compressor = zlib.compressobj(level, zlib.DEFLATED, bits)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def _coding(item: str) -> str:
    name, _, weight = item.replace(" ", "").partition(";q=")
    refused = weight and not weight.strip("0.")
    return "" if refused else name
