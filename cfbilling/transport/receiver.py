"""One response into a spool: inflated, sliced and verified to its end, or the right error."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from http import HTTPStatus

import attrs

from cfbilling._concurrency import SMALL, Turns
from cfbilling.errors import BillingError, DecodeError, ResponseTooLarge
from cfbilling.options import Limits
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.envelope import error_for, refusal_details
from cfbilling.protocol.slices import Ending, Slicer
from cfbilling.transport.compression import Codings
from cfbilling.transport.session import Exchange
from cfbilling.transport.spool import Spool, SpoolRoom

__all__ = ["Received", "receive"]

_LONGEST_REFUSAL = 256 * 1024


@attrs.frozen
class Received:
    """A body that arrived whole.

    Attributes:
        spool: The slices of its result, but for the last.
        ending: What its end told.
        status: The HTTP status of its response.
        ray_id: The ``cf-ray`` header.
        wire_bytes: Its length as sent.
        body_bytes: Its length after decompression.
    """

    spool: Spool
    ending: Ending
    status: int
    ray_id: str | None
    wire_bytes: int
    body_bytes: int


class _Body:
    """The plain bytes of a response, counted as they come."""

    def __init__(self, exchange: Exchange, codings: Codings, most_bytes: int, turns: Turns) -> None:
        self._exchange = exchange
        self._inflater = codings.inflater_for(exchange.headers.get("Content-Encoding"))
        self._most_bytes = most_bytes
        self._turns = turns
        self.wire_bytes = 0
        self.body_bytes = 0

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        while received := await self._exchange.read():
            self.wire_bytes += len(received)
            for piece in self._inflater.inflate(received):
                self.body_bytes += len(piece)
                if self.body_bytes > self._most_bytes:
                    raise ResponseTooLarge(f"the body is longer than {self._most_bytes} bytes")
                if self.body_bytes > SMALL:
                    await self._turns.take()
                yield piece
        self._inflater.finish()


async def _refusal_body(exchange: Exchange, codings: Codings, turns: Turns) -> bytes:
    """Return what a refusal says, as far as it is sane; the status alone says enough."""
    text = bytearray()
    try:
        body = _Body(exchange, codings, _LONGEST_REFUSAL, turns)
        async with aclosing(body.pieces()) as pieces:
            async for piece in pieces:
                text += piece
    except BillingError:
        return b""
    return bytes(text)


async def _slice_into(spool: Spool, body: _Body, slice_bytes: int) -> Ending:
    slicer = Slicer(slice_bytes)
    async with aclosing(body.pieces()) as pieces:
        try:
            async for piece in pieces:
                for text in slicer.feed(piece):
                    await spool.put(text)
        except DecodeError:
            # Corrupt data may fail here before its checksum tells; then that is the error.
            async for _ in pieces:
                pass
            raise
    return slicer.finish()


async def receive(
    exchange: Exchange,
    endpoint: Endpoint,
    *,
    room: SpoolRoom,
    codings: Codings,
    limits: Limits,
    turns: Turns,
    now: datetime,
) -> Received:
    """Receive a response whole.

    Args:
        exchange: The response.
        endpoint: What was asked.
        room: Where the slices wait; the caller closes the spool that it gets.
        codings: What can be inflated.
        limits: How much is too much.
        turns: Whose work is shared with other tasks.
        now: The present moment, for a ``Retry-After`` that is a date.

    Raises:
        ApiError: If the service refused, by its status or in the envelope.
        TransportError: If the body breaks off, ends early or is corrupt.
        ResponseTooLarge: If the body is longer than it may be.
        DecodeError: If it is no envelope.
    """
    status, headers = exchange.status, exchange.headers
    spool = room.spool()
    try:
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            said = await _refusal_body(exchange, codings, turns)
            raise error_for(status, headers, refusal_details(said), endpoint, now)
        body = _Body(exchange, codings, limits.max_response_bytes, turns)
        ending = await _slice_into(spool, body, limits.slice_bytes)
        if not ending.envelope.success:
            raise error_for(status, headers, ending.envelope.details, endpoint, now)
    except BillingError as error:
        spool.close()
        error.answered(status, headers.get("cf-ray"))
        raise
    except BaseException:
        spool.close()
        raise
    return Received(spool, ending, status, headers.get("cf-ray"), body.wire_bytes, body.body_bytes)
