"""The proof that a text is whole JSON in UTF-8, without making anything of it."""

from __future__ import annotations

import codecs
import importlib
from typing import Protocol

import msgspec

from cfbilling.errors import DecodeError

__all__ = ["JsonProof", "Parser", "check_encoding", "fast_parser", "is_json"]

_WINDOW = 16 * 1024
_USUAL = 128 * 1024


class Parser(Protocol):
    """What pysimdjson's parser is used for."""

    def parse(self, text: bytes, /) -> object:
        """Parse a text whole, strings and numbers included.

        Raises:
            ValueError: If it is not JSON in UTF-8.
            RuntimeError: If it cannot say, as with a number of more than 64 bits.
        """
        ...


def fast_parser() -> Parser | None:
    """Return a parser of pysimdjson's, if that is installed."""
    try:
        parser: Parser = importlib.import_module("simdjson").Parser()
    except ImportError:
        return None
    return parser


def is_json(text: bytes) -> bool:
    """Return whether a text is JSON, not looking into its strings."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def check_encoding(text: bytes) -> None:
    """Check what the proof skips over: that the strings are UTF-8.

    Raises:
        DecodeError: If they are not.
    """
    if text.isascii():
        return
    try:
        if len(text) <= _USUAL:
            text.decode()
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        # In windows, because one character may widen the whole text to four bytes for each.
        for begin in range(0, len(text), _WINDOW):
            decoder.decode(text[begin : begin + _WINDOW])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # Its representation would show the body.
        raise DecodeError("text is not UTF-8") from None


class JsonProof:
    """Proves texts; with pysimdjson, JSON and UTF-8 in one go.

    What the fast parser accepts is proven. What it does not accept, be it for a number that it
    cannot hold, is proven or refused in the usual way.

    Args:
        fast: The fast parser, if there is one.
    """

    def __init__(self, fast: Parser | None = None) -> None:
        self._fast = fast

    def is_json(self, text: bytes) -> bool:
        """Return whether a text is JSON, whatever is in its strings."""
        return is_json(text)

    def holds(self, text: bytes) -> bool:
        """Return whether a text, which begins with a bracket, is JSON.

        Raises:
            DecodeError: If it is, but not in UTF-8.
        """
        if self._fast is not None:
            try:
                self._fast.parse(text)
            except (ValueError, RuntimeError):
                pass
            else:
                return True
        if not self.is_json(text):
            return False
        check_encoding(text)
        return True
