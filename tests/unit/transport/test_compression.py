import gzip
import json
import random
import types
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfbilling.errors import DecodeError, TransportError
from cfbilling.transport.compression import Codings, first_module
from tests.unit.strategies import cut_up

MOST = 64 * 1024
PLAIN = json.dumps([{"n": index, "s": "\u00e9" * 3} for index in range(40)]).encode()


@pytest.fixture(params=["zlib", "isal"])
def codings(request: pytest.FixtureRequest) -> Codings:
    """Inflate with and without the extra that makes it faster."""

    def find(*names: str) -> types.ModuleType | None:
        hidden = request.param == "zlib" and "isal.isal_zlib" in names
        return None if hidden else first_module(*names)

    return Codings(find)


def raw_deflate(plain: bytes) -> bytes:
    """Compress without any wrapper."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


def coded(kind: str, plain: bytes) -> tuple[str | None, bytes]:
    """Return the header and the bytes of a coding."""
    half = len(plain) // 2
    members = gzip.compress(plain[:half], mtime=0) + gzip.compress(plain[half:], mtime=0)
    return {
        "gzip": ("gzip", gzip.compress(plain, mtime=0)),
        "members": ("gzip", members),
        "zlib": ("deflate", zlib.compress(plain)),
        "raw": ("deflate", raw_deflate(plain)),
        "plain": ("identity", plain),
        "none": (None, plain),
    }[kind]


def inflated(codings: Codings, header: str | None, pieces: list[bytes]) -> list[bytes]:
    """Return the plain pieces of a body, verified to its end."""
    inflater = codings.inflater_for(header)
    plain = [piece for received in pieces for piece in inflater.inflate(received)]
    inflater.finish()
    return plain


KINDS = ["gzip", "members", "zlib", "raw", "plain", "none"]
COMPRESSED = ["gzip", "members", "zlib", "raw"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), plain=st.binary(max_size=300))
def test_a_body_comes_out_as_it_was(
    codings: Codings, kind: str, data: st.DataObject, plain: bytes
) -> None:
    """Split anywhere, a body of any coding is inflated to its plain bytes."""
    header, body = coded(kind, plain)
    assert plain == b"".join(inflated(codings, header, data.draw(cut_up(body))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1, 2 * MOST, 5 * MOST + 7])
def test_pieces_are_bounded(codings: Codings, kind: str, size: int) -> None:
    """No piece is longer than 64 KiB or empty, also at the very bound."""
    plain = random.Random(1).randbytes(size)
    header, body = coded(kind, plain)
    for pieces in ([body], [body[index : index + 1000] for index in range(0, len(body), 1000)]):
        found = inflated(codings, header, pieces)
        assert plain == b"".join(found)
        assert max(map(len, found)) <= MOST
        assert min(map(len, found)) > 0


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_bomb_comes_in_bounded_pieces(codings: Codings, kind: str) -> None:
    """A few kilobytes that become megabytes are inflated a bounded piece at a time."""
    size = 20 * 1024 * 1024
    header, body = coded(kind, bytes(size))
    lengths = [len(piece) for piece in inflated(codings, header, [body])]
    assert size == sum(lengths)
    assert max(lengths) <= MOST


def test_a_bomb_is_inflated_only_as_far_as_asked(codings: Codings) -> None:
    """Whoever stops asking gets no further piece: what comes is inflated when it is asked for."""
    _, body = coded("gzip", bytes(20 * 1024 * 1024))
    inflater = codings.inflater_for("gzip")
    pieces = inflater.inflate(body)
    assert (MOST, MOST) == (len(next(pieces)), len(next(pieces)))
    with pytest.raises(TransportError):
        inflater.finish()


@pytest.mark.parametrize("kind", ["gzip", "zlib", "raw"])
def test_a_part_of_a_body_never_passes(codings: Codings, kind: str) -> None:
    """A coded body that ends early at any byte but the first is a transport error."""
    header, body = coded(kind, PLAIN)
    for end in range(1, len(body)):
        with pytest.raises(TransportError, match="ends early"):
            inflated(codings, header, [body[:end]])


def test_a_part_of_several_members_never_passes(codings: Codings) -> None:
    """A body of two members that ends early is an error, but between them nobody can tell."""
    header, body = coded("members", PLAIN)
    seam = len(gzip.compress(PLAIN[: len(PLAIN) // 2], mtime=0))
    for end in set(range(1, len(body))) - {seam}:
        with pytest.raises(TransportError):
            inflated(codings, header, [body[:end]])
    assert PLAIN[: len(PLAIN) // 2] == b"".join(inflated(codings, header, [body[:seam]]))


@pytest.mark.parametrize("kind", ["gzip", "members", "zlib"])
def test_a_corrupt_body_never_passes(codings: Codings, kind: str) -> None:
    """A coded body with any byte changed is a transport error, or its plain bytes are right."""
    header, body = coded(kind, PLAIN)
    harmless = 0
    for index in range(1, len(body)):
        damaged = bytearray(body)
        damaged[index] ^= 0xFF
        try:
            plain = b"".join(inflated(codings, header, [bytes(damaged)]))
        except TransportError:
            continue
        harmless += 1
        assert plain == PLAIN
    # The date, the flags for the packer and its system, of each member.
    assert harmless <= 12


@pytest.mark.parametrize("garbage", [b"x", b"\x00" * 8, b"<html>"])
def test_garbage_after_the_end_never_passes(codings: Codings, garbage: bytes) -> None:
    """What follows a gzip body and is no gzip is an error."""
    header, body = coded("gzip", PLAIN)
    with pytest.raises(TransportError):
        inflated(codings, header, [body + garbage])
    with pytest.raises(TransportError):
        inflated(codings, header, [body, garbage])


@pytest.mark.parametrize("header", ["gzip", "deflate", "identity", None])
def test_an_empty_body_is_empty(codings: Codings, header: str | None) -> None:
    """A body of no bytes has no pieces and is no error here."""
    assert [] == inflated(codings, header, [])
    assert [] == inflated(codings, header, [b""])


@pytest.mark.parametrize("header", ["gzip", "GZIP", " gzip ", "x-gzip"])
def test_a_coding_is_known_by_any_spelling(codings: Codings, header: str) -> None:
    """Case, white space and the old prefix of a coding do not count."""
    assert PLAIN == b"".join(inflated(codings, header, [gzip.compress(PLAIN)]))


@pytest.mark.parametrize("header", ["", "identity", "IDENTITY"])
def test_no_coding_is_identity(codings: Codings, header: str) -> None:
    """Without a coding the bytes are plain."""
    assert PLAIN == b"".join(inflated(codings, header, [PLAIN]))


@pytest.mark.parametrize("header", ["compress", "gzip, gzip", "gzip, deflate", "x" * 5000])
def test_an_unknown_coding_is_a_decode_error(codings: Codings, header: str) -> None:
    """A coding that was not asked for is told, shortly."""
    with pytest.raises(DecodeError, match="content coding") as caught:
        codings.inflater_for(header)
    assert len(str(caught.value)) < 100


def test_only_what_is_installed_is_asked_for() -> None:
    """Without further modules, gzip and deflate are asked for, and no other coding is taken."""
    codings = Codings(lambda *_: None)
    assert codings.accept_encoding == "gzip, deflate"
    for header in ("br", "zstd"):
        with pytest.raises(DecodeError):
            codings.inflater_for(header)


def test_an_old_brotli_is_not_asked_for() -> None:
    """A brotli that cannot bound its pieces is left alone."""
    old = types.ModuleType("brotli")
    vars(old)["Decompressor"] = type("Decompressor", (), {})
    codings = Codings(lambda *names: old if "brotli" in names else None)
    assert codings.accept_encoding == "gzip, deflate"
