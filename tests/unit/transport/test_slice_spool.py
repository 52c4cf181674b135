"""What does not fit in memory is made again of what was received, to the byte."""

import asyncio
import gzip
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling._concurrency import Turns
from cfbilling.errors import ConfigurationError, TransportError
from cfbilling.protocol.proof import JsonProof
from cfbilling.protocol.slices import Slicer
from cfbilling.transport.compression import Codings
from cfbilling.transport.slice_spool import SliceSpool
from cfbilling.transport.spool import SpoolRoom
from tests.unit.fakes import body_of, usage_row

CODINGS = Codings()
SLICE = 700
BODIES = [body_of([usage_row(BilledCost=n) for n in range(count)]) for count in (0, 1, 7, 40)]
PADDED = BODIES[2].replace(b"},", b"}  ,\n ")


def wire_of(body: bytes, coding: str, members: int = 1) -> bytes:
    """Return a body as it is sent, as gzip in several members if so wanted."""
    if coding == "identity":
        return body
    size = len(body) // members + 1
    return b"".join(gzip.compress(body[at : at + size]) for at in range(0, len(body), size))


def pieces_of(wire: bytes, size: int) -> list[bytes]:
    """Return a wire's bytes as they come, so many at a time."""
    return [wire[at : at + size] for at in range(0, len(wire), size)]


async def kept(
    room: SpoolRoom, pieces: Sequence[bytes], coding: str
) -> tuple[SliceSpool, list[bytes]]:
    """Receive and keep a body; return where its slices wait, and the slices."""
    slicer, inflater = Slicer(SLICE, JsonProof()), CODINGS.inflater_for(coding)
    spool = SliceSpool(room, partial(CODINGS.inflater_for, coding), Turns())
    slices: list[bytes] = []
    for received in pieces:
        await spool.keep(received)
        for piece in inflater.inflate(received):
            for text, begin in zip(slicer.feed(piece), slicer.begins, strict=True):
                slices.append(text)
                spool.put(text, begin)
    last = slicer.finish().last_slice
    await spool.end(last)
    return spool, [*slices, last]


async def taken(spool: SliceSpool) -> list[bytes]:
    """Return all slices that are left, and close."""
    slices: list[bytes] = []
    while (text := await spool.take()) is not None:
        slices.append(text)
    assert await spool.take() is None
    spool.close()
    return slices


@st.composite
def wires(draw: st.DrawFn) -> tuple[str, list[list[bytes]]]:
    """Generate bodies as they are sent in one coding, and come in pieces of any size."""
    coding, size = draw(st.sampled_from(["gzip", "identity"])), draw(st.integers(50, 3000))
    bodies = draw(st.lists(st.sampled_from([*BODIES, PADDED]), min_size=1, max_size=3))
    members = draw(st.integers(1, 3))
    return coding, [pieces_of(wire_of(body, coding, members), size) for body in bodies]


@settings(max_examples=150, deadline=None)
@given(wires(), st.integers(0, 60_000), st.sampled_from([1, 500, 10**6]))
def test_every_slice_comes_back_whatever_fits(
    sent: tuple[str, list[list[bytes]]], memory: int, block: int
) -> None:
    """Bodies that share any room, sent in any way, give the slices that were put, in order."""

    async def check() -> None:
        room = SpoolRoom(memory, block)
        coding, bodies = sent
        both = await asyncio.gather(*(kept(room, pieces, coding) for pieces in bodies))
        assert 0 <= room._free <= memory
        found = await asyncio.gather(*(taken(spool) for spool, _ in both))
        assert [slices for _, slices in both] == found
        assert (memory, set()) == (room._free, room._open)
        await room.close()

    asyncio.run(check())


async def test_a_body_that_fits_as_it_came_needs_no_file(files: list[object]) -> None:
    """Memory for what was received is enough, and what of the slices fits beside it is held."""
    pieces = pieces_of(wire_of(BODIES[3], "gzip"), 100)
    room = SpoolRoom(sum(map(len, pieces)) + 4 * SLICE, block_bytes=1)
    spool, slices = await kept(room, pieces, "gzip")
    assert slices == await taken(spool)
    assert not files


async def test_a_body_that_does_not_fit_goes_to_a_file_as_it_came(files: list[object]) -> None:
    """Without memory the file has what was received and the last slice, not all slices."""
    wire = wire_of(BODIES[3], "gzip")
    room = SpoolRoom(0, block_bytes=1)
    spool, slices = await kept(room, pieces_of(wire, 100), "gzip")
    (file,) = files
    size = getattr(file, "seek", lambda *_: 0)(0, 2)
    assert len(wire) + len(slices[-1]) == size
    assert slices == await taken(spool)
    await room.close()


async def test_what_was_received_is_let_go_of_when_all_slices_fit() -> None:
    """A body whose slices are all in memory takes no more than they do."""
    room = SpoolRoom(10**6)
    spool, slices = await kept(room, [wire_of(BODIES[3], "gzip")], "gzip")
    assert sum(map(len, slices)) == 10**6 - room._free
    spool.close()


@pytest.mark.parametrize("memory", [0, 3000, 10**6])
async def test_a_closed_spool_says_so(memory: int) -> None:
    """Whatever waits where, to keep, to end and to take from what was closed is an error."""
    room = SpoolRoom(memory, block_bytes=1)
    spool, _ = await kept(room, pieces_of(BODIES[3], 100), "identity")
    await spool.take()
    await room.close()
    for act in (spool.take(), spool.keep(b"x"), spool.end(b"[]")):
        with pytest.raises(ConfigurationError, match="closed"):
            await act
    assert memory == room._free


async def test_a_file_that_was_cut_short_is_told(files: list[object]) -> None:
    """Slices that cannot be made again are an error, not an end."""
    room = SpoolRoom(0, block_bytes=1)
    spool, _ = await kept(room, pieces_of(BODIES[3], 100), "identity")
    (file,) = files
    getattr(file, "truncate", print)(len(BODIES[3]) // 2)
    with pytest.raises(TransportError, match="ends early"):
        await taken(spool)
    await room.close()


async def test_passing_over_what_was_taken_gives_others_a_turn() -> None:
    """To come to the first slice that is not held, what is before it is inflated by turns."""
    turns = Turns(timer=iter(range(10**6)).__next__)
    body = b'{"result":[%s],"success":true}' % b",".join([b'{"a":%9d}' % n for n in range(40_000)])
    spool = SliceSpool(SpoolRoom(10**6), partial(CODINGS.inflater_for, "gzip"), turns)
    await spool.keep(gzip.compress(body))
    begin = len(body) - 100
    spool._left_out.append((begin, 50))
    await spool.end(b"[]")
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    assert b"[%s]" % body[begin : begin + 50] == await spool.take()
    task.cancel()
    assert others > len(body) / 2 / 64 / 1024
    spool.close()
