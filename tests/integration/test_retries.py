"""Which failures are tried again, for how long, and what is raised in the end."""

from __future__ import annotations

from datetime import date, timedelta
from email.utils import format_datetime

import pytest

from cfbilling import (
    ApiError,
    AuthenticationError,
    BillingError,
    DecodeError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    RetryPolicy,
    ServerError,
    TransportError,
)
from cfbilling.events import Event, RetryScheduled
from cfbilling.sandbox import Clock as SandboxClock
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import NOW, ClientMaker, Waits
from tests.integration.truth import received, truth

RANGE = ("2025-01-01", "2025-01-31")

TRANSIENT = [
    *(Fault(status=status) for status in (408, 425, 429, 500, 502, 503, 504, 520, 525, 530)),
    Fault(status=502, html=True),
    # Of a connection that breaks before an answer, aiohttp itself repeats a GET once.
    Fault(reset_at="before_headers", times=2),
    Fault(reset_at="inside_headers", times=2),
    Fault(reset_at="after_headers"),
    Fault(reset_at=500),
    Fault(close_at=500),
    Fault(end_at=500),
    Fault(corrupt_at=500),
    Fault(fail_at_end=True, error_codes=(10040,)),
    Fault(fail_at_end=True, error_codes=(971,)),
    Fault(status=400, error_codes=(10040,)),
]

FINAL: list[tuple[Fault, type[BillingError]]] = [
    (Fault(status=400), InvalidRequest),
    (Fault(status=405), InvalidRequest),
    (Fault(status=401), AuthenticationError),
    (Fault(status=403), PermissionDenied),
    (Fault(status=404), NotFound),
    (Fault(status=500, error_codes=(10000,)), AuthenticationError),
    (Fault(status=400, error_codes=(9109,)), AuthenticationError),
    (Fault(status=501), ServerError),
    (Fault(status=505), ServerError),
    (Fault(fail_at_end=True, error_codes=(10000,)), AuthenticationError),
    (Fault(fail_at_end=True, error_codes=(1183,)), InvalidRequest),
    (Fault(fail_at_end=True, error_codes=(4242,)), ApiError),
    (Fault(html=True), DecodeError),
    (Fault(redirect="https://example.com/"), ApiError),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=str)
async def test_a_transient_failure_is_tried_again(
    client_for: ClientMaker, waits: Waits, fault: Fault
) -> None:
    """After one transient failure the records are the whole truth, after one wait."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(fault)
        account = sandbox.account_ids[0]
        records = await client.usage(account, *RANGE).collect()
        expected = sandbox.expected_usage(account, *map(date.fromisoformat, RANGE))
        assert truth(expected) == received(records)
        assert len(sandbox.requests) == (fault.times or 0) + 1
        assert len(waits.seconds) == 1
        assert 0.25 <= waits.seconds[0] <= 0.5


@pytest.mark.parametrize(("fault", "kind"), FINAL, ids=str)
async def test_a_final_failure_is_not_tried_again(
    client_for: ClientMaker, waits: Waits, fault: Fault, kind: type[BillingError]
) -> None:
    """What another attempt cannot mend is raised at once, with all of its facts."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(fault)
        account = sandbox.account_ids[0]
        with pytest.raises(kind) as caught:
            await client.usage(account, *RANGE).collect()
        error = caught.value
        assert type(error) is kind
        assert ("usage", account) == (error.endpoint, error.scope_id)
        assert str(error.chunk) == "[2025-01-01, 2025-01-31)"
        assert error.ray_id is not None
        assert error.attempts in {1, None}
        assert error.status == sandbox.requests[0].status
        assert [] == waits.seconds
        assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=503, times=None), ServerError),
        (Fault(status=502, html=True, times=None), ServerError),
        (Fault(status=429, times=None), RateLimited),
        (Fault(end_at=500, times=None), TransportError),
        (Fault(reset_at=500, times=None), TransportError),
        (Fault(fail_at_end=True, error_codes=(971,), times=None), RateLimited),
    ],
    ids=str,
)
async def test_the_last_real_error_is_raised(
    client_for: ClientMaker, waits: Waits, fault: Fault, kind: type[BillingError]
) -> None:
    """When the attempts are used up, the error is the last one itself, with them counted."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(fault)
        with pytest.raises(kind) as caught:
            await client.usage(sandbox.account_ids[0], *RANGE).collect()
        assert type(caught.value) is kind
        assert caught.value.attempts == 3
        assert len(sandbox.requests) == 3
        assert len(waits.seconds) == 2


async def test_retry_after_wins_and_costs_no_attempt(client_for: ClientMaker, waits: Waits) -> None:
    """Waits that the service asks for, in seconds or as a date, are kept to and not counted."""
    moment = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    retry = RetryPolicy(attempts=2)
    clock = SandboxClock(now=lambda: NOW)
    async with Sandbox(clock=clock) as sandbox, client_for(sandbox, retry=retry) as client:
        sandbox.faults.add(
            Fault(status=429, retry_after=120),
            Fault(status=503, retry_after=moment),
            Fault(status=429, retry_after=200),
        )
        await client.billing_profile(sandbox.account_ids[0])
        assert [120, 90, 200] == waits.seconds


async def test_a_wait_beyond_the_budget_fails_at_once(
    client_for: ClientMaker, waits: Waits
) -> None:
    """A wait that would pass the time budget is not begun, and the error says how long it was."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(
            Fault(status=429, retry_after=300),
            Fault(status=429, retry_after=300),
            Fault(status=429, retry_after=1),
        )
        with pytest.raises(RateLimited) as caught:
            await client.billing_profile(sandbox.account_ids[0])
        assert [300, 300] == waits.seconds
        assert (1, 3) == (caught.value.retry_after, caught.value.attempts)


async def test_a_service_that_asks_for_no_wait_is_not_asked_without_end(
    client_for: ClientMaker, waits: Waits
) -> None:
    """Retry-After of zero is no wait asked for: back-off and attempts count."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(Fault(status=503, retry_after=0, times=None))
        with pytest.raises(ServerError):
            await client.billing_profile(sandbox.account_ids[0])
        assert len(waits.seconds) == 2


async def test_retries_are_told(client_for: ClientMaker) -> None:
    """Each retry is an event with what failed and how long the wait is."""
    events: list[Event] = []
    async with Sandbox() as sandbox, client_for(sandbox, observer=events.append) as client:
        sandbox.faults.add(Fault(status=429, retry_after=7))
        await client.billing_profile(sandbox.account_ids[0])
    (retry,) = (event for event in events if isinstance(event, RetryScheduled))
    assert (7, True, 1) == (retry.wait, retry.asked, retry.attempt)
    assert isinstance(retry.error, RateLimited)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_refusal_of_a_restricted_endpoint_says_that_it_is_one(
    client_for: ClientMaker, status: int
) -> None:
    """A 403 or 404 of an alpha or beta endpoint says that it is not open to every account."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        account = sandbox.account_ids[0]
        for stage, stream in (
            ("alpha", client.usage(account)),
            ("alpha", client.paygo_usage(account)),
            ("beta", client.paygo_usage_beta(account)),
        ):
            sandbox.faults.add(Fault(status=status, error_codes=(4242,)))
            with pytest.raises(PermissionDenied if status == 403 else NotFound, match=stage):
                await stream.collect()
        sandbox.faults.add(Fault(status=status, error_codes=(4242,)))
        with pytest.raises(ApiError) as caught:
            await client.billing_profile(account)
        assert "not open" not in str(caught.value)
