"""Bodies of responses: generated while they are sent, or kept and replayed."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain

from attrs import frozen

from cfbilling.sandbox.rules.envelope import PIECE, Layout
from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.server.compression import Compressors, Encoding

__all__ = ["BODYLESS", "Bodies", "Body"]

BODYLESS = frozenset({204, 304})

# A body of so few pieces is sent at once; the second may be the end of the compression.
_SMALL = 2
_SLICE = 4 * PIECE


@frozen
class Body:
    """The encoded body of one response.

    Attributes:
        pieces: Its bytes.
        length: Number of bytes; None if it is not known in advance.
    """

    pieces: Iterable[bytes]
    length: int | None


@frozen(kw_only=True)
class Bodies:
    """How every body of a sandbox is made.

    Attributes:
        layout: Layout of envelopes.
        compressors: Compression of bodies.
        cache: Bodies by cache key and encoding; None if they are generated each time.
    """

    layout: Layout
    compressors: Compressors
    cache: dict[tuple[object, ...], bytes] | None

    async def body_of(self, response: Response, encoding: Encoding) -> Body:
        """Return the body of *response*, of which no more than the beginning is made already."""
        if response.status in BODYLESS:
            return Body((), None)
        if self.cache is not None and response.cache_key is not None:
            return await self._kept(self.cache, response, encoding)
        source = self._encoded(response, encoding)
        first: list[bytes] = []
        for piece in source:
            first.append(piece)
            if len(first) > _SMALL:
                return Body(chain(first, source), None)
            await asyncio.sleep(0)
        return Body((b"".join(first),), sum(map(len, first)))

    async def _kept(
        self, cache: dict[tuple[object, ...], bytes], response: Response, encoding: Encoding
    ) -> Body:
        key = (response.cache_key, encoding)
        if key not in cache:
            pieces = []
            for piece in self._encoded(response, encoding):
                pieces.append(piece)
                await asyncio.sleep(0)
            cache[key] = b"".join(pieces)
        return Body(_sliced(cache[key]), len(cache[key]))

    def _encoded(self, response: Response, encoding: Encoding) -> Iterator[bytes]:
        return self.compressors.encoded(self._pieces(response), encoding)

    def _pieces(self, response: Response) -> Iterable[bytes]:
        if response.page is not None:
            return (response.page,)
        return self.layout.pieces(
            response.result(),
            response.errors,
            success=response.success,
            result_info=response.result_info,
        )


def _sliced(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _SLICE):
        yield body[start : start + _SLICE]
