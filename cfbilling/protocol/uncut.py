"""What is left of a body: pieces as they came, joined only where that is needed."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Uncut"]

_Piece: TypeAlias = bytes | bytearray

_MOST_PIECES = 16


class Uncut:
    """What was fed and not passed yet.

    Each copy of a whole body costs more than a per cent of making records of it. So what is wanted
    is made of the pieces that hold it, and only what came in many of them is joined.

    Attributes:
        begin: Where it begins in the first piece.
        length: How many bytes it has.
        passed: How many there were before it.
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = [b""]
        self.begin = 0
        self.length = 0
        self.passed = 0

    @property
    def first(self) -> _Piece:
        """The piece that it begins in."""
        return self._pieces[0]

    @property
    def last(self) -> _Piece:
        """The piece that it ends in; the first, if there is no other."""
        return self._pieces[-1]

    @property
    def is_one_piece(self) -> bool:
        """Whether it ends in the piece that it begins in."""
        return len(self._pieces) == 1

    def add(self, piece: bytes) -> None:
        """Go on with the next piece."""
        self.length += len(piece)
        if isinstance(self.first, bytearray):
            self.first.extend(piece)
            return
        self._pieces.append(piece)
        if self.begin == len(self.first):
            del self._pieces[0]
            self.begin = 0
        if len(self._pieces) > _MOST_PIECES:
            self.join()

    def join(self) -> bytearray:
        """Make one piece of all, until something is passed."""
        if isinstance(self.first, bytearray):
            return self.first
        joined = bytearray().join((memoryview(self.first)[self.begin :], *self._pieces[1:]))
        self._pieces = [joined]
        self.begin = 0
        return joined

    def between(self, begin: int, end: int, before: bytes, behind: bytes) -> bytes:
        """Return a part, and what is put before and behind it.

        Args:
            begin: Where it begins in the first piece.
            end: Where it ends in the last.
            before: What is put before it.
            behind: What is put behind it.
        """
        with memoryview(self.first) as first, memoryview(self.last) as last:
            if self.is_one_piece:
                return b"".join((before, first[begin:end], behind))
            return b"".join((before, first[begin:], *self._pieces[1:-1], last[:end], behind))

    def pass_to(self, end: int) -> None:
        """Leave behind what is before a place in the last piece."""
        last = self.last
        left = len(last) - end
        self.passed += self.length - left
        self.length = left
        if isinstance(last, bytearray):
            # What is added to it is copied, and what was passed of it would stay.
            last, end = bytes(memoryview(last)[end:]), 0
        self._pieces = [last]
        self.begin = end

    def rest(self) -> bytes:
        """Return all of it."""
        return self.between(self.begin, len(self.last), b"", b"")
