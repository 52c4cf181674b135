"""One query's answers: in order, fetched ahead within bounds, and nothing left of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import date

import pytest

from cfbilling.chunk import DateChunk
from cfbilling.credentials import ApiToken
from cfbilling.errors import (
    BillingError,
    ConfigurationError,
    DecodeError,
    InvalidRequest,
    NotFound,
    TransportError,
)
from cfbilling.events import ChunkDone, ChunkNarrowed, Event, FieldMissing, StreamStarted
from cfbilling.options import Limits
from cfbilling.protocol.endpoints import BILLING_PROFILE, PAYGO_USAGE, USAGE, USAGE_QUERY
from cfbilling.protocol.requests import Query, Request
from cfbilling.records import BillingProfile, ChargeRecord, UsageRecord
from cfbilling.streams.delivery import Delivery
from cfbilling.streams.pipeline import Pipeline
from tests.conftest import Waits
from tests.unit.fakes import (
    RAY,
    Asked,
    Held,
    ScriptedExchange,
    ScriptedSession,
    Step,
    answer,
    body_of,
    held_by,
    pipeline_for,
    refusal_of,
    settle,
    usage_of,
    usage_row,
)
from tests.unit.strategies import PAYGO

TOKEN = ApiToken("one")
SCOPE = "a" * 32
PROFILE = Query(BILLING_PROFILE).about(SCOPE)
START = date(2025, 1, 1)


class Stop(BaseException):
    """What nobody expects."""


def days(count: int, first: date = START) -> list[date]:
    """Return so many days in a row."""
    return [date.fromordinal(first.toordinal() + index) for index in range(count)]


def usage(count: int) -> Request[UsageRecord]:
    """Return the request for so many days."""
    end = date.fromordinal(START.toordinal() + count)
    return Query(USAGE, DateChunk(START, end)).about(SCOPE)


def service(asked: Asked) -> ScriptedExchange:
    """Answer with one record for each day."""
    return answer(usage_of(*asked.days))


def counting_both_ends(asked: Asked) -> ScriptedExchange:
    """Answer like a service that refuses 31 days, since it counts the last one, too."""
    return service(asked) if len(asked.days) <= 30 else answer(refusal_of(1183), 400)


def pipeline_on(
    script: Callable[[Asked], ScriptedExchange] | list[ScriptedExchange],
    observer: Callable[[Event], None] = lambda _: None,
    limits: Limits | None = None,
) -> tuple[Pipeline, ScriptedSession]:
    """Return a pipeline on a session that follows a script."""
    session = ScriptedSession(script)
    limits = limits or Limits(chunk_days=31)
    return pipeline_for(session, Waits().clock, observer=observer, limits=limits), session


async def starts(delivery: Delivery[UsageRecord]) -> list[date]:
    """Return the days of all records, as they come."""
    return [day async for batch in delivery.batches() for day in days_of(batch)]


def days_of(records: list[UsageRecord]) -> list[date]:
    """Return the days on which the charge periods start."""
    found = [record.charge_period_start for record in records]
    return [moment.date() for moment in found if moment is not None]


async def first_of(batches: AsyncGenerator[list[UsageRecord], None]) -> list[UsageRecord]:
    """Return the first batch."""
    return await anext(batches)


def widths(session: ScriptedSession) -> list[int]:
    """Return how many days each request was about."""
    return [len(asked.days) for asked in session.asked]


@pytest.mark.parametrize("is_owned", [False, True])
@pytest.mark.parametrize("ahead", [1, 2, 8])
async def test_records_come_in_order(ahead: int, *, is_owned: bool) -> None:
    """Every record comes once, in the order of the days, however many requests are under way."""
    pipeline, session = pipeline_on(service)
    consuming = starts(pipeline.deliver(usage(100), TOKEN, ahead))
    assert days(100) == await (pipeline.tasks.start(consuming) if is_owned else consuming)
    await settle()
    assert [31, 31, 31, 7] == widths(session)
    assert Held() == held_by(pipeline)


async def test_answers_may_overtake_each_other() -> None:
    """The answer to the last request may be the first to come: the order stays."""
    gates = [asyncio.Event() for _ in range(3)]
    pipeline, session = pipeline_on(
        lambda asked: answer(usage_of(*asked.days), before=[gates[len(session.asked) - 1]])
    )
    task = asyncio.ensure_future(starts(pipeline.deliver(usage(93), TOKEN, 3)))
    for gate in reversed(gates):
        await settle()
        gate.set()
    assert days(93) == await task


@pytest.mark.parametrize("ahead", [1, 2, 3])
async def test_so_many_are_fetched_ahead(ahead: int) -> None:
    """What is asked for and not yet consumed is bounded, even if the consumer takes its time."""
    pipeline, session = pipeline_on(service)
    taken = 0
    async with aclosing(pipeline.deliver(usage(310), TOKEN, ahead).batches()) as batches:
        async for _ in batches:
            taken += 1
            await settle()
            assert min(10, taken + ahead - 1) == len(session.asked)
    assert (10, min(10, ahead)) == (taken, session.most_in_flight)


async def test_nothing_is_asked_before_somebody_asks() -> None:
    """A delivery that nobody iterates does nothing."""
    pipeline, session = pipeline_on(service)
    pipeline.deliver(usage(31), TOKEN).batches()
    await settle()
    assert ([], Held()) == (session.asked, held_by(pipeline))


async def test_an_owned_delivery_needs_no_task() -> None:
    """Within a task of the client's, one request at a time is fetched by that task."""
    pipeline, session = pipeline_on(service)

    async def consume() -> None:
        async with aclosing(pipeline.deliver(usage(62), TOKEN, 1).batches()) as batches:
            assert days(31) == days_of(await first_of(batches))
            assert (1, 1) == (held_by(pipeline).tasks, len(session.asked))

    await pipeline.tasks.start(consume())


async def test_one_request_needs_no_task() -> None:
    """Of whatever range it is, one request is fetched by the task that asks for it."""
    gate = asyncio.Event()
    pipeline, session = pipeline_on(lambda asked: answer(usage_of(*asked.days), before=[gate]))
    consuming = asyncio.ensure_future(starts(pipeline.deliver(usage(31), TOKEN, 8)))
    await settle()
    assert (0, 1) == (held_by(pipeline).tasks, len(session.asked))
    gate.set()
    assert days(31) == await consuming


@pytest.mark.parametrize("count", [31, 62])
@pytest.mark.parametrize("ahead", [1, 8])
async def test_closing_ends_what_a_task_of_the_client_let_go_of(ahead: int, count: int) -> None:
    """A stream that is read by some other task ends with the client, wherever it was made."""
    pipeline, session = pipeline_on(lambda _: answer([asyncio.Event()]))
    consuming: list[asyncio.Task[list[date]]] = []

    async def work() -> None:
        delivery = pipeline.deliver(usage(count), TOKEN, ahead)
        consuming.append(asyncio.ensure_future(starts(delivery)))
        await asyncio.Event().wait()

    pipeline.tasks.start(work())
    await settle()
    assert session.in_flight
    await pipeline.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await consuming[0]
    assert (0, Held()) == (session.in_flight, held_by(pipeline))


@pytest.mark.parametrize("is_owned", [False, True])
@pytest.mark.parametrize("ahead", [1, 3])
async def test_leaving_early_leaves_nothing(ahead: int, *, is_owned: bool) -> None:
    """Who leaves amid a chunk cancels what is under way and lets go of what has come."""
    held = asyncio.Event()

    def script(asked: Asked) -> ScriptedExchange:
        steps: list[Step] = [usage_of(*asked.days)] if len(session.asked) < 3 else [held]
        return answer(steps)

    pipeline, session = pipeline_on(script, limits=Limits(slice_bytes=1024))

    async def consume() -> None:
        async with aclosing(pipeline.deliver(usage(310), TOKEN, ahead).batches()) as batches:
            await first_of(batches)
            await settle()
            assert held_by(pipeline).spools >= ahead

    await (pipeline.tasks.start(consume()) if is_owned else consume())
    await settle()
    assert (0, Held()) == (session.in_flight, held_by(pipeline))


@pytest.mark.parametrize("is_owned", [False, True])
@pytest.mark.parametrize("ahead", [1, 3])
async def test_a_consumer_may_be_cancelled_anywhere(ahead: int, *, is_owned: bool) -> None:
    """At whichever turn it is cancelled, no task, request or spool is left."""
    ended, turns = False, 0
    while not ended:
        pipeline, session = pipeline_on(counting_both_ends)
        consuming = starts(pipeline.deliver(usage(70), TOKEN, ahead))
        task = pipeline.tasks.start(consuming) if is_owned else asyncio.ensure_future(consuming)
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert ended is not task.cancelled()
        # The generator of a cancelled comprehension is closed by the loop's own hook.
        await settle(20)
        assert (0, Held()) == (session.in_flight, held_by(pipeline)), turns
        turns += 1
    assert turns > 5


@pytest.mark.parametrize("ahead", [1, 2, 8])
async def test_an_error_ends_the_others(ahead: int) -> None:
    """What came before the error is delivered; what was fetched ahead is let go of."""
    pipeline, session = pipeline_on(
        lambda asked: answer(status=404) if len(session.asked) == 2 else service(asked)
    )
    found: list[date] = []
    with pytest.raises(NotFound) as caught:
        async for batch in pipeline.deliver(usage(310), TOKEN, ahead).batches():
            found += days_of(batch)
    assert days(31) == found
    error = caught.value
    assert ("usage", SCOPE, "[2025-02-01, 2025-03-04)") == (
        error.endpoint,
        error.scope_id,
        str(error.chunk),
    )
    assert (404, RAY) == (error.status, error.ray_id)
    assert (0, Held()) == (session.in_flight, held_by(pipeline))


async def test_an_error_in_a_record_names_request_and_response() -> None:
    """A record that cannot be read is told with its place, its chunk, the status and the ray."""
    rows = [usage_row(), usage_row(ConsumedQuantity="many")]
    pipeline, _ = pipeline_on([answer(body_of(rows))])
    with pytest.raises(DecodeError) as caught:
        await starts(pipeline.deliver(usage(10), TOKEN))
    error = caught.value
    assert error.path == "result[1].ConsumedQuantity"
    assert ("usage", SCOPE, usage(10).chunk) == (error.endpoint, error.scope_id, error.chunk)
    assert (200, RAY) == (error.status, error.ray_id)
    assert Held() == held_by(pipeline)


async def test_a_record_is_numbered_in_its_answer() -> None:
    """The place of a record counts from the answer's beginning, not from its slice's."""
    rows = [*(usage_row() for _ in range(40)), usage_row(BilledCost="free")]
    pipeline, _ = pipeline_on([answer(body_of(rows))], limits=Limits(slice_bytes=1024))
    with pytest.raises(DecodeError) as caught:
        await starts(pipeline.deliver(usage(10), TOKEN))
    assert caught.value.path == "result[40].BilledCost"
    assert Held() == held_by(pipeline)


@pytest.mark.parametrize("result", [None, {}, "text", 1])
async def test_an_array_endpoint_answers_with_an_array(result: object) -> None:
    """Any other result is an error that names request and response."""
    pipeline, _ = pipeline_on([answer(body_of(result))])
    with pytest.raises(DecodeError, match="expected an array") as caught:
        await starts(pipeline.deliver(usage(10), TOKEN))
    assert (SCOPE, 200, RAY) == (
        caught.value.scope_id,
        caught.value.status,
        caught.value.ray_id,
    )
    assert Held() == held_by(pipeline)


async def test_no_batch_is_empty() -> None:
    """An answer without records, or with none of ours, gives nothing."""
    pipeline, _ = pipeline_on([answer(body_of([])), answer(usage_of(date(2020, 1, 1)))])
    batches = [batch async for batch in pipeline.deliver(usage(40), TOKEN).batches()]
    assert [] == batches
    assert Held() == held_by(pipeline)


async def test_a_refused_chunk_is_asked_for_in_two_parts() -> None:
    """A service that takes one day less gets the same days in two requests, in order."""
    told: list[Event] = []
    pipeline, session = pipeline_on(counting_both_ends, told.append)
    assert days(31) == await starts(pipeline.deliver(usage(31), TOKEN))
    assert [31, 30, 1] == widths(session)
    narrowed = [event for event in told if isinstance(event, ChunkNarrowed)]
    assert [(30, usage(31).chunk)] == [(event.max_days, event.chunk) for event in narrowed]
    assert Held() == held_by(pipeline)


async def test_what_was_refused_is_remembered() -> None:
    """No later chunk is as wide: not of the same delivery, nor of the next, and it is told once."""
    told: list[Event] = []
    pipeline, session = pipeline_on(counting_both_ends, told.append)
    assert days(70) == await starts(pipeline.deliver(usage(70), TOKEN))
    assert [31, 30, 1, 30, 9] == widths(session)
    assert days(62) == await starts(pipeline.deliver(usage(62), TOKEN))
    assert [30, 30, 2] == widths(session)[5:]
    assert len([event for event in told if isinstance(event, ChunkNarrowed)]) == 1


async def test_chunks_that_are_under_way_are_narrowed_each() -> None:
    """Several full-width chunks may be refused at once; each is asked for anew, told once."""
    told: list[Event] = []
    pipeline, session = pipeline_on(counting_both_ends, told.append)
    assert days(93) == await starts(pipeline.deliver(usage(93), TOKEN, 3))
    assert [1, 1, 1, 30, 30, 30, 31, 31, 31] == sorted(widths(session))
    assert len([event for event in told if isinstance(event, ChunkNarrowed)]) == 1


@pytest.mark.parametrize(
    ("count", "status", "asked"), [(30, 400, [30]), (31, 404, [31]), (31, 422, [31])]
)
async def test_only_a_full_width_refused_as_invalid_is_narrowed(
    count: int, status: int, asked: list[int]
) -> None:
    """What cannot be about the width is not asked again."""
    pipeline, session = pipeline_on(lambda _: answer(refusal_of(), status))
    with pytest.raises(BillingError):
        await starts(pipeline.deliver(usage(count), TOKEN))
    assert asked == widths(session)


@pytest.mark.parametrize("accepted", [0, 1])
async def test_a_refusal_that_narrowing_does_not_mend_stands(accepted: int) -> None:
    """When a part is refused as well, the first refusal comes out, and the width is not learnt."""
    script = [answer(refusal_of(1), 400), answer(usage_of(START)), answer(refusal_of(2), 400)]
    if not accepted:
        del script[1]
    pipeline, session = pipeline_on([*script, answer(usage_of(START))])
    with pytest.raises(InvalidRequest) as caught:
        await starts(pipeline.deliver(usage(31), TOKEN))
    assert ((1,), usage(31).chunk) == (caught.value.codes, caught.value.chunk)
    assert Held() == held_by(pipeline)
    await starts(pipeline.deliver(usage(31), TOKEN))
    assert widths(session)[-1] == 31


async def test_another_error_of_a_part_comes_out() -> None:
    """What befell the part that was asked instead is no matter of the width."""
    script = [
        answer(refusal_of(1), 400),
        answer(usage_of(START)),
        answer(before=[TransportError("no", transient=False)]),
    ]
    pipeline, _ = pipeline_on(script)
    with pytest.raises(TransportError) as caught:
        await starts(pipeline.deliver(usage(31), TOKEN))
    assert str(caught.value.chunk) == "[2025-01-31, 2025-02-01)"
    assert Held() == held_by(pipeline)


async def test_records_outside_a_chunk_are_dropped_at_its_seams() -> None:
    """A service that gives a day too many on either side repeats nothing."""
    told: list[Event] = []

    def generous(asked: Asked) -> ScriptedExchange:
        first, last = asked.days[0].toordinal(), asked.days[-1].toordinal()
        extended = [date.fromordinal(day) for day in range(first - 1, last + 2)]
        return answer(usage_of(*extended))

    pipeline, _ = pipeline_on(generous, told.append)
    assert days(62) == await starts(pipeline.deliver(usage(62), TOKEN, 2))
    done = [event for event in told if isinstance(event, ChunkDone)]
    assert [(31, 2), (31, 2)] == [(event.records, event.outside) for event in done]


@pytest.mark.parametrize(
    ("start", "end", "is_kept"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z", True),
        ("2025-01-10T23:59:59.999999Z", None, True),
        ("2025-01-11T00:00:00Z", "2025-01-12T00:00:00Z", False),
        ("2024-12-31T23:59:59Z", "2025-01-02T00:00:00Z", False),
        ("2025-01-01T01:00:00+02:00", None, False),
        (None, "2025-01-02T00:00:00Z", True),
        (None, "2025-01-11T00:00:00Z", True),
        (None, "2025-01-01T00:00:00Z", False),
        (None, "2025-01-11T00:00:01Z", False),
        (None, None, True),
    ],
)
async def test_a_chunk_owns_what_starts_in_it(
    start: str | None, end: str | None, *, is_kept: bool
) -> None:
    """A record belongs where it starts, else where it ends; one that says neither is kept."""
    row = usage_row(ChargePeriodStart=start, ChargePeriodEnd=end)
    pipeline, _ = pipeline_on([answer(body_of([row]))])
    batches = [batch async for batch in pipeline.deliver(usage(10), TOKEN).batches()]
    assert is_kept is bool(batches)


async def test_without_a_chunk_everything_is_kept() -> None:
    """When the range is the service's choice, so are the records."""
    request = Query(PAYGO_USAGE).about(SCOPE)
    pipeline, session = pipeline_on([answer(body_of([PAYGO, PAYGO]))])
    records: list[ChargeRecord] = []
    async for batch in pipeline.deliver(request, TOKEN).batches():
        records += batch
    assert (2, [f"/accounts/{SCOPE}/paygo-usage"]) == (
        len(records),
        [asked.target for asked in session.asked],
    )


async def test_a_missing_field_is_told_once() -> None:
    """However many records and chunks lack it, a delivery says so once for each field."""
    told: list[Event] = []

    def lacking(asked: Asked) -> ScriptedExchange:
        rows = [usage_row(f"{day}T00:00:00Z", ConsumedUnit=None) for day in asked.days]
        rows[-1].pop("ChargeCategory")
        return answer(body_of(rows))

    pipeline, _ = pipeline_on(lacking, told.append, Limits(slice_bytes=1024))
    for expected in (1, 2):
        await starts(pipeline.deliver(usage(62), TOKEN, 2))
        missing = [event.field for event in told if isinstance(event, FieldMissing)]
        lacks = ["BillingAccountId", "ChargeCategory", "ConsumedUnit"]
        assert sorted(lacks * expected) == sorted(missing)


async def test_what_an_endpoint_does_not_promise_is_not_missed() -> None:
    """A field is told as missing only where the endpoint's own list requires it."""
    told: list[Event] = []
    optional = ["BillingAccountId", "BillingAccountName", "x_BillableMetricName"]
    row = usage_row("2025-01-01T00:00:00Z", ConsumedUnit=None, **dict.fromkeys(optional))
    for endpoint, lacks in ((USAGE_QUERY, []), (USAGE, optional)):
        told.clear()
        pipeline, _ = pipeline_on([answer(body_of([row]))], told.append)
        request = Query(endpoint, usage(10).chunk).about(SCOPE)
        await starts(pipeline.deliver(request, TOKEN))
        missing = [event.field for event in told if isinstance(event, FieldMissing)]
        assert sorted(["ConsumedUnit", *lacks]) == sorted(missing)


async def test_a_stream_and_its_chunks_are_told() -> None:
    """The beginning says how many chunks there are to be, and each says what it delivered."""
    told: list[Event] = []
    pipeline, _ = pipeline_on(service, told.append)
    await starts(pipeline.deliver(usage(40), TOKEN))
    (started,) = [event for event in told if isinstance(event, StreamStarted)]
    assert (2, usage(40).chunk) == (started.chunks, started.chunk)
    done = [event for event in told if isinstance(event, ChunkDone)]
    assert [("[2025-01-01, 2025-02-01)", 31, 0), ("[2025-02-01, 2025-02-10)", 9, 0)] == [
        (str(event.chunk), event.records, event.outside) for event in done
    ]


@pytest.mark.parametrize("is_owned", [False, True])
@pytest.mark.parametrize("kind", [StreamStarted, FieldMissing, ChunkDone])
async def test_an_observer_may_raise_what_it_likes(kind: type[Event], *, is_owned: bool) -> None:
    """Whatever an observer raises comes out, and nothing is left of the delivery."""

    def observe(event: Event) -> None:
        if isinstance(event, kind):
            raise Stop

    def script(asked: Asked) -> ScriptedExchange:
        rows = [usage_row(f"{day}T00:00:00Z", ConsumedUnit=None) for day in asked.days]
        return answer(body_of(rows)) if len(rows) <= 30 else answer(refusal_of(1183), 400)

    pipeline, session = pipeline_on(script, observe)
    consuming = starts(pipeline.deliver(usage(62), TOKEN))
    with pytest.raises(Stop):
        await (pipeline.tasks.start(consuming) if is_owned else consuming)
    await settle()
    assert (0, Held()) == (session.in_flight, held_by(pipeline))


async def test_one_returns_the_object() -> None:
    """An endpoint of one object gives that."""
    pipeline, session = pipeline_on([answer(body_of({"id": "1", "country": "PT"}))])
    assert BillingProfile(id="1", country="PT") == await pipeline.deliver(PROFILE, TOKEN).one()
    assert [f"/accounts/{SCOPE}/billing/profile"] == [asked.target for asked in session.asked]
    assert Held() == held_by(pipeline)


@pytest.mark.parametrize(
    ("result", "problem", "path"),
    [
        ([], "expected an object, got an array", "result"),
        ([{"id": "1"}], "expected an object, got an array", "result"),
        ([{"id": "1", "address": "x" * 300}] * 20, "expected an object, got an array", "result"),
        (None, "expected an object, got null", "result"),
        ("text", "expected an object, got text", "result"),
        ({"id": 7}, "expected text, got a number", "result.id"),
    ],
)
async def test_one_says_what_is_wrong(result: object, problem: str, path: str) -> None:
    """Whatever else comes is told: what it is, and of which request and response."""
    pipeline, _ = pipeline_on([answer(body_of(result))], limits=Limits(slice_bytes=1024))
    with pytest.raises(DecodeError) as caught:
        await pipeline.deliver(PROFILE, TOKEN).one()
    error = caught.value
    assert (problem, path) == (error.problem, error.path)
    assert ("billing_profile", SCOPE, None) == (error.endpoint, error.scope_id, error.chunk)
    assert (200, RAY) == (error.status, error.ray_id)
    assert Held() == held_by(pipeline)


async def test_one_may_be_cancelled_anywhere() -> None:
    """At whichever turn its caller is cancelled, nothing is left."""
    ended, turns = False, 0
    while not ended:
        pipeline, session = pipeline_on([answer(body_of({"id": "1"}))])
        task = asyncio.ensure_future(pipeline.deliver(PROFILE, TOKEN).one())
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert (0, Held()) == (session.in_flight, held_by(pipeline)), turns
        turns += 1
    assert turns > 3


async def test_closing_the_client_ends_a_delivery() -> None:
    """Who waits for a record is told that the client was closed, and so is who comes later."""
    pipeline, session = pipeline_on(lambda _: answer([asyncio.Event()]))
    waiting = [
        asyncio.ensure_future(starts(pipeline.deliver(usage(62), TOKEN, 2))),
        asyncio.ensure_future(pipeline.deliver(PROFILE, TOKEN).one()),
    ]
    await settle()
    assert session.in_flight == 3
    await pipeline.close()
    for task in waiting:
        with pytest.raises(ConfigurationError, match="closed"):
            await task
    assert (0, Held()) == (session.in_flight, held_by(pipeline))
    with pytest.raises(ConfigurationError, match="closed"):
        await pipeline.deliver(PROFILE, TOKEN).one()


async def test_closing_the_client_amid_an_answer_is_told() -> None:
    """Who has half of a chunk is told that the rest is gone."""
    pipeline, _ = pipeline_on(service, limits=Limits(slice_bytes=1024))
    async with aclosing(pipeline.deliver(usage(31), TOKEN).batches()) as batches:
        await first_of(batches)
        await pipeline.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await first_of(batches)
    assert Held() == held_by(pipeline)


def test_a_decoder_is_made_once() -> None:
    """All deliveries of a record type share their decoder."""
    pipeline, _ = pipeline_on([])
    assert pipeline.decoder(UsageRecord) is pipeline.decoder(UsageRecord)
