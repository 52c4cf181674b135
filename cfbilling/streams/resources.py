"""What an open client has, for all that it delivers."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from cfbilling._concurrency import Tasks, Turns
from cfbilling._threads import Beside
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.events import Observer
from cfbilling.options import Clock
from cfbilling.protocol.plan import Planner
from cfbilling.records import Record
from cfbilling.transport.fetcher import Fetcher

__all__ = ["Resources"]

R = TypeVar("R", bound=Record)


@attrs.frozen(eq=False)
class Resources:
    """What every delivery of an open client needs.

    Attributes:
        fetcher: The fetcher of answers.
        planner: The planner of requests.
        turns: The share of the event loop that decoding gets.
        observer: Told of streams, chunks and fields.
        clock: The clock that says what day it is.
        tasks: The owner of all tasks of the client.
        beside: What does long work beside the event loop.
    """

    fetcher: Fetcher
    planner: Planner
    turns: Turns
    observer: Observer
    clock: Clock = attrs.field(factory=Clock)
    tasks: Tasks = attrs.field(factory=Tasks)
    beside: Beside = attrs.field(factory=Beside)
    _decoders: dict[type[Record], RecordDecoder[Any]] = attrs.field(factory=dict, init=False)

    async def close(self) -> None:
        """End all that is under way."""
        try:
            await self.tasks.close()
        finally:
            self.beside.close()
            await self.fetcher.close()

    def decoder(self, record_type: type[R]) -> RecordDecoder[R]:
        """Return the decoder of a record type, made once."""
        if record_type not in self._decoders:
            self._decoders[record_type] = RecordDecoder(record_type)
        return self._decoders[record_type]
