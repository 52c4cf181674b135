"""Pure: the pieces of a body in, slices of its ``result`` out, the whole verified at the end.

A slice is cut after some ``}``. Whether that is between two records is not guessed but proven: the
bytes up to there, with the array closed behind them, must be JSON. Inside a string or a nested
object they cannot be. Where the array begins is proven the same way. The proof only skips over
the JSON, so it costs a small part of decoding and can run while the body is still arriving.
"""

from __future__ import annotations

import re

import attrs
import msgspec

from cfbilling.envelope import Envelope
from cfbilling.errors import DecodeError, TransportError

__all__ = ["LARGEST_RECORD", "Ending", "Slicer"]

LARGEST_RECORD = 4 * 1024 * 1024
"""Bytes without any record boundary after which a body is given up."""

_MOST_CUTS_TRIED = 16
_RESULT_ARRAY = re.compile(rb'"result"\s*:\s*\[')
_TRUNCATED = "truncated"
_BROKEN_AT = re.compile(r"\(byte (\d+)\)$")


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


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _ends_early(error: msgspec.DecodeError, text: bytes) -> bool:
    # A number that is cut off is called invalid, at the byte that is not there.
    broken_at = _BROKEN_AT.search(str(error))
    at_end = broken_at is not None and int(broken_at[1]) >= len(text)
    return _TRUNCATED in str(error) or at_end


class Slicer:
    """Cuts one body; feed it every piece, then finish it.

    Args:
        slice_bytes: About how long a slice is to be.
    """

    def __init__(self, slice_bytes: int) -> None:
        self._slice_bytes = slice_bytes
        self._enough = slice_bytes
        self._head = b""
        self._has_cut = False
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece; return the slices that can now be cut, each a JSON array.

        Raises:
            DecodeError: If no record ends within `LARGEST_RECORD` bytes.
        """
        self._buffer += piece
        slices: list[bytes] = []
        while len(self._buffer) >= self._enough:
            cut = self._cut() if self._has_head() else None
            if cut is not None:
                slices.append(cut)
                self._enough = self._slice_bytes
            elif self._enough >= LARGEST_RECORD:
                raise DecodeError(f"no record ends within {self._enough} bytes", "result")
            else:
                # Looking again only after twice as much keeps the cost in proportion.
                self._enough = 2 * self._enough
        return slices

    def _has_head(self) -> bool:
        if not self._head:
            text = bytes(self._buffer)
            candidates = (text[: match.end()] for match in _RESULT_ARRAY.finditer(text))
            self._head = next((head for head in candidates if _is_json(head + b"]}")), b"")
            del self._buffer[: len(self._head)]
        return bool(self._head)

    def _cut(self) -> bytes | None:
        # After a cut the text goes on with a comma; a null before it keeps the proof exact, since
        # neither a missing comma nor one with nothing behind it would be JSON.
        lead = b"[null" if self._has_cut else b"["
        tries = _MOST_CUTS_TRIED if self._enough == self._slice_bytes else 2
        end = self._enough
        for _ in range(tries):
            end = self._buffer.rfind(b"}", 0, end)
            if end < 0:
                return None
            text = bytes(self._buffer[: end + 1])
            if _is_json(lead + text + b"]"):
                begin = text.index(b",") + 1 if self._has_cut else 0
                self._has_cut = True
                del self._buffer[: end + 1]
                return b"[" + text[begin:] + b"]"
        return None

    def finish(self) -> Ending:
        """Verify that the body was whole.

        Raises:
            TransportError: If it ends early.
            DecodeError: If it is not JSON, or no envelope.
        """
        lead = b"null" if self._has_cut else b""
        text = self._head + lead + bytes(self._buffer)
        try:
            envelope = msgspec.json.decode(text, type=Envelope)
        except UnicodeDecodeError:
            raise DecodeError("text is not UTF-8") from None
        except RecursionError:
            raise DecodeError("JSON is nested too deeply") from None
        except msgspec.DecodeError as error:
            if _ends_early(error, text):
                raise TransportError("the body ends in the middle of its JSON") from error
            raise DecodeError(str(error)) from error
        rest = bytes(envelope.result)
        if self._has_cut:
            after_null = rest[len(b"[null") :].lstrip()
            rest = b"[" + after_null.removeprefix(b",")
        return Ending(envelope, is_array=rest.startswith(b"["), last_slice=rest)
