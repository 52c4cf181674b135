"""Writing one response to a connection, well or badly as a fault demands."""

import asyncio
import socket
import struct

from attrs import frozen

from cfbilling.sandbox.clock import Clock
from cfbilling.sandbox.rules.responses import Response
from cfbilling.sandbox.server.bodies import BODYLESS, Bodies, Body
from cfbilling.sandbox.server.compression import Encoding
from cfbilling.sandbox.server.damage import damaged, portions
from cfbilling.sandbox.server.faults import Fault
from cfbilling.sandbox.server.heads import Heads, interim_head

__all__ = ["ResponseWriter"]

# Lingering for no time at all makes the kernel send RST instead of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


@frozen(kw_only=True)
class ResponseWriter:
    """How every response of a sandbox is written.

    Attributes:
        heads: Maker of the heads.
        bodies: Maker of the bodies.
        clock: Clock of delays.
    """

    heads: Heads
    bodies: Bodies
    clock: Clock

    async def write(
        self,
        response: Response,
        writer: asyncio.StreamWriter,
        *,
        fault: Fault,
        encoding: Encoding,
        keep_alive: bool,
        head_only: bool = False,
    ) -> bool:
        """Write *response*.

        Returns:
            Whether the connection can serve another request.
        """
        for status in fault.interim:
            writer.write(interim_head(status))
        if fault.hold_at is None:
            await self._hold(fault)
        if fault.reset_at == "before_headers":
            return await _reset(writer)
        body = await self.bodies.body_of(response, encoding)
        length = body.length
        if length is not None and fault.end_at is not None:
            length = min(length, fault.end_at)
        head = self.heads.head_of(response, encoding, length, keep_alive=keep_alive)
        if fault.reset_at == "inside_headers":
            writer.write(head[: len(head) // 2])
            return await _reset(writer)
        writer.write(head)
        if fault.reset_at == "after_headers":
            return await _reset(writer)
        if head_only or response.status in BODYLESS:
            return keep_alive
        return await self._transfer(body, writer, fault) and keep_alive

    async def _transfer(self, body: Body, writer: asyncio.StreamWriter, fault: Fault) -> bool:
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
