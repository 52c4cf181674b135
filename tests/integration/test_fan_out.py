"""Many accounts at once: all of them, whatever happens to some."""

from __future__ import annotations

import asyncio
import pickle
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import date
from enum import Enum
from itertools import count
from typing import Any

import pytest

from cfbilling import (
    Account,
    AccountFailure,
    ApiToken,
    BillingClient,
    BillingError,
    Clock,
    ConfigurationError,
    FanOutError,
    NotFound,
    PermissionDenied,
    ServerError,
    plan,
)
from cfbilling.events import AccountDone, AccountFailed, Event
from cfbilling.sandbox import Fault, Sandbox
from tests.conftest import ClientMaker
from tests.integration.truth import received, truth

START, END = date(2025, 1, 1), date(2025, 3, 15)
# Enough for a chunk of several slices.
RECORDS_PER_DAY = 4


def _truths(sandbox: Sandbox, accounts: list[str]) -> dict[str, list[dict[str, object]]]:
    return {account: truth(sandbox.expected_usage(account, START, END)) for account in accounts}


async def _by_account(stream: AsyncIterator[Any]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = defaultdict(list)
    async for account_id, record in stream:
        found[account_id] += received([record])
    return dict(found)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_every_account_comes_whole_and_in_order(
    client_for: ClientMaker, concurrency: int
) -> None:
    """Each account's records are the truth in its order, however many are under way."""
    async with (
        Sandbox(accounts=20, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox, concurrency=concurrency) as client,
    ):
        found = await _by_account(client.fan_out(sandbox.account_ids, START, END))
        assert _truths(sandbox, sandbox.account_ids) == found


async def test_batches_name_their_account(client_for: ClientMaker) -> None:
    """By batches, the same records come in lists."""
    async with (
        Sandbox(accounts=5, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox) as client,
    ):
        found: dict[str, list[dict[str, object]]] = defaultdict(list)
        async for account_id, records in client.fan_out(sandbox.account_ids, START, END).batches():
            found[account_id] += received(records)
        assert _truths(sandbox, sandbox.account_ids) == found


async def test_accounts_may_come_from_an_async_iterable(client_for: ClientMaker) -> None:
    """Ids are taken from an async iterable, such as rows of a database."""
    async with (
        Sandbox(accounts=5, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox) as client,
    ):

        async def rows() -> AsyncIterator[str]:
            for account_id in sandbox.account_ids:
                await asyncio.sleep(0)
                yield account_id

        found = await _by_account(client.fan_out(rows(), START, END))
        assert _truths(sandbox, sandbox.account_ids) == found


@pytest.mark.parametrize("endpoint", ["paygo_usage", "paygo_usage_beta", "organization_usage"])
async def test_any_endpoint_of_records_can_be_fanned_out(
    client_for: ClientMaker, endpoint: Any
) -> None:
    """The endpoint may be any that yields records."""
    async with (
        Sandbox(accounts=4, organizations=2, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox) as client,
    ):
        expected: Any = {
            "paygo_usage": sandbox.expected_paygo,
            "paygo_usage_beta": sandbox.expected_paygo_beta,
            "organization_usage": sandbox.expected_usage,
        }[endpoint]
        ids = sandbox.organization_ids if "org" in endpoint else sandbox.account_ids
        found = await _by_account(client.fan_out(ids, START, END, endpoint=endpoint))
        assert {i: truth(expected(i, START, END)) for i in ids} == found


async def test_each_account_may_have_its_own_credentials(client_for: ClientMaker) -> None:
    """A mapping gives each account its credentials, and each request is signed with them."""
    async with (
        Sandbox(accounts=6, tokens=3, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox) as client,
    ):
        tokens = [ApiToken(token) for token in sandbox.api_tokens]
        accounts = {a: tokens[i % 3] for i, a in enumerate(sandbox.account_ids)}
        found = await _by_account(client.fan_out(accounts, START, END))
        assert _truths(sandbox, sandbox.account_ids) == found
        used = {(r.scope_id, r.credential) for r in sandbox.requests}
        assert {(a, f"token-{i % 3}") for i, a in enumerate(sandbox.account_ids)} == used


async def test_failures_are_deferred(client_for: ClientMaker) -> None:
    """By default every other account finishes, and then each failed one is named."""
    events: list[Event] = []
    async with (
        Sandbox(accounts=6, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox, observer=events.append) as client,
    ):
        first, second, *others = sandbox.account_ids
        sandbox.refuse(first)
        sandbox.faults.add(Fault(status=500, scope_id=second, times=None))
        found: dict[str, list[dict[str, object]]] = defaultdict(list)
        with pytest.raises(FanOutError) as caught:
            async for account_id, record in client.fan_out(sandbox.account_ids, START, END):
                found[account_id] += received([record])
        assert _truths(sandbox, others) == found
        kinds = {f.account_id: type(f.error) for f in caught.value.failures}
        assert {first: PermissionDenied, second: ServerError} == kinds
        assert first in str(caught.value)
        assert second in str(caught.value)
    failed = {event.account_id for event in events if isinstance(event, AccountFailed)}
    done = {event.account_id for event in events if isinstance(event, AccountDone)}
    assert ({first, second}, set(others)) == (failed, done)


async def test_failures_can_be_sorted_out_by_kind(client_for: ClientMaker) -> None:
    """The deferred error is a group: except* takes out what it names, with its accounts."""
    async with Sandbox(accounts=3) as sandbox, client_for(sandbox) as client:
        first, second, _ = sandbox.account_ids
        sandbox.refuse(first)
        sandbox.refuse(second, status=404)
        taken: list[str] = []
        try:
            async for _ in client.fan_out(sandbox.account_ids, START, END):
                pass
        except* PermissionDenied as group:
            assert isinstance(group, FanOutError)
            taken += [failure.account_id for failure in group.failures]
        except* NotFound as group:
            assert isinstance(group, FanOutError)
            taken += [failure.account_id for failure in group.failures]
        assert [first, second] == taken


async def test_the_first_failure_may_end_all(client_for: ClientMaker) -> None:
    """With on_error="raise", the error itself is raised and nothing more is asked for."""
    async with (
        Sandbox(accounts=200, records_per_day=RECORDS_PER_DAY) as sandbox,
        client_for(sandbox) as client,
    ):
        sandbox.refuse(sandbox.account_ids[2])
        with pytest.raises(PermissionDenied) as caught:
            async for _ in client.fan_out(sandbox.account_ids, START, END, on_error="raise"):
                pass
        assert caught.value.scope_id == sandbox.account_ids[2]
        assert len({request.scope_id for request in sandbox.requests}) < 200


async def test_failures_may_come_as_items(client_for: ClientMaker) -> None:
    """With on_error="yield", a failure is an item, and nothing is raised."""
    async with Sandbox(accounts=5) as sandbox, client_for(sandbox) as client:
        first, *others = sandbox.account_ids
        sandbox.refuse(first)
        failures: list[AccountFailure] = []
        whole: set[str] = set()
        async for item in client.fan_out(sandbox.account_ids, START, END, on_error="yield"):
            if isinstance(item, AccountFailure):
                failures.append(item)
            else:
                whole.add(item[0])
        assert [first] == [failure.account_id for failure in failures]
        assert set(others) == whole
        items = client.fan_out([first], START, END, on_error="yield").batches()
        assert [AccountFailure] == [type(item) async for item in items]


async def test_a_bad_id_is_a_failure_of_that_account(client_for: ClientMaker) -> None:
    """An id that cannot be right fails without a request, and stops nothing."""
    async with Sandbox(accounts=2) as sandbox, client_for(sandbox) as client:
        with pytest.raises(FanOutError, match="nonsense") as caught:
            async for _ in client.fan_out(["nonsense", *sandbox.account_ids], START, END):
                pass
        assert isinstance(caught.value.failures[0].error, ConfigurationError)
        assert {*sandbox.account_ids} == {request.scope_id for request in sandbox.requests}


async def test_texts_of_any_kind_are_plain_ids(client_for: ClientMaker) -> None:
    """Ids, names of endpoints and of credentials may be constants; what comes of them is plain."""
    async with Sandbox(accounts=1, records_per_day=1) as sandbox:
        texts = {"ACCOUNT": sandbox.account_ids[0], "ENDPOINT": "usage", "NAME": "emea"}
        make: Any = Enum
        given = make("Text", texts, type=str)
        token = ApiToken(sandbox.api_token)
        async with client_for(sandbox, credentials={None: token, given.NAME: token}) as client:
            for accounts in ([given.ACCOUNT], {given.ACCOUNT: token}, [Account(id=given.ACCOUNT)]):
                stream = client.fan_out(accounts, START, END, endpoint=given.ENDPOINT)
                keys = {key async for key, _ in stream}
                assert {str} == set(map(type, keys))
                assert set(sandbox.account_ids) == keys
            for name in (given.NAME, "emea"):
                (unit,) = plan({given.ACCOUNT: name}, START, date(2025, 2, 1), endpoint="usage")
                assert await client.fetch(unit).collect()


async def test_bad_credentials_are_a_failure_of_that_account(client_for: ClientMaker) -> None:
    """Whatever stands for an account's credentials, nothing else is used in its place."""
    async with Sandbox(accounts=6) as sandbox, client_for(sandbox) as client:
        good, none, *bad = sandbox.account_ids
        wrong: list[Any] = ["", 0, [sandbox.api_token], {}]
        accounts = {good: ApiToken(sandbox.api_token), none: None} | dict(
            zip(bad, wrong, strict=True)
        )
        with pytest.raises(FanOutError) as caught:
            async for _ in client.fan_out(accounts, START, END):
                pass
        assert set(bad) == {failure.account_id for failure in caught.value.failures}
        assert {good, none} == {request.scope_id for request in sandbox.requests}
        with pytest.raises(ConfigurationError, match="credentials"):
            client.quota([])  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"endpoint": "billing_profile"}, "endpoint"),
        ({"endpoint": "nothing"}, "endpoint"),
        ({"endpoint": []}, "endpoint"),
        ({"on_error": "ignore"}, "on_error"),
        ({"metric": "x", "endpoint": "paygo_usage"}, "metric"),
        ({"start": "2025-01-01", "end": "2024-01-01"}, "start"),
        ({"accounts": "a" * 32}, "accounts"),
        ({"accounts": b"a" * 32}, "accounts"),
        ({"accounts": None}, "accounts"),
    ],
)
async def test_bad_arguments_are_refused_at_once(
    client_for: ClientMaker, arguments: dict[str, Any], named: str
) -> None:
    """A bad argument is a ConfigurationError that names it, raised by the call itself."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        defaults: dict[str, Any] = {"accounts": []}
        with pytest.raises(ConfigurationError, match=named):
            client.fan_out(**(defaults | arguments))
        assert [] == sandbox.requests


async def test_ids_are_taken_as_they_are_needed(client_for: ClientMaker) -> None:
    """Of an endless iterable, only so many ids are taken as are under way."""
    taken = 0

    async with Sandbox(accounts=3) as sandbox, client_for(sandbox, concurrency=2) as client:

        def endless() -> Iterator[str]:
            nonlocal taken
            for taken in count(1):
                yield sandbox.account_ids[taken % 3]

        async with client.fan_out(endless(), START, END) as stream:
            async for _ in stream:
                break
            for _ in range(500):
                await asyncio.sleep(0)
            assert taken <= 2 + 2 + 1


async def test_an_iterable_that_fails_ends_all(client_for: ClientMaker) -> None:
    """An exception of the caller's own iterable comes out as it is."""
    async with Sandbox(accounts=3) as sandbox, client_for(sandbox) as client:

        def broken() -> Iterator[str]:
            yield from sandbox.account_ids
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            async for _ in client.fan_out(broken(), START, END):
                pass


async def test_a_held_account_does_not_hold_the_others(client_for: ClientMaker) -> None:
    """While one account gets no answer, every other account is delivered."""
    async with Sandbox(accounts=10) as sandbox, client_for(sandbox, concurrency=2) as client:
        held, *others = sandbox.account_ids
        go_on = asyncio.Event()
        sandbox.faults.add(Fault(scope_id=held, until=go_on, times=None))
        seen: set[str] = set()
        async for account_id, _ in client.fan_out(sandbox.account_ids, START, "2025-01-20"):
            seen.add(account_id)
            if seen >= set(others):
                go_on.set()
        assert {held, *others} == seen


async def test_a_paused_credential_does_not_pause_the_others(client_for: ClientMaker) -> None:
    """While one credential is locked out, the accounts of another are all delivered."""
    hours = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds > 1:
            await hours.wait()

    async with (
        Sandbox(accounts=20, tokens=2, quota=1_000) as sandbox,
        client_for(sandbox, concurrency=3, clock=Clock(sleep=sleep)) as client,
    ):
        locked, free = (ApiToken(token) for token in sandbox.api_tokens)
        sandbox.consume(1_000, sandbox.api_tokens[0])
        ids = sandbox.account_ids
        accounts = dict.fromkeys(ids[:15], locked) | dict.fromkeys(ids[15:], free)
        seen: set[str] = set()
        async with client.fan_out(accounts, START, "2025-01-20") as stream:
            async for account_id, _ in stream:
                seen.add(account_id)
                if seen == set(ids[15:]):
                    break
        assert set(ids[15:]) == seen


async def test_leaving_early_leaves_nothing() -> None:
    """After break, cancellation or the client's end, no task of the fan-out is left."""
    async with (
        Sandbox(accounts=30, records_per_day=RECORDS_PER_DAY) as sandbox,
        BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client,
    ):
        async with client.fan_out(sandbox.account_ids, START, END) as stream:
            async for _ in stream:
                break
        pipeline = client._opened()
        assert set() == pipeline.tasks._running
        limiter = pipeline.fetcher.limiter(ApiToken(sandbox.api_token))
        assert set() == limiter.watchers

        async def consume() -> None:
            async for _ in client.fan_out(sandbox.account_ids, START, END):
                pass

        for turns in (1, 3, 10, 40, 100):
            task = asyncio.ensure_future(consume())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert set() == pipeline.tasks._running


async def test_closing_the_client_ends_a_fan_out() -> None:
    """A fan-out whose client is closed says so, and does not wait for ever."""
    async with Sandbox(accounts=30) as sandbox:
        async with BillingClient(ApiToken(sandbox.api_token), base_url=sandbox.base_url) as client:
            stream = client.fan_out(sandbox.account_ids, START, END)
            await anext(stream)
        with pytest.raises(BillingError):
            async for _ in stream:
                pass


async def test_no_accounts_are_no_records(client_for: ClientMaker) -> None:
    """A fan-out over nothing ends at once."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        assert [] == [item async for item in client.fan_out([], START, END)]
        assert [] == [item async for item in client.fan_out({}, START, END)]


def test_the_error_travels_between_processes() -> None:
    """A job runner can send the error on, with its accounts."""
    failure = AccountFailure("a" * 32, NotFound("no", status=404))
    again = pickle.loads(pickle.dumps(FanOutError([failure])))  # noqa: S301 - our own bytes
    assert ["a" * 32] == [f.account_id for f in again.failures]
    assert [404] == [f.error.status for f in again.failures]
