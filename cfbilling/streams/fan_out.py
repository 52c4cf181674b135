"""Many accounts, many credentials: a failing account never stops the others.

Each credential is a lane of its own. A lane that has to wait for its quota holds nothing up:
accounts of other lanes are begun instead. What is ready waits in a short buffer, so a slow consumer
slows the producers. An account costs the same however many there are, and a lane is forgotten
when its accounts are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from cfbilling._concurrency import Buffer
from cfbilling.credentials import Credentials
from cfbilling.errors import AccountFailure, BillingError, FanOutError
from cfbilling.events import AccountDone, AccountFailed
from cfbilling.protocol.requests import Request
from cfbilling.records import Record
from cfbilling.streams.delivery import Delivery
from cfbilling.streams.empty_delivery import EmptyDelivery
from cfbilling.streams.lanes import Lane, Lanes
from cfbilling.streams.pipeline import Pipeline
from cfbilling.streams.record_stream import BatchedStream, RecordStream
from cfbilling.streams.subjects import Entry, Subject

__all__ = ["FanOut", "Form", "OnError"]

R = TypeVar("R", bound=Record)
K = TypeVar("K")


Form: TypeAlias = Callable[[Delivery[R]], AsyncGenerator[Any, None]]
"""Takes batches from a delivery."""

OnError = Literal["defer", "raise", "yield"]
"""What a failed account does: raise at the end, raise at once, or come as an item."""

_TURN = 256
"""How many accounts may be set aside in one turn of the event loop."""


def _records(delivery: Delivery[R]) -> AsyncGenerator[list[R], None]:
    return delivery.batches()


def _bug_of(task: asyncio.Task[None]) -> BaseException | None:
    """Return what ended a task that nobody ended."""
    if not task.cancelled():
        return task.exception()
    if task.cancelling():
        return None
    # As a cancellation it would be taken for the consumer's own; as nothing, a unit would be lost.
    return RuntimeError("what is done with a unit was cancelled by something that it waited for")


class FanOut(Generic[K, R]):
    """Begins accounts as others end, and delivers what they give.

    Args:
        pipeline: The open client.
        subject: What to ask about each account or unit.
        items: The accounts or units.
        on_error: The consequence of a failed account.
        concurrency: The most accounts under way at once, those of waiting lanes aside.
        work: What is done with each item's records; its result is delivered in their place.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        subject: Subject[K, R],
        items: Iterable[object] | AsyncIterable[object],
        *,
        on_error: OnError,
        concurrency: int,
        work: Callable[[K, RecordStream[R]], Awaitable[object]] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._subject = subject
        self._items = items
        self._on_error = on_error
        self._concurrency = concurrency
        self._work = work
        self._form: Form[R] = _records
        self._buffer: Buffer[tuple[K, Any] | AccountFailure] = Buffer(concurrency)
        self._changed = asyncio.Event()
        self._lanes = Lanes(pipeline.fetcher.limiter, concurrency, self._changed.set)
        self._running: set[asyncio.Task[None]] = set()
        # What is taken without waiting, by whoever has a place free; ``None`` for an async source.
        self._plain = None if isinstance(items, AsyncIterable) else subject.entries(items)
        self._bug: BaseException | None = None

    @property
    def record_type(self) -> type[R]:
        """The class of the records, as far as it is known before."""
        return self._subject.record_type

    async def items(
        self, form: Form[R] | None = None
    ) -> AsyncGenerator[tuple[K, Any] | AccountFailure, None]:
        """Yield each account's batches, or what became of them; the accounts interleave.

        Args:
            form: What takes batches from the delivery of an account, if not its records.

        Raises:
            FanOutError: At the end, if accounts failed and were deferred.
            BillingError: At once, if an account failed and that is to be raised.
        """
        self._form = self._form if form is None else form
        tasks = self._pipeline.tasks
        failures: list[AccountFailure] = []
        beginning = tasks.start(self._begin_all())
        beginning.add_done_callback(lambda _: self._buffer.close())
        try:
            while await self._buffer.wait():
                item = self._buffer.take()
                if isinstance(item, AccountFailure) and self._on_error != "yield":
                    if self._on_error == "raise":
                        raise item.error
                    failures.append(item)
                else:
                    yield item
            if self._bug is not None:
                raise self._bug
            await tasks.outcome(beginning)
        finally:
            self._lanes.close()
            await tasks.end([beginning, *self._running])
        if failures:
            raise FanOutError(failures)

    async def _awaited(self, items: AsyncIterable[object]) -> AsyncGenerator[Entry, None]:
        try:
            async for item in items:
                yield self._subject.entry(item)
        finally:
            if isinstance(items, BatchedStream):
                # A stream of ours was made for this, and what it has under way ends with it.
                await items.aclose()

    async def _begin_all(self) -> None:
        if isinstance(self._items, AsyncIterable):
            async with aclosing(self._awaited(self._items)) as awaited:
                while await self._begin_some(awaited):
                    pass
        else:
            while await self._begin_some(None):
                pass
        while self._lanes.has_waiting or self._running:
            if (begun := self._lanes.next_waiting()) is not None:
                self._begin(*begun)
            else:
                await self._change()
        if self._bug is not None:
            raise self._bug

    async def _begin_some(self, awaited: AsyncIterator[Entry] | None) -> bool:
        """Begin what may be begun, or take more accounts; return whether there may be more."""
        for _ in range(_TURN):
            if (begun := self._lanes.next_waiting()) is not None:
                self._begin(*begun)
            elif not self._may_take:
                await self._change()
            else:
                # Whatever the caller gives, an entry is never None.
                entry: Entry | None = None
                if self._plain is not None:
                    entry = next(self._plain, None)
                elif awaited is not None:
                    entry = await anext(awaited, None)
                if entry is None:
                    return False
                if (taken := await self._take(entry)) is not None:
                    self._begin(*taken)
        await asyncio.sleep(0)
        return True

    @property
    def _may_take(self) -> bool:
        return self._lanes.may_take(is_endless=not isinstance(self._items, Mapping))

    async def _take(self, entry: Entry) -> tuple[Lane, object] | None:
        """Return the account if it may be begun now; else it is set aside, or has failed."""
        try:
            lane = self._lanes.lane(entry.credentials)
        except BillingError as error:
            await self._fail(entry.item, error)
            return None
        if lane.may_begin:
            return lane, entry.item
        self._lanes.set_aside(lane, entry.item)
        return None

    def _begin(self, lane: Lane, item: object) -> None:
        self._lanes.begun(lane)
        task = self._pipeline.tasks.start(self._deliver_all(lane, item))
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def _deliver_all(self, lane: Lane, item: object) -> None:
        """Deliver an account, and in its place those that follow without a wait."""
        following: tuple[Lane, object] | None = (lane, item)
        while following is not None:
            is_whole = await self._deliver(*following)
            # One that failed may have taken no turn of the loop: others are to come first.
            following = await self._following() if is_whole else None
            if following is not None:
                self._lanes.begun(following[0])

    async def _following(self) -> tuple[Lane, object] | None:
        """Return the account that takes the place of one that ended.

        To wake whoever begins them, and to start a task, would cost a tenth of a small answer. All
        that takes a wait, or more than this one place, is left to it.
        """
        waiting = self._lanes.next_waiting()
        if waiting is not None:
            self._changed.set()
            return waiting
        if self._plain is None or self._bug is not None or not self._may_take:
            return None
        entry = next(self._plain, None)
        return None if entry is None else await self._take(entry)

    async def _change(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        if self._bug is not None:
            raise self._bug

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if (bug := _bug_of(task)) is not None:
            self._bug = bug
            # Also while another account is waited for, which may take for ever.
            self._buffer.close()
        self._changed.set()

    async def _deliver(self, lane: Lane, item: object) -> bool:
        """Deliver an account; return whether it came whole."""
        # The first accounts may fetch far ahead; many at once need not.
        ahead = -(-self._concurrency // lane.active)
        try:
            request = self._subject.request(item)
            if self._work is not None:
                await self._worked(self._work, item, request, lane.credentials, ahead)
            elif request is not None:
                key = self._subject.key(item)
                delivery = self._pipeline.deliver(request, lane.credentials, ahead)
                async with aclosing(self._form(delivery)) as batches:
                    async for records in batches:
                        await self._buffer.put((key, records))
        except BillingError as error:
            await self._fail(item, error)
            return False
        else:
            self._pipeline.observer(AccountDone(account_id=self._subject.label(item)))
            return True
        finally:
            self._lanes.ended(lane)

    async def _worked(
        self,
        work: Callable[[K, RecordStream[R]], Awaitable[object]],
        item: object,
        request: Request[R] | None,
        credentials: Credentials,
        ahead: int,
    ) -> None:
        """Have an item's records worked on, and deliver what comes of it."""
        delivery = (
            EmptyDelivery(self._subject.record_type_of(item))
            if request is None
            else self._pipeline.deliver(request, credentials, ahead)
        )
        key = self._subject.key(item)
        async with RecordStream(delivery) as stream:
            result = await work(key, stream)
        await self._buffer.put((key, result))

    async def _fail(self, item: object, error: BillingError) -> None:
        if self._on_error != "raise":
            # They may be many, and they are kept: of each, only what it says.
            error.forget_frames()
        label = self._subject.label(item)
        self._pipeline.observer(AccountFailed(account_id=label, error=error))
        await self._buffer.put(AccountFailure(label, error))
