"""Pure: the pieces of a body in, slices of its ``result`` out, the whole verified at the end.

A slice is cut after some ``}``. Whether that is between two records is not guessed but proven: the
bytes up to there, with the array closed behind them, must be JSON. Inside a string or a nested
object they cannot be. Where the array begins is proven the same way. The proof only skips over
the JSON, so it costs a small part of decoding and can run while the body is still arriving.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

import attrs
import msgspec

from cfbilling.errors import DecodeError, TransportError
from cfbilling.protocol.envelope import Envelope
from cfbilling.protocol.proof import JsonProof, check_encoding
from cfbilling.protocol.uncut import Uncut

__all__ = ["LARGEST_RECORD", "Ending", "Slicer"]

LARGEST_RECORD = 4 * 1024 * 1024
"""Bytes without any record boundary after which a body is given up."""

_MOST_CUTS_TRIED = 4
_MOST_HEADS_TRIED = 4
_RESULT_ARRAY = re.compile(rb'"result"\s*:\s*\[')
_BEGINNING = re.compile(rb'\s*(\{\s*"[^"\\]{0,100}")')
_COMMA = re.compile(rb"[ \t\r\n]*,")
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[\[\]{}]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+("?)', re.DOTALL)
_CUT_NUMBER = re.compile(r"invalid (?:number|character) \(byte (\d+)\)$")
_ENVELOPE = msgspec.json.Decoder(Envelope)
_OPENING, _CLOSING = b"[", b"]"
_QUOTE, _BRACKETS = ord('"'), b"[{"


@attrs.frozen
class Ending:
    """What the end of a body tells.

    Attributes:
        envelope: The outer object; of its ``result`` only what no slice has given out.
        is_array: Whether ``result`` is an array.
        last_slice: The array that is left of ``result``; empty when there is none.
    """

    envelope: Envelope
    is_array: bool
    last_slice: bytes


def _ends_early(error: msgspec.DecodeError, text: bytes) -> bool:
    # A number that is cut off is called invalid, at the byte that is not there.
    broken_at = _CUT_NUMBER.search(str(error))
    at_end = broken_at is not None and int(broken_at[1]) >= len(text)
    return "truncated" in str(error) or at_end


class _RecordEnds:
    """Follows strings and brackets to where the records of an array end.

    Dearer than to guess, so only for bodies in which guessing fails: those whose records hold many
    objects that begin like a record.

    Args:
        begin: The position at which the first record begins.

    Attributes:
        last: The position at which the last whole record ends; -1 while there is none.
    """

    def __init__(self, begin: int) -> None:
        self._position = begin
        self._depth = 0
        self._is_in_string = False
        self.last = -1

    def advance(self, text: bytearray) -> None:
        """Go on to the end of what is there."""
        if self._is_in_string:
            rest = _REST_OF_STRING.match(text, self._position)
            self._position = rest.end() if rest is not None else len(text)
            if rest is None or not rest[1]:
                return
            self._is_in_string = False
        for token in _TOKEN.finditer(text, self._position):
            self._position = token.end()
            mark = text[token.start()]
            if mark == _QUOTE:
                self._is_in_string = not token[1]
                if self._is_in_string:
                    return
            elif mark in _BRACKETS:
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self.last = token.start()
        self._position = len(text)


class Slicer:
    """Cuts one body; feed it every piece, then finish it.

    Args:
        slice_bytes: About how long a slice is to be.
        proof: The proof that a text is JSON in UTF-8.

    Attributes:
        begins: Where each slice that `feed` returned last begins in the body, behind its bracket.
    """

    def __init__(self, slice_bytes: int, proof: JsonProof) -> None:
        self._proof = proof
        self._slice_bytes = slice_bytes
        self._enough = slice_bytes
        self._head = b""
        self._has_cut = False
        self._ends: _RecordEnds | None = None
        self._uncut = Uncut()
        self.begins: list[int] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece; return the slices that can now be cut, each a JSON array.

        Raises:
            DecodeError: If no record ends within `LARGEST_RECORD` bytes.
        """
        self._uncut.add(piece)
        self.begins.clear()
        slices: list[bytes] = []
        while self._uncut.length >= self._enough:
            cut = self._cut() if self._has_head() else None
            if cut is not None:
                slices.append(cut)
                self._enough, self._ends = self._slice_bytes, None
            elif self._uncut.length >= LARGEST_RECORD:
                raise DecodeError(f"no record ends within {LARGEST_RECORD} bytes", "result")
            elif self._ends is not None:
                break
            else:
                # Looking again only after twice as much keeps the cost in proportion.
                self._enough = 2 * self._enough
        return slices

    def _has_head(self) -> bool:
        if not self._head:
            text = bytes(self._uncut.join())
            ends = (match.end() for match in _RESULT_ARRAY.finditer(text))
            heads = (text[:end] for end in islice(ends, _MOST_HEADS_TRIED))
            self._head = next((head for head in heads if self._proof.is_json(head + b"]}")), b"")
            self._uncut.pass_to(len(self._head))
        return bool(self._head)

    def _cut(self) -> bytes | None:
        uncut, cut = self._uncut, None
        if self._ends is None:
            cut = self._cut_at(self._possible_ends)
            if cut is None and not uncut.is_one_piece:
                # The last piece alone may be but a part of a record.
                uncut.join()
                cut = self._cut_at(self._possible_ends)
        if cut is None:
            uncut.join()
            cut = self._cut_at(self._followed_end)
        return cut

    def _cut_at(self, ends: Callable[[int], Iterator[int]]) -> bytes | None:
        """Cut where it is proven that a record ends.

        Args:
            ends: Yields, of where the first record begins in the first piece, places in the last.
        """
        uncut = self._uncut
        begin = uncut.begin
        if self._has_cut:
            comma = _COMMA.match(uncut.first, begin)
            if comma is None:
                return None
            begin = comma.end()
        for end in ends(begin):
            text = uncut.between(begin, end + 1, _OPENING, _CLOSING)
            if self._proof.holds(text):
                self._has_cut = True
                self.begins.append(uncut.passed + begin - uncut.begin)
                uncut.pass_to(end + 1)
                return text
        return None

    def _followed_end(self, begin: int) -> Iterator[int]:
        """Yield where the last whole record ends, found by following all that is before."""
        if self._ends is None:
            self._ends = _RecordEnds(begin)
        self._ends.advance(self._uncut.join())
        if self._ends.last >= 0:
            yield self._ends.last

    def _possible_ends(self, begin: int) -> Iterator[int]:
        """Yield where the last whole record may end: before what looks like another's beginning.

        Records have their keys in one order, so they begin alike. Where they do not, the last
        few closing braces are tried.
        """
        uncut = self._uncut
        last, least = uncut.last, begin if uncut.is_one_piece else 0
        most = max(self._enough - (uncut.length - len(last)), 0)
        beginning = _BEGINNING.match(uncut.first, begin)
        alike = beginning[1] if beginning is not None else b""
        position = most
        for _ in range(_MOST_CUTS_TRIED if alike else 0):
            position = last.rfind(alike, least, position)
            end = last.rfind(b"}", least, max(position, 0))
            if position < 0 or end < 0:
                break
            yield end
        end = most
        for _ in range(_MOST_CUTS_TRIED):
            end = last.rfind(b"}", least, end)
            if end < 0:
                break
            yield end

    def finish(self) -> Ending:
        """Verify that the body was whole.

        Raises:
            TransportError: If it ends early.
            DecodeError: If it is not JSON, or no envelope.
        """
        # After a cut the text goes on with a comma or the array's end. A null before it keeps that
        # JSON, and keeps wrong what was wrong: a missing comma, or one with nothing behind it.
        lead = b"null" if self._has_cut else b""
        text = self._head + lead + self._uncut.rest()
        try:
            envelope = _ENVELOPE.decode(text)
        except UnicodeDecodeError:
            raise DecodeError("text is not UTF-8") from None
        except RecursionError:
            raise DecodeError("JSON is nested too deeply") from None
        except msgspec.DecodeError as error:
            if _ends_early(error, text):
                raise TransportError("the body ends in the middle of its JSON") from error
            raise DecodeError(str(error)) from error
        check_encoding(text)
        rest = bytes(envelope.result)
        if self._has_cut:
            if not text.startswith(rest, len(self._head) - len(_OPENING)):
                raise DecodeError("the envelope has more than one result")
            rest = _OPENING + rest[len(b"[null") :].lstrip().removeprefix(b",")
        return Ending(envelope, is_array=rest.startswith(_OPENING), last_slice=rest)
