"""Everything goes wrong at random: an account comes exactly, or is named and no chunk is partial.

``CFBILLING_SOAK_SEEDS=200 pytest tests/integration/test_soak.py`` runs so many seeds.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from random import Random

import attrs
import pytest

from cfbilling import ApiToken, BillingClient, FanOutError, RetryPolicy
from cfbilling.sandbox import Fault, RequestFacts, Sandbox
from tests.integration.test_quota import SharedTime
from tests.integration.truth import received, truth

Rows = list[dict[str, object]]

SEEDS = int(os.environ.get("CFBILLING_SOAK_SEEDS", "4"))
ACCOUNTS = 200
RECORDS_PER_DAY = 2
START, DAYS = date(2025, 1, 1), 24
END = START + timedelta(days=DAYS)


@cache
def _truths() -> dict[str, Rows]:
    sandbox = Sandbox(accounts=ACCOUNTS, records_per_day=RECORDS_PER_DAY)
    return {a: truth(sandbox.expected_usage(a, START, END)) for a in sandbox.account_ids}


@attrs.frozen
class Weather:
    """How bad it is, and how the client is set; all of it follows from the seed."""

    fault_share: float
    foreign_share: float
    doomed_share: float
    quota: int | None
    window: int
    chunk_days: int
    concurrency: int
    attempts: int
    tokens: int
    compressed: bool

    @classmethod
    def of(cls, random: Random) -> Weather:
        """Draw the weather."""
        return cls(
            fault_share=random.choice([0.05, 0.2, 0.4]),
            foreign_share=random.choice([0, 0, 0.02]),
            doomed_share=random.choice([0, 0.02]),
            quota=random.choice([None, 20, 60, 150]),
            window=random.choice([10, 60, 300]),
            chunk_days=random.choice([5, 8, 12, 31]),
            concurrency=random.choice([1, 3, 8, 16]),
            attempts=random.choice([2, 3, 5]),
            tokens=random.choice([1, 1, 3]),
            compressed=random.random() < 0.8,
        )


def _drawn_fault(random: Random, *, compressed: bool) -> Fault:
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
    ]
    if compressed:
        # Without a checksum, a wrong byte may be another digit, which nobody can see.
        faults += [Fault(corrupt_at=place), Fault(corrupt_at=place, trickle=100)]
    return random.choice(faults)


@attrs.define
class Chaos:
    """What goes wrong with which request, in whatever order the requests come."""

    seed: int
    weather: Weather
    asked: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    strikes: int = 0

    def strike(self, facts: RequestFacts) -> Fault | None:
        """Draw the fault of one request: by its chunk, and by how often that has been asked."""
        chunk = facts.path, facts.query["from"]
        self.asked[chunk] += 1
        random = Random(f"{self.seed} {chunk} {self.asked[chunk]}")
        doom = Random(f"{self.seed} {chunk}").random()
        if random.random() >= self.weather.fault_share and doom >= self.weather.doomed_share:
            return None
        self.strikes += 1
        return _drawn_fault(random, compressed=self.weather.compressed)


@attrs.frozen
class Delivered:
    """What a fan-out gave, by account, and the accounts that it named as failed."""

    rows: dict[str, Rows]
    failed: set[str]


async def _fanned_out(sandbox: Sandbox, client: BillingClient, weather: Weather) -> Delivered:
    tokens = [ApiToken(token) for token in sandbox.api_tokens]
    ids = sandbox.account_ids
    accounts = {a: tokens[i % len(tokens)] for i, a in enumerate(ids)} if tokens[1:] else ids
    rows: dict[str, Rows] = defaultdict(list)
    failed: set[str] = set()
    neighbour = Random(weather.window)
    try:
        async for account_id, records in client.fan_out(accounts, START, END).batches():
            rows[account_id] += received(records)
            if neighbour.random() < weather.foreign_share:
                sandbox.consume(neighbour.randrange(20))
    except FanOutError as error:
        assert all(f.error.scope_id == f.account_id for f in error.failures)
        names = [failure.account_id for failure in error.failures]
        failed = set(names)
        assert len(names) == len(failed)
    return Delivered(rows, failed)


@pytest.mark.usefixtures("loop_without_debug")
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_happens_an_account_is_exact_or_named(seed: int) -> None:
    """Every account is the truth, or is named as failed and ends where one of its chunks does."""
    weather = Weather.of(Random(seed))
    chaos, time = Chaos(seed, weather), SharedTime()
    async with (
        asyncio.timeout(60),
        Sandbox(
            accounts=ACCOUNTS,
            records_per_day=RECORDS_PER_DAY,
            tokens=weather.tokens,
            quota=weather.quota,
            window=weather.window,
            compression="auto" if weather.compressed else "off",
            chaos=chaos.strike,
            clock=attrs.evolve(time.sandbox, sleep=time.client.sleep),
        ) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            chunk_days=weather.chunk_days,
            concurrency=weather.concurrency,
            retry=RetryPolicy(attempts=weather.attempts),
            clock=time.client,
            observer=lambda _: None,
        ) as client,
    ):
        delivered = await _fanned_out(sandbox, client, weather)
    assert chaos.strikes
    per_chunk = weather.chunk_days * RECORDS_PER_DAY
    for account_id, expected in _truths().items():
        rows = delivered.rows.get(account_id, [])
        if account_id in delivered.failed:
            assert rows == expected[: len(rows)], account_id
            assert len(rows) % per_chunk == 0, account_id
            assert len(rows) < len(expected), account_id
        else:
            assert rows == expected, account_id
    assert delivered.rows.keys() | delivered.failed == _truths().keys()
