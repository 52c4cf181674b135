"""Many accounts, many credentials: a failing account never stops the others.

Each credential is a lane of its own. A lane whose gate is closed holds nothing up: accounts of the
other lanes are begun instead. What is ready waits in a short buffer, so a slow consumer slows the
producers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from typing import Generic, Literal, TypeVar

import attrs

from cfbilling._concurrency import Buffer, outcome
from cfbilling.credentials import Credentials
from cfbilling.errors import AccountFailure, BillingError, FanOutError
from cfbilling.events import AccountDone, AccountFailed
from cfbilling.protocol.requests import Query
from cfbilling.records import ChargeRecord
from cfbilling.streams.delivery import Pipeline
from cfbilling.streams.record_stream import BatchedStream
from cfbilling.transport.rate_limit import RateLimiter

__all__ = ["Accounts", "FanOut", "FanOutStream", "OnError"]

R = TypeVar("R", bound=ChargeRecord)
Item = TypeVar("Item")
Batch = TypeVar("Batch")

Accounts = Iterable[str] | AsyncIterable[str] | Mapping[str, Credentials]
"""Account ids, taken one by one as they are needed, or a mapping from id to its credentials."""

OnError = Literal["defer", "raise", "yield"]
"""What a failed account does: raise at the end, raise at once, or come as an item."""


async def _each(accounts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[str, None]:
    if isinstance(accounts, AsyncIterable):
        async for account_id in accounts:
            yield account_id
    else:
        for account_id in accounts:
            yield account_id


@attrs.define
class _Lane:
    """The accounts of one credential."""

    credentials: Credentials
    limiter: RateLimiter
    account_ids: AsyncGenerator[str, None]
    active: int = 0

    @property
    def is_open(self) -> bool:
        return not self.limiter.closed_for


class FanOut(Generic[R]):
    """Begins accounts as others end, and delivers what they give.

    Args:
        pipeline: The open client.
        query: The query about each account.
        accounts: The accounts.
        credentials: The credential of accounts that have none of their own.
        on_error: What a failed account does.
        concurrency: How many accounts are under way at once, those of closed lanes aside.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        query: Query[R],
        accounts: Accounts,
        *,
        credentials: Credentials,
        on_error: OnError,
        concurrency: int,
    ) -> None:
        self._pipeline = pipeline
        self._query = query
        self._accounts = accounts
        self._credentials = credentials
        self._on_error = on_error
        self._concurrency = concurrency
        self._buffer: Buffer[tuple[str, list[R]] | AccountFailure] = Buffer(concurrency)
        self._changed = asyncio.Event()
        self._lanes = self._made_lanes()
        self._waiting = deque(self._lanes)
        self._running: set[asyncio.Task[None]] = set()
        self._bug: BaseException | None = None

    def _made_lanes(self) -> list[_Lane]:
        accounts, limiter = self._accounts, self._pipeline.fetcher.limiter
        if not isinstance(accounts, Mapping):
            own = self._credentials
            return [_Lane(own, limiter(own), _each(accounts))]
        by_credential: dict[Credentials, list[str]] = {}
        for account_id, credentials in accounts.items():
            by_credential.setdefault(credentials or self._credentials, []).append(account_id)
        return [_Lane(key, limiter(key), _each(ids)) for key, ids in by_credential.items()]

    async def items(self) -> AsyncGenerator[tuple[str, list[R]] | AccountFailure, None]:
        """Yield each account's batches; the accounts interleave.

        Raises:
            FanOutError: At the end, if accounts failed and were deferred.
            BillingError: At once, if an account failed and that is to be raised.
        """
        tasks = self._pipeline.tasks
        failures: list[AccountFailure] = []
        for lane in self._lanes:
            lane.limiter.watchers.add(self._changed)
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
            await outcome(beginning)
        finally:
            for lane in self._lanes:
                lane.limiter.watchers.discard(self._changed)
            await tasks.end([beginning, *self._running])
            for lane in self._lanes:
                await lane.account_ids.aclose()
        if failures:
            raise FanOutError(failures)

    async def _begin_all(self) -> None:
        while (lane := await self._next_lane()) is not None:
            account_id = await anext(lane.account_ids, None)
            if account_id is None:
                self._waiting.remove(lane)
                continue
            lane.active += 1
            task = self._pipeline.tasks.start(self._deliver(lane, account_id))
            self._running.add(task)
            task.add_done_callback(self._ended)
        while self._running:
            await self._change()

    async def _next_lane(self) -> _Lane | None:
        """Wait until an account may be begun; return its lane, or None when all have been."""
        while self._waiting:
            busy = sum(lane.active for lane in self._lanes if lane.is_open)
            for _ in range(len(self._waiting)):
                lane = self._waiting[0]
                self._waiting.rotate(-1)
                # In a closed lane one account waits for the gate, to go on when it opens.
                if (lane.is_open and busy < self._concurrency) or not lane.active:
                    return lane
            await self._change()
        return None

    async def _change(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        if self._bug is not None:
            raise self._bug

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
        self._changed.set()

    async def _deliver(self, lane: _Lane, account_id: str) -> None:
        observer = self._pipeline.observer
        # The first accounts may fetch far ahead; many at once need not.
        ahead = -(-self._concurrency // lane.active)
        try:
            request = self._query.about(account_id)
            delivery = self._pipeline.deliver(request, lane.credentials, ahead, is_owned=True)
            async with aclosing(delivery.batches()) as batches:
                async for records in batches:
                    await self._buffer.put((account_id, records))
        except BillingError as error:
            observer(AccountFailed(account_id=account_id, error=error))
            await self._buffer.put(AccountFailure(account_id, error))
        else:
            observer(AccountDone(account_id=account_id))
        finally:
            lane.active -= 1


async def _one_by_one(
    batches: AsyncGenerator[tuple[str, list[R]] | AccountFailure, None],
) -> AsyncGenerator[tuple[str, R] | AccountFailure, None]:
    async with aclosing(batches):
        async for batch in batches:
            if isinstance(batch, AccountFailure):
                yield batch
            else:
                account_id, records = batch
                for record in records:
                    yield account_id, record


class FanOutStream(BatchedStream[Item, Batch]):
    """The records of many accounts: each account's in order, the accounts interleaved.

    Yields ``(account_id, record)``, or by `batches` ``(account_id, [records])``; with
    ``on_error="yield"`` also an `AccountFailure` for each account that failed.
    """

    def __init__(self, fan_out: FanOut[R]) -> None:
        batches = fan_out.items()
        super().__init__(batches, _one_by_one(batches))  # type: ignore[arg-type]  # the client's overloads say which
