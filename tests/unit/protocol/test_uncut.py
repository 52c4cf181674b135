from hypothesis import given
from hypothesis import strategies as st

from cfbilling.protocol.uncut import Uncut

pieces = st.lists(st.binary(max_size=5), max_size=40)


def seen(uncut: Uncut) -> tuple[bytes, int, int]:
    """Return what is left, how long it says that it is, and how much it says was before it."""
    return uncut.rest(), uncut.length, uncut.passed


@given(st.data(), pieces)
def test_what_is_not_passed_is_left(data: st.DataObject, fed: list[bytes]) -> None:
    """However pieces are added, joined and passed, what is left is what was not passed."""
    uncut, whole, passed = Uncut(), b"", 0
    for piece in fed:
        uncut.add(piece)
        whole += piece
        if data.draw(st.booleans()):
            assert uncut.join() == whole[passed:]
        if data.draw(st.booleans()):
            begin = uncut.begin if uncut.is_one_piece else 0
            end = data.draw(st.integers(begin, len(uncut.last)))
            passed = len(whole) - (len(uncut.last) - end)
            uncut.pass_to(end)
        assert seen(uncut) == (whole[passed:], len(whole) - passed, passed)


@given(st.data(), st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=40))
def test_a_part_is_of_the_first_piece_to_the_last(data: st.DataObject, fed: list[bytes]) -> None:
    """A part reaches from its place in the first piece to its place in the last, all between."""
    uncut = Uncut()
    for piece in fed:
        uncut.add(piece)
    begin = data.draw(st.integers(0, len(uncut.first)))
    end = data.draw(st.integers(begin if uncut.is_one_piece else 0, len(uncut.last)))
    left = len(uncut.last) - end
    whole = b"".join(fed)
    assert uncut.between(begin, end, b"<", b">") == b"<" + whole[begin : len(whole) - left] + b">"


def test_what_trickles_in_is_held_once() -> None:
    """Many small pieces become one that grows, and what was passed of it is let go of."""
    uncut = Uncut()
    for _ in range(1000):
        uncut.add(b"x")
    assert (uncut.is_one_piece, len(uncut.first)) == (True, 1000)
    uncut.pass_to(990)
    assert (uncut.rest(), len(uncut.first)) == (b"x" * 10, 10)
