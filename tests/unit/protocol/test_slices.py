import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling.errors import DecodeError, TransportError
from cfbilling.protocol.proof import JsonProof
from cfbilling.protocol.slices import LARGEST_RECORD, Ending, Slicer, _RecordEnds
from tests.unit.strategies import TORMENTS, cut_up, outcome_of

texts = st.one_of(st.text(max_size=8), st.sampled_from(TORMENTS))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(texts, st.just("result")), inner, max_size=3),
    ),
    max_leaves=5,
)
records = st.lists(st.dictionaries(texts, values, max_size=3), max_size=8)
spaces = st.sampled_from(["", "", " ", "\n", "\r\n\t ", "   "])


@st.composite
def bodies(draw: st.DrawFn, result: list[Any]) -> bytes:
    """Generate an envelope around the records, with its keys in any order and any white space."""
    space = [draw(spaces) for _ in range(4)]
    ascii_only = draw(st.booleans())
    rows = [json.dumps(row, ensure_ascii=ascii_only) for row in result]
    array = f"{space[0]},{space[1]}".join(rows)
    torment = draw(texts)
    message = json.dumps([{"message": torment, "result": [torment, {"result": [{}]}]}])
    parts = {
        "errors": draw(st.sampled_from(["[]", "null"])),
        "messages": draw(st.sampled_from(["[]", "null", message])),
        "result": f"[{space[2]}{array}{space[3]}]",
        "success": "true",
    }
    keys = draw(st.permutations(sorted(parts)))
    members = [f'"{key}"{space[0]}:{space[1]}{parts[key]}' for key in keys]
    inside = f"{space[2]},{space[3]}".join(members)
    return f"{space[1]}{{{space[3]}{inside}{space[0]}}}{space[2]}".encode()


def cut(
    pieces: list[bytes], slice_bytes: int, proof: JsonProof | None = None
) -> tuple[list[bytes], Ending]:
    """Return all slices of a body, and what its end told."""
    slicer = Slicer(slice_bytes, proof or JsonProof())
    slices = [text for piece in pieces for text in slicer.feed(piece)]
    ending = slicer.finish()
    return [*slices, ending.last_slice], ending


def joined(slices: list[bytes]) -> list[Any]:
    """Return the records of all slices."""
    return [row for text in slices for row in json.loads(text)]


@settings(max_examples=400, deadline=None)
@given(st.data(), records, st.one_of(st.integers(1, 40), st.sampled_from([100, 1000, 10**6])))
def test_slices_joined_are_the_records(
    data: st.DataObject, result: list[Any], slice_bytes: int
) -> None:
    """However a body is built, sent and sliced, the slices hold all records, once and in order."""
    body = data.draw(bodies(result))
    slices, ending = cut(data.draw(cut_up(body)), slice_bytes)
    assert result == joined(slices)
    assert (True, True, ()) == (ending.is_array, ending.envelope.success, ending.envelope.details)


@settings(max_examples=100, deadline=None)
@given(st.data(), records)
def test_byte_by_byte_is_the_same(data: st.DataObject, result: list[Any]) -> None:
    """A body that trickles in is cut into slices that hold the same records."""
    body = data.draw(bodies(result))
    slices, _ = cut([body[index : index + 1] for index in range(len(body))], 16)
    assert result == joined(slices)


ROWS: list[Mapping[str, Any]] = [
    {"a": -15.5e-7, "b": "\u00e9\U0001f600"},
    {"c": "}],{", "d": {"e": [{"f": None}, True]}},
    {},
    {"g": '"result": [', "h": 10},
]
ENVELOPES = {
    "result first": '{"result":[@],"success":true,"errors":[],"messages":["}]"]}',
    "result last": '{"errors":null,"messages":[{"result":[]}],"success":true,"result":[@]}',
    "white space": ' {\n "success" : true ,\r\n"result"\t: [ @ ] , "errors" : [ ] } \n ',
}


def body_of(envelope: str, separator: str = ",", *, ascii_only: bool = True) -> bytes:
    """Return an envelope with the rows in it."""
    array = separator.join(json.dumps(row, ensure_ascii=ascii_only) for row in ROWS)
    return ENVELOPES[envelope].replace("@", array).encode()


@pytest.mark.parametrize("slice_bytes", [1, 24, 64, 10**6])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_part_of_a_body_never_passes(
    envelope: str, slice_bytes: int, *, ascii_only: bool
) -> None:
    """A body that ends early at any byte is an error; only white space behind it may be lost."""
    body = body_of(envelope, ascii_only=ascii_only)
    whole = len(body.rstrip())
    for end in range(whole):
        with pytest.raises((TransportError, DecodeError)):
            cut([body[:end]], slice_bytes)
    for end in range(whole, len(body) + 1):
        assert joined(cut([body[:end]], slice_bytes)[0]) == ROWS


@pytest.mark.parametrize("slice_bytes", [1, 10**6])
@pytest.mark.parametrize("ending", [b"-", b"1.", b"1.5e", b"tru", b'"a', b'"\\u12', b"{", b'{"a"'])
def test_a_body_cut_anywhere_in_a_value_can_be_tried_again(ending: bytes, slice_bytes: int) -> None:
    """A body that ends in the middle of any value is a transport error, so that it is retried."""
    with pytest.raises(TransportError):
        cut([b'{"result":[{"a":1},{"b":' + ending], slice_bytes)


@pytest.mark.parametrize("slice_bytes", [1, 8, 24, 64, 10**6])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        body_of("result first", ""),
        body_of("result first", ",,"),
        body_of("result first").replace(b"[{", b"[,{"),
        body_of("result first").replace(b'],"success"', b',],"success"'),
        body_of("result first").replace(b'],"success"', b'}],"success"'),
        body_of("result first").replace(b'],"success"', b']],"success"'),
        body_of("result first").replace(b'],"success"', b'"success"'),
        body_of("result first") + b"x",
        body_of("result first") + b"{}",
        body_of("result last") + b"]",
        body_of("result last") + b"\x00",
        b"\xef\xbb\xbf" + body_of("result last"),
        body_of("result first").replace(b',"success":true', b""),
        body_of("result first").replace(b"true", b"null"),
        body_of("result first").replace(b"true", b'"true"'),
        b"[" + body_of("result first") + b"]",
        b"null",
        b"<html></html>",
    ],
)
def test_what_is_no_envelope_never_passes(body: bytes, slice_bytes: int) -> None:
    """Missing and superfluous commas, garbage after the end and other shapes are errors."""
    expected = DecodeError if body else TransportError
    with pytest.raises(expected):
        cut([body], slice_bytes)


def is_utf8(body: bytes) -> bool:
    """Return whether the bytes are text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("slice_bytes", [8, 10**6])
@pytest.mark.parametrize("damage", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_a_result_that_is_no_text_never_passes(damage: bytes, slice_bytes: int) -> None:
    """Broken UTF-8 in any record is an error before the body is verified, not while decoding."""
    body = b'{"result":[{"a":"b"},{"a":"b"},{"a":"@"}],"success":true}'.replace(b"@", damage)
    with pytest.raises((DecodeError, TransportError)):
        cut([body], slice_bytes)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(ENVELOPES)), st.integers(1, 80))
def test_damage_is_an_error_or_still_json(
    data: st.DataObject, envelope: str, slice_bytes: int
) -> None:
    """A damaged body passes only where it is still JSON, and then the slices are its result."""
    body = bytearray(body_of(envelope))
    begin = data.draw(st.integers(0, len(body)))
    end = min(len(body), begin + data.draw(st.integers(0, 3)))
    body[begin:end] = data.draw(
        st.one_of(st.binary(max_size=3), st.sampled_from([b",", b"}", b"]", b"},{", b'"']))
    )
    try:
        slices, ending = cut([bytes(body)], slice_bytes)
    except (DecodeError, TransportError):
        return
    if ending.is_array and is_utf8(bytes(body)):
        pairs = json.loads(bytes(body), object_pairs_hook=list, strict=True)
        results = [value for key, value in pairs if key == "result"]
        found = [
            row for text in slices for row in json.loads(text, object_pairs_hook=list, strict=True)
        ]
        assert results[-1] == found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 20))
def test_arbitrary_bytes_raise_our_errors_only(body: bytes, slice_bytes: int) -> None:
    """Bytes of any origin raise a transport or a decode error."""
    with pytest.raises((TransportError, DecodeError)):
        cut([body], slice_bytes)


@pytest.mark.parametrize("nesting", [b"[" * 200_000, b'{"result":[' + b"[" * 200_000])
def test_endless_nesting_is_an_error(nesting: bytes) -> None:
    """A body of brackets is a decode error."""
    with pytest.raises(DecodeError):
        cut([nesting + b"]" * 200_000], 1024)


@pytest.mark.parametrize("slice_bytes", [1, 10**6])
@pytest.mark.parametrize(
    ("result", "is_array", "last"),
    [("null", False, b"null"), ('{"a":1}', False, b'{"a":1}'), ("[]", True, b"[]")],
)
def test_a_result_that_is_no_array_is_left_whole(
    result: str, slice_bytes: int, last: bytes, *, is_array: bool
) -> None:
    """A result that is an object or null comes as it is."""
    body = f'{{"success":false,"result":{result},"errors":[{{"code":7,"message":"no"}}]}}'
    slices, ending = cut([body.encode()], slice_bytes)
    assert ([last], is_array) == (slices, ending.is_array)
    assert (False, (7,)) == (
        ending.envelope.success,
        tuple(detail.code for detail in ending.envelope.details),
    )


def test_a_repeated_result_is_never_mixed() -> None:
    """A body with two results is an error or one of them, never something of both."""
    body = b'{"result":[{"a":1},{"b":2}],"result":[0,10,{"c":3}],"success":true}'
    try:
        slices, _ = cut([body], 8)
        found = joined(slices)
    except (DecodeError, ValueError):
        return
    assert found in ([{"a": 1}, {"b": 2}], [0, 10, {"c": 3}])


def test_slices_are_about_as_long_as_asked() -> None:
    """No slice of small records is much longer than asked, and all but the last are cut early."""
    rows = [{"n": index} for index in range(5000)]
    body = json.dumps({"result": rows, "success": True}).encode()
    slices, _ = cut([body], 1024)
    assert rows == joined(slices)
    assert max(map(len, slices)) <= 2048
    assert min(map(len, slices[:-1])) >= 512


class Counted(JsonProof):
    """The JSON proof, with its work counted."""

    def __init__(self) -> None:
        super().__init__()
        self.proven = 0

    def is_json(self, text: bytes) -> bool:
        """Prove, and count."""
        self.proven += len(text)
        return super().is_json(text)


MIB = 1024 * 1024
HUGE = {
    "one string": '{"result":[{"a":"' + "x" * MIB + '"}],"success":true}',
    "braces": '{"result":[{"a":"' + "}" * MIB + '"}],"success":true}',
    "boundaries": '{"result":[{"a":"' + "},{" * (MIB // 3) + '"}],"success":true}',
    "false starts": '{"errors":["' + '\\"result\\": [' * (MIB // 14) + '"],"success":true}',
    "nested": '{"result":[' + json.dumps([{"a": [{}] * (MIB // 4)}])[1:-1] + '],"success":true}',
    "records": '{"result":[' + ",".join(['{"a":"}},{"}'] * (MIB // 14)) + '],"success":true}',
    "torn records": '{"result":['
    + ",".join(['{"a":"' + "}" * 5000 + '"}'] * (MIB // 5000))
    + '],"success":true}',
}


@pytest.mark.parametrize("slice_bytes", [512, 4096, 131072])
@pytest.mark.parametrize("kind", HUGE)
def test_cutting_costs_no_more_than_in_proportion(kind: str, slice_bytes: int) -> None:
    """Whatever a megabyte holds, it passes with a bounded number of proofs for each byte."""
    body = HUGE[kind].encode()
    pieces = [body[begin : begin + 65536] for begin in range(0, len(body), 65536)]
    counted = Counted()
    slices, ending = cut(pieces, slice_bytes, counted)
    if ending.is_array:
        assert json.loads(body)["result"] == joined(slices)
    assert counted.proven <= 40 * len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b'{"result":[]}'] * 4000) + b"]",
        b'{"messages":[' + b",".join([b'{"result":[]}'] * 4000) + b'],"success":true}',
    ],
)
def test_looking_for_the_array_costs_no_more_than_in_proportion(
    body: bytes,
) -> None:
    """Many keys that are named like the result are sorted out with a bounded number of proofs."""
    counted = Counted()
    outcome = outcome_of(lambda: cut([body], 1024, counted), DecodeError)
    assert outcome is None or not outcome[1].is_array
    assert counted.proven <= 40 * len(body)


def test_a_record_without_end_is_given_up() -> None:
    """A record that is longer than any can be is a decode error before the body ends."""
    slicer = Slicer(1024, JsonProof())
    slicer.feed(b'{"result":[{"a":"')
    piece, fed = b"x" * 65536, 0
    with pytest.raises(DecodeError, match="no record ends"):
        while fed <= 2 * LARGEST_RECORD:
            slicer.feed(piece)
            fed += len(piece)
    assert fed <= 2 * LARGEST_RECORD


def test_a_message_is_not_the_body() -> None:
    """The text of an error about a broken body holds nothing of it."""
    with pytest.raises(DecodeError) as caught:
        cut([b'{"success":true,"errors":["31337\xff"],"result":[]}'], 10**6)
    assert "31337" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("alike", [1, 60, 3000])
def test_records_may_hold_objects_that_begin_like_records(alike: int) -> None:
    """A long body is cut also where its records are full of what looks like another's beginning."""
    row = {"a": '\\"}{[', "tags": [{"a": "x"}] * alike, "z": {"a": {"a": 1}}}
    rows = [row] * (2 * LARGEST_RECORD // len(json.dumps(row)))
    body = json.dumps({"result": rows, "success": True}).encode()
    pieces = [body[begin : begin + 65_536] for begin in range(0, len(body), 65_536)]
    counted = Counted()
    slices, ending = cut(pieces, 65_536, counted)
    assert ending.is_array
    assert rows == joined(slices)
    assert max(map(len, slices)) <= 4 * 65_536
    assert counted.proven <= 40 * len(body)


@given(st.lists(values, max_size=20), st.data())
def test_the_ends_of_records_are_found_by_following(rows: list[Any], data: st.DataObject) -> None:
    """However the text arrives, the end that is found is the end of a record."""
    text = ",".join(json.dumps({"k": row}) for row in rows) + "]"
    ends = _RecordEnds(0)
    arrived = bytearray()
    for piece in data.draw(cut_up(text.encode())):
        arrived += piece
        ends.advance(arrived)
        found = json.loads(f"[{arrived[: ends.last + 1].decode()}]")
        assert [{"k": row} for row in rows[: len(found)]] == found
    assert len(rows) == len(json.loads(f"[{text[: ends.last + 1]}]"))


@settings(max_examples=200, deadline=None)
@given(st.data(), records, st.one_of(st.integers(1, 40), st.sampled_from([100, 1000])))
def test_where_a_slice_begins_is_told(
    data: st.DataObject, result: list[Any], slice_bytes: int
) -> None:
    """The text of a slice, but for its brackets, is the body's from where the slice begins."""
    body = data.draw(bodies(result))
    slicer = Slicer(slice_bytes, JsonProof())
    for piece in data.draw(cut_up(body)):
        for text, begin in zip(slicer.feed(piece), slicer.begins, strict=True):
            assert body[begin:].startswith(text[1:-1])
