"""One response into a spool: inflated, sliced and verified to its end, or the right error."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Protocol

import attrs

from cfbilling._concurrency import SMALL, Turns
from cfbilling.errors import (
    ApiError,
    BillingError,
    DecodeError,
    ErrorDetail,
    ResponseTooLarge,
    TransportError,
)
from cfbilling.options import Clock, Limits, Timeouts
from cfbilling.protocol.endpoints import Endpoint
from cfbilling.protocol.envelope import error_for, refusal_details
from cfbilling.protocol.headers import Headers
from cfbilling.protocol.pages import PageInfo, read_page_info
from cfbilling.protocol.proof import JsonProof, fast_parser
from cfbilling.protocol.slices import Ending, Slicer
from cfbilling.records import Record
from cfbilling.transport.compression import Codings
from cfbilling.transport.slice_spool import SliceSpool
from cfbilling.transport.spool import SpoolRoom

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
        pages: What its envelope says of the pages of a long result.
    """

    spool: SliceSpool
    is_array: bool
    status: int
    ray_id: str | None
    wire_bytes: int
    body_bytes: int
    pages: PageInfo | None = None


class _Flow:
    """How fast a body comes: one that trickles would hold its place for ever.

    Attributes:
        now: The clock that it is measured by, in seconds.
    """

    def __init__(self, clock: Clock, timeouts: Timeouts) -> None:
        self.now = clock.monotonic
        self._least_rate = timeouts.least_rate
        self._span = timeouts.rate_span
        self._waited = 0.0
        self._bytes = 0

    def add(self, seconds: float, received: int) -> None:
        """Take note of how many bytes came, and how long they were waited for.

        Raises:
            TransportError: If that was too few for too long.
        """
        # Only the waiting counts: what we do with the bytes meanwhile is no fault of the peer.
        self._waited += seconds
        self._bytes += received
        if self._waited >= self._span:
            if self._bytes < self._least_rate * self._waited:
                raise TransportError(f"the body comes too slowly ({self._least_rate:g} bytes/s)")
            self._waited, self._bytes = 0.0, 0


class _Body:
    """The plain bytes of a response, counted as they come.

    Attributes:
        new_inflater: Makes an inflater for its coding.
        wire_bytes: Its length so far, as sent.
        body_bytes: Its length so far, after decompression.
    """

    def __init__(self, exchange: Response, codings: Codings, most_bytes: int, flow: _Flow) -> None:
        self._exchange = exchange
        self._flow = flow
        coding = exchange.headers.get("Content-Encoding")
        self.new_inflater = partial(codings.inflater_for, coding)
        self._inflater = self.new_inflater()
        self._most_bytes = most_bytes
        self.wire_bytes = 0
        self.body_bytes = 0

    async def read(self) -> bytes:
        """Return the next bytes as they were sent; empty at the end."""
        flow = self._flow
        began = flow.now()
        received = await self._exchange.read()
        flow.add(flow.now() - began, len(received))
        self.wire_bytes += len(received)
        return received

    def plain(self, received: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of what was received, in bounded pieces."""
        for piece in self._inflater.inflate(received):
            self.body_bytes += len(piece)
            if self.body_bytes > self._most_bytes:
                raise ResponseTooLarge(f"the body is longer than {self._most_bytes} bytes")
            yield piece

    def finish(self) -> None:
        """Verify that the coded data came to its own end."""
        self._inflater.finish()


async def _slice_into(spool: SliceSpool, body: _Body, slicer: Slicer, turns: Turns) -> Ending:
    while received := await body.read():
        await spool.keep(received)
        pieces = body.plain(received)
        try:
            for piece in pieces:
                if body.body_bytes > SMALL:
                    await turns.take()
                for text, begin in zip(slicer.feed(piece), slicer.begins, strict=True):
                    spool.put(text, begin)
        except DecodeError:
            # Corrupt data may fail here before its checksum tells; then that is the error.
            await _pass_over(pieces, body, turns)
            raise
    body.finish()
    return slicer.finish()


async def _pass_over(pieces: Iterator[bytes], body: _Body, turns: Turns) -> None:
    while True:
        for _ in pieces:
            await turns.take()
        received = await body.read()
        if not received:
            break
        pieces = body.plain(received)
    body.finish()


class Receiver:
    """Receives responses whole, into spools that share one room.

    Args:
        limits: The limits of a body, a slice and the memory for them.
        turns: The share of the event loop that receiving gets.
        clock: The present moment, and the time that is waited.
        timeouts: The least rate of a body.

    Attributes:
        accept_encoding: The header that asks for the codings that can be inflated.
    """

    def __init__(
        self,
        limits: Limits,
        turns: Turns,
        clock: Clock,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self._limits = limits
        self._timeouts = timeouts
        self._turns = turns
        self._clock = clock
        self._codings = Codings()
        self._proof = JsonProof(fast_parser())
        self._room = SpoolRoom(limits.spool_bytes)
        self.accept_encoding = self._codings.accept_encoding

    async def close(self) -> None:
        """Close every spool that is still open."""
        await self._room.close()

    async def receive(self, exchange: Response, endpoint: Endpoint[Record]) -> Received:
        """Receive a response whole.

        Args:
            exchange: The response.
            endpoint: The endpoint that was asked.

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
        flow = _Flow(self._clock, self._timeouts)
        spool: SliceSpool | None = None
        try:
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                said = await self._refusal_body(exchange, flow)
                raise self._refusal(exchange, refusal_details(said), endpoint)
            most_bytes = self._limits.max_response_bytes
            body = _Body(exchange, self._codings, most_bytes, flow)
            spool = SliceSpool(self._room, body.new_inflater, self._turns)
            slicer = Slicer(self._limits.slice_bytes, self._proof)
            ending = await _slice_into(spool, body, slicer, self._turns)
            if not ending.envelope.success:
                raise self._refusal(exchange, ending.envelope.details, endpoint)
            await spool.end(ending.last_slice)
        except BaseException as error:
            if spool is not None:
                spool.close()
            if isinstance(error, BillingError):
                error.answered(status, ray_id)
            raise
        return Received(
            spool,
            ending.is_array,
            status,
            ray_id,
            body.wire_bytes,
            body.body_bytes,
            read_page_info(ending.envelope.result_info),
        )

    async def _refusal_body(self, exchange: Response, flow: _Flow) -> bytes:
        """Return what a refusal says, as far as it is sane; the status alone says enough."""
        text = bytearray()
        try:
            body = _Body(exchange, self._codings, _LONGEST_REFUSAL, flow)
            while received := await body.read():
                for piece in body.plain(received):
                    text += piece
            body.finish()
        except BillingError:
            return b""
        return bytes(text)

    def _refusal(
        self, exchange: Response, details: tuple[ErrorDetail, ...], endpoint: Endpoint[Record]
    ) -> ApiError:
        now = self._clock.now()
        return error_for(exchange.status, exchange.headers, details, endpoint, now)
