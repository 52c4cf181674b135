"""Writing one answer to a connection, well or badly as a fault demands."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from itertools import chain

from attrs import frozen

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.rules.answers import Answer
from cfbilling.sandbox.rules.envelope import PIECE, Layout
from cfbilling.sandbox.server.damage import damaged, portions
from cfbilling.sandbox.server.encoding import Encoding, encoded
from cfbilling.sandbox.server.faults import Fault

# A body of so few pieces is sent at once; the second may be the end of the compression.
_SMALL = 2
_SLICE = 4 * PIECE
_HTML = "text/html; charset=UTF-8"
_BODYLESS = frozenset({204, 304})
# Lingering for no time at all makes the kernel send RST instead of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


@frozen
class _Body:
    pieces: Iterable[bytes]
    length: int | None


@frozen(kw_only=True)
class Sending:
    """How every answer of a sandbox is written.

    Attributes:
        layout: How envelopes are written.
        clock: What a delay is measured with.
        gzip_level: Effort of compression.
        cache: Bodies by answer and encoding; None if they are generated each time.
    """

    layout: Layout
    clock: Clock
    gzip_level: int
    cache: dict[tuple[object, ...], bytes] | None

    async def send(
        self,
        answer: Answer,
        writer: asyncio.StreamWriter,
        *,
        fault: Fault,
        encoding: Encoding,
        keep_alive: bool,
        head_only: bool = False,
    ) -> bool:
        """Write *answer*.

        Returns:
            Whether the connection can serve another request.
        """
        if fault.hold_at is None:
            await self._hold(fault)
        if fault.reset_at == "before_headers":
            return await _reset(writer)
        body = await self._body(answer, encoding)
        length = body.length
        if length is not None and fault.end_at is not None:
            length = min(length, fault.end_at)
        head = self._head(answer, encoding, length, keep_alive=keep_alive)
        if fault.reset_at == "inside_headers":
            writer.write(head[: len(head) // 2])
            return await _reset(writer)
        writer.write(head)
        if fault.reset_at == "after_headers":
            return await _reset(writer)
        if head_only or answer.status in _BODYLESS:
            return keep_alive
        return await self._transfer(body, writer, fault) and keep_alive

    async def _transfer(self, body: _Body, writer: asyncio.StreamWriter, fault: Fault) -> bool:
        chunked = body.length is None
        sent, held = 0, False
        for portion in portions(damaged(body.pieces, fault), fault):
            if sent == fault.hold_at and not held:
                held = True
                await self._hold(fault)
            if portion:
                writer.write(b"%x\r\n%b\r\n" % (len(portion), portion) if chunked else portion)
                sent += len(portion)
            await writer.drain()
            if fault.trickle:
                await self.clock.sleep(fault.trickle_delay)
            else:
                await asyncio.sleep(0)
        if sent == fault.hold_at and not held:
            await self._hold(fault)
        if sent == fault.cut_at and sent == fault.reset_at:
            return await _reset(writer)
        if sent == fault.cut_at and sent == fault.close_at:
            return False
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _body(self, answer: Answer, encoding: Encoding) -> _Body:
        if answer.status in _BODYLESS:
            return _Body((), None)
        if self.cache is not None and answer.cache_key is not None:
            return await self._remembered(self.cache, answer, encoding)
        source = encoded(self._pieces(answer), encoding, self.gzip_level)
        first: list[bytes] = []
        for piece in source:
            first.append(piece)
            if len(first) > _SMALL:
                return _Body(chain(first, source), None)
            await asyncio.sleep(0)
        return _Body((b"".join(first),), sum(map(len, first)))

    async def _remembered(
        self, cache: dict[tuple[object, ...], bytes], answer: Answer, encoding: Encoding
    ) -> _Body:
        key = (answer.cache_key, encoding)
        if key not in cache:
            pieces = []
            for piece in encoded(self._pieces(answer), encoding, self.gzip_level):
                pieces.append(piece)
                await asyncio.sleep(0)
            cache[key] = b"".join(pieces)
        return _Body(_sliced(cache[key]), len(cache[key]))

    def _pieces(self, answer: Answer) -> Iterable[bytes]:
        if answer.page is not None:
            return (answer.page,)
        return self.layout.pieces(answer.result(), answer.errors, success=answer.success)

    def _head(
        self, answer: Answer, encoding: Encoding, length: int | None, *, keep_alive: bool
    ) -> bytes:
        fields = {
            "Date": format_datetime(self.clock.now().astimezone(UTC), usegmt=True),
            "Content-Type": "application/json" if answer.page is None else _HTML,
            "Connection": "keep-alive" if keep_alive else "close",
            **({} if encoding == "identity" else {"Content-Encoding": encoding}),
            **_framing(answer.status, length),
            **dict(answer.headers),
        }
        return _head_text(answer.status, fields).encode("latin-1")

    async def _hold(self, fault: Fault) -> None:
        if fault.delay:
            await self.clock.sleep(fault.delay)
        if fault.until is not None:
            await fault.until.wait()


async def _reset(writer: asyncio.StreamWriter) -> bool:
    # What the kernel has not got yet would be lost with the connection.
    writer.transport.set_write_buffer_limits(high=0)
    await writer.drain()
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
    return False


def _sliced(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _SLICE):
        yield body[start : start + _SLICE]


def _framing(status: int, length: int | None) -> dict[str, str]:
    if status in _BODYLESS:
        return {}
    if length is None:
        return {"Transfer-Encoding": "chunked"}
    return {"Content-Length": str(length)}


def _head_text(status: int, fields: Mapping[str, str]) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n"
