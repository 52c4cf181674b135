"""Streams as Arrow: the same rows, events and errors as by records, and nothing left of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar

import attrs
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
import pytest

from cfbilling.arrow import RecordColumns, schema
from cfbilling.chunk import DateChunk
from cfbilling.credentials import ApiToken
from cfbilling.decoding.columns import ColumnReader
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.errors import (
    BillingError,
    ConfigurationError,
    DecodeError,
    NotFound,
    NumberOutOfRange,
)
from cfbilling.events import ChunkDone, Event, FieldMissing, StreamStarted
from cfbilling.options import Limits
from cfbilling.protocol.endpoints import BILLING_HISTORY, PAYGO_USAGE, USAGE
from cfbilling.protocol.requests import Query, Request
from cfbilling.records import BillingHistoryItem, PaygoRecord, Record, UsageRecord
from cfbilling.streams.empty_delivery import EmptyDelivery
from cfbilling.streams.pipeline import Pipeline
from cfbilling.streams.record_stream import RecordStream
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
    settle,
    usage_row,
)
from tests.unit.strategies import PAYGO

R = TypeVar("R", bound=Record)

TOKEN = ApiToken("one")
SCOPE = "a" * 32
START = date(2025, 1, 1)
SMALL = Limits(chunk_days=31, slice_bytes=4096)

Script = Callable[[Asked], ScriptedExchange]


def usage(count: int) -> Request[UsageRecord]:
    """Return the request for so many days."""
    end = date.fromordinal(START.toordinal() + count)
    return Query(USAGE, DateChunk(START, end)).about(SCOPE)


def rows_of(day: date, count: int, **changes: object) -> list[dict[str, object]]:
    """Return so many rows of a day, none with tags."""
    return [usage_row(f"{day}T00:00:00Z", Tags=None, BilledCost=n, **changes) for n in range(count)]


def plain(asked: Asked) -> ScriptedExchange:
    """Answer with fifty records for each day."""
    return answer(body_of([row for day in asked.days for row in rows_of(day, 50)]))


def opened(script: Script, limits: Limits = SMALL) -> tuple[Pipeline, ScriptedSession, list[Event]]:
    """Return a pipeline on a session that follows a script, and what it tells."""
    told: list[Event] = []
    session = ScriptedSession(script)
    pipeline = pipeline_for(session, Waits().clock, observer=told.append, limits=limits)
    return pipeline, session, told


def told_of(told: list[Event]) -> list[str]:
    """Return what is told of records, as text; without the time that a slice took."""
    missing = sorted(str(event) for event in told if isinstance(event, FieldMissing))
    done = [attrs.evolve(e, longest_slice=0.0) for e in told if isinstance(e, ChunkDone)]
    started = [event for event in told if isinstance(event, StreamStarted)]
    return [*missing, *map(str, done), *map(str, started)]


async def by_records(
    script: Script, request: Request[R], limits: Limits = SMALL
) -> tuple[list[Any], list[str], str]:
    """Return the rows that records make, what was told, and the error."""
    pipeline, _, told = opened(script, limits)
    columns, rows, error = RecordColumns(request.endpoint.record_type), list[Any](), ""
    try:
        async for records in RecordStream(pipeline.deliver(request, TOKEN, 2)).batches():
            rows += columns.batch(records).to_pylist()
    except BillingError as raised:
        error = repr(raised) + str(raised)
    return rows, told_of(told), error


async def by_columns(
    script: Script, request: Request[R], limits: Limits = SMALL
) -> tuple[list[Any], list[str], str]:
    """Return the same of columns; nothing is left of them."""
    pipeline, session, told = opened(script, limits)
    rows, error = list[Any](), ""
    try:
        async for batch in RecordStream(pipeline.deliver(request, TOKEN, 2)).arrow():
            assert batch.num_rows
            assert schema(request.endpoint.record_type) == batch.schema
            rows += batch.to_pylist()
    except BillingError as raised:
        error = repr(raised) + str(raised)
    await settle(5)
    assert (0, Held()) == (session.in_flight, held_by(pipeline))
    return rows, told_of(told), error


def amid(count: int, **changes: object) -> Script:
    """Answer each request with many rows, of which one in the middle is changed."""

    def script(asked: Asked) -> ScriptedExchange:
        rows = [row for day in asked.days for row in rows_of(day, count)]
        rows[len(rows) // 2].update(changes)
        return answer(body_of(rows))

    return script


def beyond(asked: Asked) -> ScriptedExchange:
    """Answer with a day too many on either side."""
    first, last = asked.days[0].toordinal(), asked.days[-1].toordinal()
    days = [date.fromordinal(day) for day in range(first - 1, last + 2)]
    return answer(body_of([row for day in days for row in rows_of(day, 50)]))


def without_start(asked: Asked) -> ScriptedExchange:
    """Answer with records that say when they end, in time and too late, or not even that."""
    day, after = asked.days[0], asked.days[-1].toordinal() + 2
    rows = rows_of(day, 200)
    for index, row in enumerate(rows):
        row["ChargePeriodStart"] = None
        ends = [f"{asked.days[-1]}T00:00:00Z", f"{date.fromordinal(after)}T00:00:00Z", None]
        row["ChargePeriodEnd"] = ends[index % 3]
    return answer(body_of(rows))


def elsewhere(asked: Asked) -> ScriptedExchange:
    """Answer about days that nobody asked about."""
    return answer(body_of(rows_of(date(2020, 1, asked.days[0].day), 300, ChargePeriodEnd=None)))


SCRIPTS: dict[str, Script] = {
    "plain": plain,
    "few": amid(1),
    "beyond": beyond,
    "without_start": without_start,
    "elsewhere": elsewhere,
    "empty": lambda _: answer(body_of([])),
    "tags": amid(20, Tags={"team": "edge"}),
    "unknown": amid(20, New=1),
    "missing": amid(20, ConsumedUnit=None),
    "number in text": amid(20, ConsumedQuantity="1"),
    "wrong type": amid(20, ChargeDescription=7),
    "stranger": amid(20, BillingAccountId="b" * 32),
    "owner": amid(20, BillingAccountId=SCOPE),
    "date only": amid(20, ChargePeriodStart="2025-01-01"),
    "offset": amid(20, ChargePeriodStart="2025-01-01T05:00:00+05:00"),
    "refused": lambda asked: plain(asked) if asked.days[0] == START else answer(status=404),
}


@pytest.mark.parametrize("slice_bytes", [1024, 65_536])
@pytest.mark.parametrize("name", SCRIPTS)
async def test_columns_are_what_records_would_be(name: str, slice_bytes: int) -> None:
    """Rows, events, counts and errors of a stream are those of its records, whatever comes."""
    limits = attrs.evolve(SMALL, slice_bytes=slice_bytes)
    rows, told, error = await by_records(SCRIPTS[name], usage(40), limits)
    assert (rows, told, error) == await by_columns(SCRIPTS[name], usage(40), limits)


async def test_without_a_chunk_everything_is_kept() -> None:
    """When the range is the service's choice, so are the rows."""
    request = Query(PAYGO_USAGE).about(SCOPE)
    expected = await by_records(lambda _: answer(body_of([PAYGO] * 500)), request)
    assert len(expected[0]) == 500
    assert expected == await by_columns(lambda _: answer(body_of([PAYGO] * 500)), request)


async def test_pages_become_columns() -> None:
    """What comes in another way than slices becomes columns as well."""

    def pages(asked: Asked) -> ScriptedExchange:
        page = int(asked.url.partition("page=")[2].partition("&")[0])
        items = [{"id": f"{page}-{n}", "amount": n} for n in range(50 if page < 3 else 7)]
        info = {"page": page, "per_page": 50, "count": len(items), "total_count": 107}
        return answer(body_of(items, result_info=info))

    request = Query(BILLING_HISTORY).about(SCOPE)
    expected = await by_records(pages, request)
    assert len(expected[0]) == 107
    assert expected == await by_columns(pages, request)


async def test_batches_are_of_a_worthwhile_length() -> None:
    """A batch has a thousand rows or more, but the last; however short slices and chunks are."""
    for script in (plain, amid(50, New=1)):
        pipeline, _, _ = opened(script)
        stream = RecordStream(pipeline.deliver(usage(70), TOKEN, 2))
        lengths = [batch.num_rows async for batch in stream.arrow()]
        assert sum(lengths) == 3500
        assert min(lengths[:-1]) >= 1000


async def test_what_came_before_an_error_is_delivered() -> None:
    """A chunk that is refused takes nothing from those before it."""
    pipeline, _, _ = opened(SCRIPTS["refused"])
    rows = 0
    with pytest.raises(NotFound):
        async for batch in RecordStream(pipeline.deliver(usage(93), TOKEN, 1)).arrow():
            rows += batch.num_rows
    assert rows == 1550


async def test_a_number_that_does_not_fit_is_named() -> None:
    """The error names the column, the record, the request and the response; nothing is left."""
    pipeline, _, _ = opened(amid(20, BilledCost=0.125))
    with pytest.raises(NumberOutOfRange, match=r"BilledCost 0\.125 does not fit") as caught:
        await RecordStream(pipeline.deliver(usage(31), TOKEN)).table(decimal_scale=2)
    error = caught.value
    assert ("BilledCost", SCOPE, usage(31).chunk) == (error.column, error.scope_id, error.chunk)
    assert (200, RAY, Held()) == (error.status, error.ray_id, held_by(pipeline))


async def test_leaving_early_leaves_nothing() -> None:
    """Who leaves amid a chunk ends what is fetched and read, and lets go of what has come."""
    held = asyncio.Event()

    def script(asked: Asked) -> ScriptedExchange:
        rows = [row for day in asked.days for row in rows_of(day, 200)]
        steps: list[Step] = [body_of(rows)] if len(session.asked) < 3 else [held]
        return answer(steps)

    pipeline, session, _ = opened(script)
    async with RecordStream(pipeline.deliver(usage(310), TOKEN, 3)) as stream:
        await anext(stream.arrow())
        await settle()
        assert held_by(pipeline).spools
    assert (0, Held()) == (session.in_flight, held_by(pipeline))


async def test_a_consumer_may_be_cancelled_anywhere() -> None:
    """At whichever turn it is cancelled, no task, request or spool is left, nor a thread's work."""
    ended, turns = False, 0
    while not ended:
        pipeline, session, _ = opened(plain)
        stream = RecordStream(pipeline.deliver(usage(40), TOKEN, 2))
        task = asyncio.ensure_future(stream.table())
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.wait([task])
        assert ended is not task.cancelled()
        await stream.aclose()
        assert (0, Held()) == (session.in_flight, held_by(pipeline)), turns
        turns = turns + 1 if turns < 40 else turns * 2
    assert turns > 5


async def test_a_client_may_be_closed_meanwhile() -> None:
    """A stream whose client is closed says so, and nothing is left of it."""
    pipeline, session, _ = opened(plain)
    batches = RecordStream(pipeline.deliver(usage(93), TOKEN, 2)).arrow()
    await anext(batches)
    await pipeline.close()
    with pytest.raises(ConfigurationError, match="closed"):
        async for _ in batches:
            pass
    assert (0, 0) == (session.in_flight, held_by(pipeline).tasks)


async def test_an_empty_table_has_its_columns() -> None:
    """Without a record, the schema is that of the record type, scope and scale included."""
    pipeline, _, _ = opened(SCRIPTS["empty"])
    stream = RecordStream(pipeline.deliver(usage(31), TOKEN))
    table = await stream.table(decimal_scale=3, scope="account")
    expected = schema(UsageRecord, decimal_scale=3, scope="account")
    assert (0, expected) == (table.num_rows, table.schema)
    nothing = await RecordStream(EmptyDelivery(PaygoRecord)).table()
    assert (0, schema(PaygoRecord)) == (nothing.num_rows, nothing.schema)


@pytest.mark.parametrize("script", [plain, amid(20, New=1)])
async def test_the_scope_is_a_column(script: Script) -> None:
    """Asked for, the id of the account is in a first column, whichever way the records came."""
    pipeline, _, _ = opened(script)
    table = await RecordStream(pipeline.deliver(usage(31), TOKEN)).table(scope="account")
    assert ["account", "ChargePeriodStart"] == table.column_names[:2]
    assert [SCOPE] == table.column("account").unique().to_pylist()


@pytest.mark.parametrize(
    "wrong",
    [{"decimal_scale": 39}, {"decimal_scale": True}, {"scope": ""}, {"scope": "BilledCost"}],
)
async def test_a_wrong_argument_is_refused_at_once(wrong: Any) -> None:
    """An argument that cannot be right asks nothing of the service."""
    pipeline, session, _ = opened(plain)
    stream = RecordStream(pipeline.deliver(usage(31), TOKEN))
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        stream.arrow(**wrong)
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        await stream.table(**wrong)
    assert [] == session.asked


async def test_a_stream_is_taken_in_one_way() -> None:
    """Records after columns, columns after records or columns twice are errors, and ask nothing."""
    pipeline, session, _ = opened(plain)

    def stream() -> RecordStream[UsageRecord]:
        return RecordStream(pipeline.deliver(usage(31), TOKEN))

    first, second, third = stream(), stream(), stream()
    first.arrow()
    second.batches()
    aiter(third)
    for begun in (first, second, third):
        with pytest.raises(ConfigurationError, match="begun before"):
            begun.arrow()
    with pytest.raises(ConfigurationError, match="as columns"):
        first.batches()
    with pytest.raises(ConfigurationError, match="as columns"):
        async for _ in first:
            pass
    assert [] == session.asked


def test_who_wants_no_columns_waits_for_no_pyarrow() -> None:
    """The package is imported without pyarrow, which takes longer than all else."""
    code = "import cfbilling, sys; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks pyarrow is told what to install."""
    monkeypatch.setitem(sys.modules, "cfbilling.streams.columns", None)
    pipeline, _, _ = opened(plain)
    with pytest.raises(ConfigurationError, match="extra arrow"):
        await RecordStream(pipeline.deliver(usage(31), TOKEN)).table()


async def test_of_what_is_documented_no_records_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of the documented shape are read from their text, all of them."""
    monkeypatch.setattr(RecordDecoder, "decode", None)
    pipeline, _, _ = opened(plain)
    table = await RecordStream(pipeline.deliver(usage(62), TOKEN, 2)).table()
    assert table.num_rows == 3100


async def test_what_cannot_be_read_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After what an answer holds could not be read, the rest of it is not tried."""
    tried = list[int]()
    parse = ColumnReader.parse

    def counted(reader: ColumnReader, slices: Sequence[bytes]) -> object:
        tried.append(len(slices))
        return parse(reader, slices)

    monkeypatch.setattr(ColumnReader, "parse", counted)
    pipeline, _, _ = opened(
        lambda asked: answer(body_of(rows_of(asked.days[0], 6000, New="x" * 100)))
    )
    table = await RecordStream(pipeline.deliver(usage(1), TOKEN)).table()
    assert table.num_rows == 6000
    assert [f'{{"New":"{"x" * 100}"}}'] == table.column("extra").unique().to_pylist()
    # The second was under way when the first had failed.
    assert len(tried) == 2


async def test_a_wrong_type_is_found_in_its_place() -> None:
    """The place of a record counts from its answer's beginning, though slices are read together."""
    pipeline, _, _ = opened(amid(100, ConsumedQuantity="many"))
    with pytest.raises(DecodeError) as caught:
        await RecordStream(pipeline.deliver(usage(31), TOKEN)).table()
    assert caught.value.path == "result[1550].ConsumedQuantity"


async def test_items_of_history_have_no_scope_of_their_own() -> None:
    """A record type without an account gets one by the scope's column."""
    pipeline, _, _ = opened(lambda _: answer(body_of([{"id": "1"}])))
    request = Query(BILLING_HISTORY).about(SCOPE)
    table = await RecordStream(pipeline.deliver(request, TOKEN)).table(scope="account")
    assert schema(BillingHistoryItem, scope="account") == table.schema
    assert [{"account": SCOPE, "id": "1"}] == [
        {name: value for name, value in row.items() if value is not None}
        for row in table.to_pylist()
    ]
    assert isinstance(table, pa.Table)
