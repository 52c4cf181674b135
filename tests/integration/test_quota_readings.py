"""The quota under every reading of the contract: never slower than it has to be, never locked out.

All in simulated time. Each job prints what was measured: ``python -m pytest -n0 -s`` shows it.
"""

from __future__ import annotations

import asyncio
import math
import sys
from typing import get_args

import attrs
import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillingClient,
    ConfigurationError,
    QuotaPolicy,
    RateLimited,
    RetryPolicy,
)
from cfbilling.sandbox import Fault, Sandbox
from cfbilling.sandbox.rules.rate_limits import Lockout, QuotaKind
from tests.integration.simulated_time import SimulatedTime

DAY = "2025-01-01", "2025-01-02"
KINDS, LOCKOUTS = get_args(QuotaKind), get_args(Lockout)


@attrs.frozen
class Job:
    """A job of many accounts.

    Attributes:
        kind: How the sandbox counts and tells its quota.
        lockout: How long it refuses.
        processes: Clients that share the accounts and the token.
        accounts: Accounts, of one request each.
        quota: The quota of five minutes.
        reserve: What each client leaves to others.
        assumed: What each client assumes.
        used: What somebody else has used of the quota before.
        pace: Seconds that each process takes for each account.
    """

    kind: QuotaKind
    lockout: Lockout
    processes: int = 1
    accounts: int = 120
    quota: int = 20
    reserve: int = 0
    assumed: QuotaPolicy | None = None
    used: int = 0
    pace: float = 0.0

    @property
    def least(self) -> float:
        """The least time that it can take, in seconds."""
        usable, requests = self.quota - self.reserve, self.accounts + self.used
        if self.kind == "bucket":
            waited = (requests - usable) * 300 / self.quota
        else:
            waited = (math.ceil(requests / usable) - 1) * 300.0
        return max(waited, self.pace * (self.accounts / self.processes - 1))


@attrs.frozen
class Outcome:
    """What came of a job.

    Attributes:
        ratio: Its time against the least.
        refusals: The refusals.
        readings: The reading that each client has found.
        is_whole: Whether every account was delivered, once.
    """

    ratio: float
    refusals: int
    readings: frozenset[str | None]
    is_whole: bool


async def run(job: Job) -> Outcome:
    """Run a job in simulated time."""
    time, seen, readings = SimulatedTime(), list[str](), set[str | None]()
    sandbox = Sandbox(
        accounts=job.accounts,
        quota=job.quota,
        quota_kind=job.kind,
        lockout=job.lockout,
        clock=time.sandbox,
    )

    async def process(number: int) -> None:
        client = BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=time.client,
            retry=RetryPolicy(budget=1e6),
            quota_reserve=job.reserve,
            assumed_quota=job.assumed or QuotaPolicy(job.quota),
        )
        async with client:
            accounts = sandbox.account_ids[number :: job.processes]
            async for account, _ in client.fan_out(accounts, *DAY).batches():
                seen.append(account)
                if job.pace:
                    await time.sleep(job.pace)
            quota = client.quota()
            readings.add(None if quota is None else quota.reading)

    async with sandbox:
        sandbox.consume(job.used)
        await time.run(asyncio.gather(*map(process, range(job.processes))))
    outcome = Outcome(
        time.now / job.least,
        sandbox.statuses[429],
        frozenset(readings),
        sorted(seen) == sorted(sandbox.account_ids),
    )
    sys.stdout.write(
        f"\n{job.kind:9} {job.lockout:12} processes {job.processes} reserve {job.reserve:2}"
        f" windows {job.accounts / job.quota:4.1f} time {outcome.ratio:5.3f}x"
        f" refusals {outcome.refusals}\n"
    )
    return outcome


@pytest.mark.parametrize("reserve", [0, 4])
@pytest.mark.parametrize("lockout", LOCKOUTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_alone_nothing_is_refused_and_nothing_waits_too_long(
    kind: QuotaKind, lockout: Lockout, reserve: int
) -> None:
    """Alone with its token, a job takes the least time, is never refused, and knows the reading."""
    outcome = await run(Job(kind, lockout, reserve=reserve))
    assert outcome.is_whole
    assert outcome.ratio <= 1.05
    assert outcome.refusals == 0
    assert outcome.readings == {kind}


@pytest.mark.parametrize("lockout", LOCKOUTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_that_takes_its_time_is_not_held_up(kind: QuotaKind, lockout: Lockout) -> None:
    """A job that is slower than the quota is never refused, and the quota costs it nothing."""
    outcome = await run(Job(kind, lockout, accounts=100, pace=16.0))
    assert outcome.is_whole
    assert outcome.ratio <= 1.05
    assert outcome.refusals == 0


@pytest.mark.parametrize("lockout", LOCKOUTS)
@pytest.mark.parametrize("kind", ["no_header", "silent"])
async def test_where_nothing_is_told_a_lock_out_has_one_refusal(
    kind: QuotaKind, lockout: Lockout
) -> None:
    """Where the quota is smaller than anybody could know, each lock-out takes one request.

    The first finds all that is in flight: eight.
    """
    job = Job(kind, lockout, assumed=QuotaPolicy(1200), used=3)
    outcome = await run(job)
    assert outcome.is_whole
    assert outcome.ratio <= 1.05
    lock_outs = job.accounts / job.quota
    assert outcome.refusals <= lock_outs + 8


@pytest.mark.parametrize("lockout", LOCKOUTS)
async def test_what_is_kept_for_others_ends_the_lock_outs(lockout: Lockout) -> None:
    """Without headers and beside others, a reserve of what they use means no refusal at all."""
    job = Job("no_header", lockout, 2, accounts=100, reserve=10)
    outcome = await run(job)
    assert outcome.is_whole
    assert outcome.refusals == 0


@pytest.mark.parametrize(
    ("kind", "most"), [("window", 25), ("bucket", 25), ("no_header", 80), ("silent", 80)]
)
@pytest.mark.parametrize("lockout", LOCKOUTS)
async def test_three_processes_share_a_token(kind: QuotaKind, lockout: Lockout, most: int) -> None:
    """Three that know nothing of each other take the least time together, and lose nothing."""
    outcome = await run(Job(kind, lockout, 3, accounts=720, quota=120))
    assert outcome.is_whole
    assert outcome.ratio <= 1.05
    # In six windows.
    assert outcome.refusals <= most


@pytest.mark.parametrize("lockout", LOCKOUTS)
@pytest.mark.parametrize("kind", ["window", "bucket"])
async def test_three_processes_that_keep_a_reserve_are_not_refused(
    kind: QuotaKind, lockout: Lockout
) -> None:
    """Where the headers tell, what the others have in flight is a reserve that ends refusals."""
    outcome = await run(Job(kind, lockout, 3, accounts=480, quota=120, reserve=24))
    assert outcome.is_whole
    assert outcome.ratio <= 1.05
    assert outcome.refusals == 0


@pytest.mark.parametrize("budget", [0.0, 0.5])
@pytest.mark.parametrize("lockout", LOCKOUTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_wait_passes_the_budget(kind: QuotaKind, lockout: Lockout, budget: float) -> None:
    """With 5 requests in 10 s, what has to wait longer than the budget is told so at once."""
    time = SimulatedTime()
    sandbox = Sandbox(
        accounts=40, quota=5, window=10, quota_kind=kind, lockout=lockout, clock=time.sandbox
    )
    retry = RetryPolicy.never_wait() if not budget else RetryPolicy(budget=budget)

    async def call(client: BillingClient, account: str) -> None:
        try:
            await client.billing_profile(account)
        except RateLimited as error:
            assert error.retry_after is not None
            assert 0 < error.retry_after <= 10
            refused.append(account)

    async with (
        sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=time.client,
            retry=retry,
        ) as client,
    ):
        refused: list[str] = []
        await time.run(asyncio.gather(*(call(client, one) for one in sandbox.account_ids)))
        for account in sandbox.account_ids[:10]:
            await time.run(call(client, account))
        fan_out = client.fan_out(sandbox.account_ids, *DAY, on_error="yield")

        async def failures() -> list[str]:
            return [item.account_id async for item in fan_out if isinstance(item, AccountFailure)]

        failed = await time.run(failures())
        assert time.now <= 2 * budget
        assert len(refused) >= 35
        assert len(failed) >= 35


async def test_a_wait_for_somebody_else_s_answer_is_within_the_budget() -> None:
    """When all that is left is under way and its answer does not come, nobody waits for ever."""
    held, time = asyncio.Event(), SimulatedTime()
    async with (
        Sandbox(accounts=12, quota=5, window=10, clock=time.sandbox) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=time.client,
            retry=RetryPolicy(budget=0.05),
            assumed_quota=QuotaPolicy(5, 10),
        ) as client,
    ):
        sandbox.faults.add(*(Fault(until=held) for _ in range(5)))
        calls = [
            asyncio.ensure_future(client.billing_profile(account))
            for account in sandbox.account_ids
        ]
        done, under_way = await asyncio.wait(calls, timeout=5, return_when="FIRST_COMPLETED")
        while len(done) < 7:
            more, under_way = await asyncio.wait(
                under_way, timeout=5, return_when="FIRST_COMPLETED"
            )
            assert more, "somebody waits for ever"
            done |= more
        assert {RateLimited} == {type(call.exception()) for call in done}
        held.set()
        assert len(await asyncio.gather(*under_way)) == 5
        assert (
            client._opened().fetcher.limiter(ApiToken(sandbox.api_token))._waiting_line().waited
            >= 0.05
        )


async def test_a_thousand_that_are_cancelled_leave_no_one_behind() -> None:
    """Whoever waits may be cancelled, wherever it stands; the others go on, and nothing is left."""
    time = SimulatedTime()
    async with (
        Sandbox(accounts=1, quota=5, window=10, clock=time.sandbox) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token), base_url=sandbox.base_url, clock=time.client
        ) as client,
    ):
        account = sandbox.account_ids[0]
        await client.billing_profile(account)
        calls = [asyncio.ensure_future(client.billing_profile(account)) for _ in range(1_000)]

        async def cancel_most() -> None:
            await time.sleep(15)
            for call in calls[:-20]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

        await time.run(cancel_most())
        assert all(not call.cancelled() and call.result().id for call in calls[-20:])
        limiter = client._opened().fetcher.limiter(ApiToken(sandbox.api_token))
        assert (0, 0, 0) == (len(limiter._line or ()), limiter._coming, limiter._unanswered)
        assert sandbox.statuses[429] <= 8


async def test_the_quota_of_a_named_credential_is_told() -> None:
    """The quota is told for the default credential, a name or a credential, before and after."""
    async with Sandbox(tokens=2) as sandbox:
        first, second = map(ApiToken, sandbox.api_tokens)
        async with BillingClient(
            {None: first, "other": second}, base_url=sandbox.base_url
        ) as client:
            assert client.quota() is None
            await client.billing_profile(sandbox.account_ids[0])
            quota = client.quota()
            assert quota is not None
            assert (1199, "window") == (quota.remaining, quota.reading)
            assert client.quota(first) is not None
            assert client.quota("other") is None
            assert client.quota(second) is None
            secret = "0123456789-token-given-as-a-name"
            with pytest.raises(ConfigurationError, match="credential is no name") as caught:
                client.quota(secret)
            assert secret not in str(caught.value)


@pytest.mark.parametrize("reserve", [-1, 1.5, True, 1200, "3"])
def test_a_reserve_that_cannot_be_is_refused(reserve: object) -> None:
    """At least one request of a window has to be left to ourselves."""
    with pytest.raises(ConfigurationError, match="quota_reserve"):
        BillingClient(ApiToken("t" * 40), quota_reserve=reserve)  # type: ignore[arg-type]  # wrong
