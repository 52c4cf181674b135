"""Everything goes wrong at random: an account comes exactly, or is named and no chunk is partial.

Besides what a network and a service do, the caller gives ids that are none, leaves fan-outs in
the middle and is cancelled while it closes them. Nothing is left of any of it.

``CFBILLING_SOAK_SEEDS=200 pytest tests/integration/test_soak.py`` runs so many seeds.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

import attrs
import pytest

from cfbilling import ApiToken, BillingClient, FanOutError, RetryPolicy
from cfbilling.sandbox import Fault, Limit, RequestFacts, Sandbox
from cfbilling.transport.compression import Codings
from tests.integration.test_quota import SharedTime
from tests.integration.truth import received, truth

Rows = list[dict[str, object]]

SEEDS = int(os.environ.get("CFBILLING_SOAK_SEEDS", "5"))
ACCOUNTS = 200
RECORDS_PER_DAY = 2
# One more account is there, which is never asked about.
STRANGERS = 1
WRONG_IDS: tuple[object, ...] = (None, 7, 0.5, b"a" * 32, ("a" * 32,), "nonsense", True)
OPTIONAL_CODINGS = [c for c in ("zstd", "br") if c in Codings().accept_encoding.split(", ")]
SPOOL = 100_000
# No account waits longer than its budget, and there are never fewer than one under way.
LONGEST = ACCOUNTS * 600.0
START, DAYS = date(2025, 1, 1), 24
END = START + timedelta(days=DAYS)


@cache
def _truths() -> dict[str, Rows]:
    sandbox = Sandbox(accounts=ACCOUNTS, records_per_day=RECORDS_PER_DAY)
    return {a: truth(sandbox.expected_usage(a, START, END)) for a in sandbox.account_ids}


@attrs.frozen
class LockOut:
    """A token that is never let in again.

    Attributes:
        after: How many requests there are before it.
        retry_after: The wait that it asks for each time, if any.
    """

    after: int
    retry_after: int | None


@attrs.frozen
class Weather:
    """How bad it is, and how the client is set; all of it follows from the seed."""

    fault_share: float
    foreign_share: float
    doomed_share: float
    chunk_days: int
    concurrency: int
    attempts: int
    tokens: int
    coding: str
    limits: tuple[Limit, ...]
    separate_lines: bool
    wrong_ids: bool
    lock_out: LockOut | None

    @classmethod
    def of(cls, random: Random) -> Weather:
        """Draw the weather."""
        quota = random.choice([None, 20, 60, 150])
        window = random.choice([10, 60, 300])
        limits = [] if quota is None else [Limit("default", quota, window)]
        if limits and random.random() < 0.3:
            limits.append(Limit("burst", random.choice([5, 9]), 2))
        return cls(
            fault_share=random.choice([0.05, 0.2, 0.4]),
            foreign_share=random.choice([0, 0, 0.02]),
            doomed_share=random.choice([0, 0.02]),
            chunk_days=random.choice([5, 8, 12, 31]),
            concurrency=random.choice([1, 3, 8, 16]),
            attempts=random.choice([2, 3, 5]),
            tokens=random.choice([1, 1, 3]),
            coding=random.choice(["off", "auto", "auto", "auto", *OPTIONAL_CODINGS]),
            limits=tuple(limits),
            separate_lines=random.random() < 0.5,
            wrong_ids=random.random() < 0.5,
            lock_out=LockOut(
                after=random.choice([0, 50, 300]), retry_after=random.choice([30, 300, None])
            )
            if random.random() < 0.3
            else None,
        )


def _drawn_fault(random: Random, stranger: str, *, has_checksum: bool) -> Fault:
    place = random.choice([random.randrange(40), random.randrange(2500)])
    status = random.choice([500, 502, 503, 504, 520, 522, 524, 529])
    faults = [
        Fault(reset_at=random.choice(["before_headers", "inside_headers", "after_headers"])),
        Fault(reset_at=place),
        Fault(close_at=place),
        Fault(end_at=place),
        Fault(trickle=random.randrange(20, 200)),
        Fault(delay=random.uniform(0, 90)),
        Fault(hold_at=place, delay=random.uniform(0, 90)),
        Fault(status=status),
        Fault(status=status, retry_after=random.randrange(60)),
        Fault(status=status, html=True),
        Fault(html=True),
        Fault(status=429, retry_after=random.randrange(1, 120)),
        Fault(status=429),
        Fault(fail_at_end=True, error_codes=(4242,)),
        Fault(interim=random.choices([100, 102, 103], k=3)),
        Fault(interim=(103,), delay=random.uniform(0, 90)),
        Fault(interim=(102,), status=429, retry_after=random.randrange(1, 120)),
        Fault(status=429, hold_at=0, delay=random.uniform(0, 90)),
        Fault(headers={"Ratelimit": '"default";r=50;t=60'}, delay=random.uniform(0, 90)),
        Fault(headers={"Ratelimit": '"default";r=0;t=999999999'}),
        Fault(status=503, retry_after="9" * 400),
        Fault(trickle=50, trickle_delay=1),
        Fault(unsolicited=stranger),
    ]
    if has_checksum:
        # Without a checksum, a wrong byte may be another digit, which nobody can see.
        faults += [Fault(corrupt_at=place), Fault(corrupt_at=place, trickle=100)]
    return random.choice(faults)


@attrs.define
class Chaos:
    """What goes wrong with which request, in whatever order the requests come."""

    seed: int
    weather: Weather
    stranger: str = ""
    lock_out: Callable[[int | None], None] = lambda _: None
    asked: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    strikes: int = 0

    def strike(self, facts: RequestFacts) -> Fault | None:
        """Draw the fault of one request: by its chunk, and by how often that has been asked."""
        chunk = facts.path, facts.query["from"]
        self.asked[chunk] += 1
        bad_luck = self.weather.lock_out
        if bad_luck is not None and self.asked.total() == bad_luck.after + 1:
            self.lock_out(bad_luck.retry_after)
        random = Random(f"{self.seed} {chunk} {self.asked[chunk]}")
        doom = Random(f"{self.seed} {chunk}").random()
        if random.random() >= self.weather.fault_share and doom >= self.weather.doomed_share:
            return None
        self.strikes += 1
        has_checksum = self.weather.coding == "auto"
        return _drawn_fault(random, self.stranger, has_checksum=has_checksum)


@attrs.frozen
class Delivered:
    """What a fan-out gave, by account, and the accounts that it named as failed."""

    rows: dict[str, Rows]
    failed: set[str]


def _accounts(sandbox: Sandbox, weather: Weather) -> Any:
    """Return what is fanned out over: ids, or a mapping with a token for each."""
    ids: list[object] = list(sandbox.account_ids[:ACCOUNTS])
    if weather.wrong_ids:
        for place, wrong in enumerate(WRONG_IDS):
            ids.insert(place * 20, wrong)
    tokens = [ApiToken(token) for token in sandbox.api_tokens]
    return {a: tokens[i % len(tokens)] for i, a in enumerate(ids)} if tokens[1:] else ids


async def _fanned_out(sandbox: Sandbox, client: BillingClient, weather: Weather) -> Delivered:
    rows: dict[str, Rows] = defaultdict(list)
    failed: set[str] = set()
    neighbour = Random(weather.concurrency)
    accounts = _accounts(sandbox, weather)
    try:
        async for account_id, records in client.fan_out(accounts, START, END).batches():
            rows[account_id] += received(records)
            if neighbour.random() < weather.foreign_share:
                sandbox.consume(neighbour.randrange(20))
    except FanOutError as error:
        assert all(f.error.scope_id in {f.account_id, None} for f in error.failures)
        names = [failure.account_id for failure in error.failures]
        failed = set(names)
        assert len(names) == len(failed)
    return Delivered(rows, failed)


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def _left_in_the_middle(client: BillingClient, accounts: Any, random: Random) -> None:
    """Begin a fan-out, close it after some items, and cancel the closing."""
    stream = client.fan_out(accounts, START, END)
    with suppress(StopAsyncIteration, FanOutError):
        for _ in range(random.randrange(30)):
            await anext(stream)
    closing = asyncio.ensure_future(stream.aclose())
    await _turns(random.randrange(4))
    closing.cancel()
    await asyncio.wait((closing,))


async def _assert_nothing_is_held(client: BillingClient, sandbox: Sandbox, slots: int) -> None:
    """Check that no task, leave, slot or received byte is held."""
    pipeline = client._opened()
    for _ in range(10_000):
        if not pipeline.tasks._running:
            break
        await asyncio.sleep(0)
    assert set() == pipeline.tasks._running
    room = pipeline.fetcher._receiver._room
    assert (set(), SPOOL) == (room._open, room._free)
    assert slots == pipeline.fetcher._slots._value
    for token in sandbox.api_tokens:
        limiter = pipeline.fetcher.limiter(ApiToken(token))
        assert (0, set()) == (limiter._unanswered, limiter.watchers)


async def _closed_in_the_middle(client: BillingClient, accounts: Any, random: Random) -> None:
    """Close the client under a fan-out, and cancel the closing."""
    pipeline, before = client._opened(), asyncio.all_tasks()
    stream = client.fan_out(accounts, START, END)
    beginning = asyncio.ensure_future(anext(stream))
    await _turns(random.randrange(100))
    closing = asyncio.ensure_future(client.aclose())
    await _turns(random.randrange(1, 6))
    closing.cancel()
    await asyncio.wait((closing, beginning))
    beginning.exception()
    await stream.aclose()
    await _turns(100)
    assert set() == pipeline.tasks._running
    assert set() == pipeline.fetcher._receiver._room._open
    assert client._session._session is None or client._session._session.closed
    assert before >= {t for t in asyncio.all_tasks() if "Connections" not in repr(t)}


def _assert_exact_or_named(delivered: Delivered, weather: Weather) -> None:
    per_chunk = weather.chunk_days * RECORDS_PER_DAY
    for account_id, expected in _truths().items():
        rows = delivered.rows.get(account_id, [])
        if account_id in delivered.failed:
            assert rows == expected[: len(rows)], account_id
            assert len(rows) % per_chunk == 0, account_id
            assert len(rows) < len(expected), account_id
        else:
            assert rows == expected, account_id
    wrong = delivered.failed - _truths().keys()
    assert len(wrong) == (len(WRONG_IDS) if weather.wrong_ids else 0)
    assert delivered.rows.keys() | delivered.failed == _truths().keys() | wrong


@pytest.mark.usefixtures("loop_without_debug")
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_happens_an_account_is_exact_or_named(seed: int) -> None:
    """Every account is the truth, or is named as failed and ends where one of its chunks does."""
    random = Random(seed)
    weather = Weather.of(random)
    chaos, time = Chaos(seed, weather), SharedTime()
    async with (
        asyncio.timeout(120),
        Sandbox(
            accounts=ACCOUNTS + STRANGERS,
            records_per_day=RECORDS_PER_DAY,
            tokens=weather.tokens,
            limits=weather.limits,
            separate_ratelimit_lines=weather.separate_lines,
            compression=weather.coding,  # type: ignore[arg-type]  # drawn from those there are
            chaos=chaos.strike,
            clock=attrs.evolve(time.sandbox, sleep=time.client.sleep),
        ) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            chunk_days=weather.chunk_days,
            concurrency=weather.concurrency,
            spool_bytes=SPOOL,
            retry=RetryPolicy(attempts=weather.attempts),
            clock=time.client,
            observer=lambda _: None,
        ) as client,
    ):
        chaos.stranger = sandbox.account_ids[-1]
        chaos.lock_out = lambda seconds: sandbox.lock_out(
            sandbox.api_tokens[-1], retry_after=seconds
        )
        accounts = _accounts(sandbox, weather)
        await _left_in_the_middle(client, accounts, random)
        delivered = await _fanned_out(sandbox, client, weather)
        assert time.seconds <= LONGEST
        await _assert_nothing_is_held(client, sandbox, weather.concurrency)
        await _closed_in_the_middle(client, accounts, random)
    assert chaos.strikes or weather.lock_out is not None
    _assert_exact_or_named(delivered, weather)
    if weather.lock_out is not None and weather.lock_out.after == 0:
        assert delivered.failed & set(_truths())
