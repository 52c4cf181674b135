"""What is proven is JSON in UTF-8, whichever parser proves it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.errors import DecodeError
from cfbilling.protocol.proof import JsonProof, Parser, check_encoding, fast_parser, is_json

FAST = fast_parser()
USUAL, QUICK = JsonProof(), JsonProof(FAST)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


def verdict(proof: JsonProof, text: bytes) -> str:
    """Return what a proof says of a text."""
    try:
        return "holds" if proof.holds(text) else "is no JSON"
    except DecodeError as error:
        return str(error)


@pytest.mark.skipif(FAST is None, reason="pysimdjson is not installed")
def test_the_fast_parser_is_there() -> None:
    """The tests below are about both ways."""
    assert isinstance(QUICK, JsonProof)


@given(st.lists(values, max_size=5), st.booleans())
def test_json_is_proven(rows: list[Any], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Every JSON array holds, with and without the fast parser."""
    text = json.dumps(rows, ensure_ascii=ascii_only)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return
    assert ("holds", "holds") == (verdict(USUAL, encoded), verdict(QUICK, encoded))


@given(st.lists(values, max_size=3), st.data())
def test_whatever_is_broken_both_ways_agree(rows: list[Any], data: st.DataObject) -> None:
    """A text that was damaged anywhere gets the same verdict from both."""
    text = bytearray(json.dumps(rows, ensure_ascii=False).encode(errors="surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(1, max(1, len(text) - 1)))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert verdict(USUAL, bytes(text)) == verdict(QUICK, bytes(text))


@pytest.mark.parametrize("number", ["1e999", "1" * 400, "0.1e-400", "-0", "1.5E+3"])
def test_a_number_that_a_float_cannot_hold_is_json(number: str) -> None:
    """What the fast parser cannot hold is proven in the usual way."""
    assert verdict(QUICK, f"[{number}]".encode()) == "holds"


def test_a_parser_that_fails_changes_nothing() -> None:
    """A fast parser that refuses everything only costs time."""

    class Refusing:
        """Refuses."""

        def parse(self, _: bytes, /) -> object:
            """Refuse."""
            raise RuntimeError

    refusing: Parser = Refusing()
    assert verdict(JsonProof(refusing), b"[1]") == "holds"
    assert verdict(JsonProof(refusing), b"[1") == "is no JSON"


@pytest.mark.parametrize("size", [10, 131_072, 131_073, 400_000])
def test_text_that_is_not_utf8_is_told_at_any_length(size: int) -> None:
    """A wrong byte is found in short and in long texts, and the text is not shown."""
    good = b'"' + "é".encode() * (size // 2) + b'"'
    check_encoding(good)
    bad = good[:-2] + b'"'
    assert is_json(bad)
    with pytest.raises(DecodeError, match="not UTF-8"):
        check_encoding(bad)
