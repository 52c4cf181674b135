"""One response into a spool: inflated, sliced and verified to its end, or the right error."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Protocol

import attrs

from cfbilling._concurrency import SMALL, Turns
from cfbilling.errors import ApiError, BillingError, DecodeError, ErrorDetail, ResponseTooLarge
from cfbilling.options import Clock, Limits
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.envelope import error_for, refusal_details
from cfbilling.protocol.headers import Headers
from cfbilling.protocol.slices import Ending, Slicer
from cfbilling.records import Record
from cfbilling.transport.compression import Codings
from cfbilling.transport.spool import Spool, SpoolRoom

__all__ = ["Received", "Receiver", "Response"]

_LONGEST_REFUSAL = 256 * 1024


class Response(Protocol):
    """A response whose head has come."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Headers:
        """The headers, looked up without regard to case."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes of the body as sent; empty at its end."""
        ...


@attrs.frozen
class Received:
    """A body that arrived whole.

    Attributes:
        spool: The slices of its result, in order.
        is_array: Whether its result is an array.
        status: The HTTP status of its response.
        ray_id: The ``cf-ray`` header.
        wire_bytes: Its length as sent.
        body_bytes: Its length after decompression.
    """

    spool: Spool
    is_array: bool
    status: int
    ray_id: str | None
    wire_bytes: int
    body_bytes: int


class _Body:
    """The plain bytes of a response, counted as they come."""

    def __init__(self, exchange: Response, codings: Codings, most_bytes: int, turns: Turns) -> None:
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


async def _refusal_body(exchange: Response, codings: Codings, turns: Turns) -> bytes:
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


class Receiver:
    """Receives responses whole, into spools that share one room.

    Args:
        limits: How much is too much.
        turns: Whose work is shared with other tasks.
        clock: The present moment, for a ``Retry-After`` that is a date.

    Attributes:
        accept_encoding: The header that asks for the codings that can be inflated.
    """

    def __init__(self, limits: Limits, turns: Turns, clock: Clock) -> None:
        self._limits = limits
        self._turns = turns
        self._clock = clock
        self._codings = Codings()
        self._room = SpoolRoom(limits.spool_bytes)
        self.accept_encoding = self._codings.accept_encoding

    async def close(self) -> None:
        """Close every spool that is still open."""
        await self._room.close()

    async def receive(self, exchange: Response, endpoint: Endpoint[Record]) -> Received:
        """Receive a response whole.

        Args:
            exchange: The response.
            endpoint: What was asked.

        Returns:
            What arrived; the caller closes its spool.

        Raises:
            ApiError: If the service refused, by its status or in the envelope.
            TransportError: If the body breaks off, ends early or is corrupt.
            ResponseTooLarge: If the body is longer than it may be.
            DecodeError: If it is not an envelope.
        """
        status, headers = exchange.status, exchange.headers
        ray_id = headers.get("cf-ray")
        spool = self._room.spool()
        try:
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                said = await _refusal_body(exchange, self._codings, self._turns)
                raise self._refusal(exchange, refusal_details(said), endpoint)
            body = _Body(exchange, self._codings, self._limits.max_response_bytes, self._turns)
            ending = await _slice_into(spool, body, self._limits.slice_bytes)
            if not ending.envelope.success:
                raise self._refusal(exchange, ending.envelope.details, endpoint)
            await spool.put(ending.last_slice)
        except BillingError as error:
            spool.close()
            error.answered(status, ray_id)
            raise
        except BaseException:
            spool.close()
            raise
        return Received(spool, ending.is_array, status, ray_id, body.wire_bytes, body.body_bytes)

    def _refusal(
        self, exchange: Response, details: tuple[ErrorDetail, ...], endpoint: Endpoint[Record]
    ) -> ApiError:
        now = self._clock.now()
        return error_for(exchange.status, exchange.headers, details, endpoint, now)
