"""Where slices wait, and that nothing of them stays."""

import asyncio
import contextlib
import tempfile

import pytest

from cfbilling.errors import ConfigurationError, ResponseTooLarge
from cfbilling.transport.spool import Spool, SpoolRoom


async def taken(spool: Spool) -> list[bytes]:
    """Return all slices that are left."""
    pieces: list[bytes] = []
    while (piece := await spool.take()) is not None:
        pieces.append(piece)
    return pieces


async def test_what_fits_stays_in_memory(files: list[object]) -> None:
    """Slices that fit into the room come back in order, and no file is opened."""
    spool = SpoolRoom(10, block_bytes=1).spool()
    for piece in (b"abc", b"", b"defghij"):
        await spool.put(piece)
    assert await taken(spool) == [b"abc", b"", b"defghij"]
    assert files == []
    spool.close()


async def test_what_does_not_fit_goes_to_a_file(files: list[object]) -> None:
    """The first slice that does not fit and all after it go to one file; the order stays."""
    room = SpoolRoom(5, block_bytes=1)
    spool = room.spool()
    pieces = [b"abc", b"defg", b"h", b"i" * 100]
    for piece in pieces:
        await spool.put(piece)
    assert pieces == await taken(spool)
    assert len(files) == 1
    spool.close()
    await room.close()
    assert getattr(files[0], "closed", None) is True


async def test_without_memory_all_goes_to_a_file(files: list[object]) -> None:
    """A room of nothing spools everything to disk."""
    spool = SpoolRoom(0, block_bytes=1).spool()
    pieces = [bytes([index]) * index for index in range(1, 50)]
    for piece in pieces:
        await spool.put(piece)
    assert pieces == await taken(spool)
    assert len(files) == 1
    spool.close()


async def test_room_is_given_back_when_taken() -> None:
    """A slice that was taken makes room for another spool's."""
    room = SpoolRoom(4, block_bytes=1)
    first, second = room.spool(), room.spool()
    await first.put(b"abcd")
    assert room.take(1) is False
    await first.take()
    await second.put(b"efgh")
    assert second._file is None
    await room.close()


async def test_room_is_given_back_when_closed() -> None:
    """Closing a spool frees all that it held, once, however often it is closed."""
    room = SpoolRoom(4, block_bytes=1)
    spool = room.spool()
    await spool.put(b"ab")
    await spool.put(b"cd")
    assert room.take(1) is False
    spool.close()
    spool.close()
    assert [True, False] == [room.take(4), room.take(1)]


async def test_one_body_cannot_use_more_than_the_room() -> None:
    """All spools together hold no more than the room in memory."""
    room = SpoolRoom(6, block_bytes=1)
    spools = [room.spool() for _ in range(4)]
    for spool in spools:
        await spool.put(b"abc")
    assert [True, True, False, False] == [spool._file is None for spool in spools]
    found = [await taken(spool) for spool in spools]
    assert [[b"abc"]] * 4 == found
    await room.close()


async def test_nothing_comes_from_an_empty_spool() -> None:
    """An empty spool has no slice, however often it is asked."""
    spool = SpoolRoom(4, block_bytes=1).spool()
    assert [None, None] == [await spool.take(), await spool.take()]
    spool.close()


@pytest.mark.parametrize("memory", [0, 100])
async def test_a_closed_spool_says_so(memory: int) -> None:
    """Taking from a spool that was closed is a configuration error, not an end."""
    spool = SpoolRoom(memory).spool()
    await spool.put(b"abc")
    spool.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await spool.take()


async def test_closing_the_room_closes_its_spools(files: list[object]) -> None:
    """A room that is closed leaves no file open and no spool that gives anything."""
    room = SpoolRoom(0, block_bytes=1)
    spools = [room.spool() for _ in range(3)]
    for spool in spools:
        await spool.put(b"abc")
    await room.close()
    assert [True] * 3 == [getattr(file, "closed", None) for file in files]
    for spool in spools:
        with pytest.raises(ConfigurationError):
            await spool.take()


async def test_a_closed_spool_keeps_no_room() -> None:
    """What is put into a spool after it was closed does not hold any memory of the room."""
    room = SpoolRoom(4, block_bytes=1)
    spool = room.spool()
    spool.close()
    with contextlib.suppress(ConfigurationError):
        await spool.put(b"abcd")
    assert room.take(4) is True


async def test_a_cancelled_put_leaves_nothing_open(files: list[object]) -> None:
    """A spool whose writer was cancelled can be closed, and its file is."""
    room = SpoolRoom(0, block_bytes=1)
    spool = room.spool()
    task = asyncio.ensure_future(spool.put(b"abc"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    spool.close()
    await room.close()
    assert [True] == [getattr(file, "closed", None) for file in files]


async def test_slices_of_a_block_keep_their_borders(files: list[object]) -> None:
    """Slices are written several at a time, and come back one by one; the last may stay."""
    spool = SpoolRoom(0, block_bytes=100).spool()
    pieces = [bytes([index]) * (index % 37) for index in range(200)]
    for piece in pieces:
        await spool.put(piece)
    assert pieces == await taken(spool)
    assert len(files) == 1
    spool.close()


async def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room is an error of ours, with the system's as its cause."""

    def no_room() -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    spool = SpoolRoom(0, block_bytes=1).spool()
    with pytest.raises(ResponseTooLarge, match="No space") as caught:
        await spool.put(b"abc")
    assert isinstance(caught.value.__cause__, OSError)
    spool.close()
