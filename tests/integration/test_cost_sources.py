"""Which version the costs come from: found out, remembered, and found out anew when it moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from cfbilling import (
    ApiToken,
    FocusRecord,
    NotCovered,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    WorkUnit,
)
from cfbilling.events import Event, SourceChanged, StreamStarted
from tests.integration.json_server import Answer, Asked, Served, json_server, refused, result

ACCOUNT = "a" * 32
START, END = date(2026, 1, 1), date(2026, 3, 1)
COVERED = {
    "covered": True,
    "subscriptions": [
        {
            "id": "s",
            "billing_cycle_anchor_timestamp": "2020-01-01T00:00:00Z",
            "start_timestamp": "2020-01-01T00:00:00Z",
        }
    ],
}


def _charge(day: date) -> dict[str, Any]:
    start, end = f"{day}T00:00:00Z", f"{day + timedelta(1)}T00:00:00Z"
    return {"ChargePeriodStart": start, "ChargePeriodEnd": end, "ListCost": 1}


def _v2(asked: Asked) -> Answer:
    period = json.loads(asked.body)["TimePeriod"]
    return result([_charge(date.fromisoformat(period["From"][:10]))])


def _v1(asked: Asked) -> Answer:
    if asked.path.endswith("/info"):
        return result(COVERED)
    first, last = (date.fromisoformat(asked.query[name]) for name in ("from", "to"))
    return result([_charge(first + timedelta(n)) for n in range((last - first).days + 1)])


def _is_v2(asked: Asked) -> bool:
    return asked.method == "POST"


def _by_version(
    v2: Callable[[Asked], Answer], v1: Callable[[Asked], Answer] = _v1
) -> Callable[[Asked], Answer]:
    return lambda asked: v2(asked) if _is_v2(asked) else v1(asked)


async def _sources(client: Any) -> set[str | None]:
    return {row.x_source for row in await client.costs(ACCOUNT, START, END).collect()}


def _told(events: list[Event]) -> list[tuple[str, str]]:
    return [
        (type(event).__name__, event.source if isinstance(event, SourceChanged) else event.endpoint)
        for event in events
        if isinstance(event, SourceChanged | StreamStarted)
    ]


def _asked_v2(served: Served) -> int:
    return sum(map(_is_v2, served.asked))


async def test_what_one_credential_may_see_another_may_not() -> None:
    """A source is remembered for an account and a credential, so the order does not matter."""
    for order in ("xy", "yx"):
        found: dict[str, set[str | None]] = {}
        named = {"x": ApiToken("tx"), "y": ApiToken("ty")}
        answer = _by_version(lambda asked: refused(403) if asked.token == "tx" else _v2(asked))
        async with json_server(answer) as served, served.client(named) as client:
            for name in order * 2:
                unit = WorkUnit(
                    endpoint="costs",
                    scope_id=ACCOUNT,
                    start=date(2026, 1, 1),
                    end=date(2026, 2, 1),
                    credential=name,
                )
                rows = await client.fetch(unit).collect()
                found.setdefault(name, set()).update(
                    row.x_source for row in rows if isinstance(row, FocusRecord)
                )
            assert sum(_is_v2(asked) and asked.token == "tx" for asked in served.asked) == 1
        assert {"x": {"v1"}, "y": {"v2"}} == found


@pytest.mark.parametrize("moves_to", ["v1", "v2"])
async def test_an_account_may_move(moves_to: str) -> None:
    """When the source that is remembered refuses, the other is asked, and remembered then."""
    events: list[Event] = []
    has_moved = False

    def answer(asked: Asked) -> Answer:
        is_v2_now = (moves_to == "v2") == has_moved
        if _is_v2(asked):
            return _v2(asked) if is_v2_now else refused(403)
        return result({"covered": False, "subscriptions": []}) if is_v2_now else _v1(asked)

    async with json_server(answer) as served, served.client(observer=events.append) as client:
        before = "v1" if moves_to == "v2" else "v2"
        assert {before} == await _sources(client) == await _sources(client)
        has_moved = True
        events.clear()
        assert {moves_to} == await _sources(client)
        name = {"v1": "billable_usage", "v2": "usage_query"}[moves_to]
        assert [("SourceChanged", name), ("StreamStarted", name)] == _told(events)
        events.clear()
        assert {moves_to} == await _sources(client)
        assert [("StreamStarted", name)] == _told(events)


@pytest.mark.parametrize("known", ["v1", "v2"])
@pytest.mark.parametrize(
    ("status", "code", "error"), [(503, 1, ServerError), (429, 1, RateLimited)]
)
async def test_a_passing_error_moves_nothing(
    known: str, status: int, code: int, error: type[Exception]
) -> None:
    """It is the call's error, and the source stays remembered."""
    fails = False

    def answer(asked: Asked) -> Answer:
        if _is_v2(asked) and known == "v1":
            return refused(403)
        if fails:
            return refused(status, code)
        return _v2(asked) if _is_v2(asked) else _v1(asked)

    async with json_server(answer) as served, served.client() as client:
        assert {known} == await _sources(client)
        fails = True
        with pytest.raises(error):
            await _sources(client)
        fails = False
        before = _asked_v2(served)
        assert {known} == await _sources(client)
        assert _asked_v2(served) - before == (0 if known == "v1" else 2)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_rate_limit_is_no_refusal_of_the_account(status: int) -> None:
    """Whatever its status is, the other version is not asked for it."""
    async with (
        json_server(_by_version(lambda _: refused(status, 971))) as served,
        served.client() as client,
    ):
        with pytest.raises(RateLimited):
            await _sources(client)
        assert len(served.asked) == 1


async def test_a_refusal_may_have_status_200() -> None:
    """What means that there is no such account means so without a status as well."""
    async with (
        json_server(_by_version(lambda _: refused(200, 7003))) as served,
        served.client() as client,
    ):
        assert {"v1"} == await _sources(client)


@pytest.mark.parametrize("status", [200, 401])
async def test_wrong_credentials_are_asked_once(status: int) -> None:
    """A refusal that is about the credential is none of the account."""
    async with (
        json_server(_by_version(lambda _: refused(status, 10000))) as served,
        served.client() as client,
    ):
        with pytest.raises(Exception, match="10000"):
            await _sources(client)
        assert len(served.asked) == 1


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_who_has_answered_is_the_source(concurrency: int) -> None:
    """After an answer, be it empty, a refusal is the stream's error; one stream is told of."""
    events: list[Event] = []

    def v2(asked: Asked) -> Answer:
        return result([]) if "2026-01-01" in asked.body else refused(403)

    async with (
        json_server(_by_version(v2)) as served,
        served.client(observer=events.append, concurrency=concurrency) as client,
    ):
        with pytest.raises(PermissionDenied, match="no") as caught:
            await _sources(client)
        assert caught.value.endpoint == "usage_query"
        assert all(map(_is_v2, served.asked))
        assert [("StreamStarted", "usage_query")] == _told(events)


async def test_nothing_at_all_is_an_answer_that_proves_nothing() -> None:
    """Version 2 is not remembered for an empty answer, so a later call may still find out."""
    is_let_in = True

    def v2(_: Asked) -> Answer:
        return result([]) if is_let_in else refused(404)

    async with json_server(_by_version(v2)) as served, served.client() as client:
        assert set() == await _sources(client)
        assert all(map(_is_v2, served.asked))
        is_let_in = False
        assert {"v1"} == await _sources(client)


async def test_an_account_that_version_1_covers_is_remembered_without_usage() -> None:
    """What it says of the account is enough, so version 2 is not asked again."""

    def v1(asked: Asked) -> Answer:
        return _v1(asked) if asked.path.endswith("/info") else result([])

    async with (
        json_server(_by_version(lambda _: refused(404), v1)) as served,
        served.client() as client,
    ):
        for _ in range(3):
            assert set() == await _sources(client)
        assert _asked_v2(served) == 1


async def test_when_the_known_source_and_the_other_refuse_the_error_tells_both() -> None:
    """Of two refusals none is hidden, whichever was asked first."""
    is_gone = False

    def v1(asked: Asked) -> Answer:
        return result({"covered": False, "subscriptions": []}) if is_gone else _v1(asked)

    async with (
        json_server(_by_version(lambda _: refused(404), v1)) as served,
        served.client() as client,
    ):
        assert {"v1"} == await _sources(client)
        is_gone = True
        with pytest.raises(NotFound, match=r"billing_cycles: .*; usage_query: ") as caught:
            await _sources(client)
        assert isinstance(caught.value.__cause__, NotFound)
        # Then neither is remembered.
        with pytest.raises(NotCovered, match=r"usage_query: .*; billing_cycles: "):
            await _sources(client)


async def test_a_known_source_is_fetched_ahead() -> None:
    """Only while it is not known whether the account is let in, one request goes out first."""
    most, under_way = [0], [0]

    def count(event: Event) -> None:
        kind = type(event).__name__
        under_way[0] += {"RequestSent": 1, "ChunkReceived": -1}.get(kind, 0)
        most[0] = max(most[0], under_way[0])

    async with json_server(_by_version(_v2)) as served, served.client(observer=count) as client:
        first = client.costs(ACCOUNT, "2025-01-01", "2026-01-01")
        async with first:
            await anext(first)
            assert most == [1]
        under_way[0] = 0
        async with client.costs(ACCOUNT, "2025-01-01", "2026-01-01") as second:
            await anext(second)
        assert most[0] > 1
