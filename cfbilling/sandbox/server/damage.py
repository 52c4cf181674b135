"""What a fault does to the bytes of a body."""

from collections.abc import Iterable, Iterator

from cfbilling.sandbox.server.faults import Fault

__all__ = ["damaged", "portions"]

_ALL_BITS = 0xFF


def damaged(pieces: Iterable[bytes], fault: Fault) -> Iterator[bytes]:
    """Yield *pieces* with the corruption of a fault, and no further than its cut."""
    position, cut = 0, fault.cut_at
    for piece in pieces:
        end = position + len(piece)
        corrupted = _corrupted(piece, fault.corrupt_at, position)
        if cut is not None and end >= cut:
            yield corrupted[: cut - position]
            return
        yield corrupted
        position = end


def portions(pieces: Iterable[bytes], fault: Fault) -> Iterator[bytes]:
    """Split *pieces* so that a fault's trickle and its holding place fall between portions."""
    position = 0
    for piece in pieces:
        start = 0
        while start < len(piece):
            end = min(len(piece), start + fault.trickle) if fault.trickle else len(piece)
            if fault.hold_at is not None and position < fault.hold_at:
                end = min(end, start + fault.hold_at - position)
            yield piece[start:end]
            position += end - start
            start = end
        if not piece:
            yield piece


def _corrupted(piece: bytes, place: int | None, position: int) -> bytes:
    if place is None or not position <= place < position + len(piece):
        return piece
    copy = bytearray(piece)
    copy[place - position] ^= _ALL_BITS
    return bytes(copy)
