"""What every stream is to its consumer."""

from collections.abc import AsyncGenerator

import pytest

from cfbilling.errors import ConfigurationError
from cfbilling.streams.record_stream import BatchedStream


async def _batches() -> AsyncGenerator[list[int], None]:
    for first in (0, 3, 6):
        yield [first, first + 1, first + 2]


def _stream() -> BatchedStream[int, list[int]]:
    batches = _batches()

    async def items() -> AsyncGenerator[int, None]:
        async for batch in batches:
            for item in batch:
                yield item

    return BatchedStream(batches, items())


async def test_items_may_be_taken_in_several_goes() -> None:
    """After break, the same loop goes on with the next item."""
    stream, found = _stream(), list[int]()
    for most in (2, 3, 100):
        async for item in stream:
            found.append(item)
            if len(found) >= most:
                break
    assert list(range(9)) == found


async def test_what_was_begun_by_items_does_not_go_on_by_batches() -> None:
    """After an item was taken, the batches would lack the rest of its batch: that is an error."""
    for taken in (0, 1):
        stream = _stream()
        items = aiter(stream)
        assert list(range(taken)) == [await anext(items) for _ in range(taken)]
        with pytest.raises(ConfigurationError, match="one by one"):
            stream.batches()
        await stream.aclose()


async def test_what_was_begun_by_batches_goes_on_by_items() -> None:
    """After whole batches, nothing is lost by going on item by item."""
    stream = _stream()
    first = await anext(stream.batches())
    assert list(range(9)) == [*first, *[item async for item in stream]]
