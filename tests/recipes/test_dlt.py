"""Work units in DuckDB, by dlt: after each load the table is what the service says, row for row."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillingClient,
    ConfigurationError,
    FocusRecord,
    GroupBy,
    NumberOutOfRange,
    PermissionDenied,
    Record,
    RetryPolicy,
    WorkUnit,
    plan,
)
from cfbilling.arrow import schema
from cfbilling.sandbox import Fault, Sandbox

dlt: Any = pytest.importorskip("dlt", reason="needs the extra dlt")
PipelineStepFailed: Any = pytest.importorskip("dlt.pipeline.exceptions").PipelineStepFailed
pytest.importorskip("duckdb", reason="needs duckdb, which the extra recipes has")

from cfbilling.integrations.dlt import GONE_COLUMN, UNIT_COLUMN, cfbilling_source
from cfbilling.integrations.pulled import pulled

MONTH = [date(2025, 1, day) for day in range(1, 32)]


class Warehouse:
    """A DuckDB file that a pipeline loads into."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.pipeline = dlt.pipeline(
            "billing",
            destination=dlt.destinations.duckdb(str(folder / "billing.duckdb")),
            dataset_name="cloudflare",
            pipelines_dir=str(folder),
        )
        self.client = partial(
            BillingClient,
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            retry=RetryPolicy(attempts=1),
        )

    async def load(self, units: list[WorkUnit], **settings: Any) -> None:
        """Load units, in a thread: the sandbox goes on in this one."""
        source = cfbilling_source(units, client=self.client, **settings)
        info = await asyncio.to_thread(self.pipeline.run, source)
        info.raise_on_failed_jobs()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows that a reader would find."""
        with self.pipeline.sql_client() as client:
            # The session's time zone is that of the machine.
            client.execute_sql("SET TimeZone = 'UTC'")
            with client.execute_query(f"FROM {table}") as cursor:
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    async def is_exact(self, units: list[WorkUnit]) -> bool:
        """Whether the table has of these units what the service has, and nothing else."""
        (table,) = cfbilling_source(units).resources
        async with self.client() as client:
            wanted = [
                _told(unit, record)
                for unit in units
                for record in await client.fetch(unit).collect()
            ]
        found = [_found(row, units[0].record_type) for row in self.rows(table)]
        return Counter(wanted) == Counter(found)


def _told(unit: WorkUnit, record: Record) -> str:
    wire = record.to_wire()
    return repr([unit.id, *(_plain(wire.get(column.wire_name)) for column in record.columns)])


def _found(row: dict[str, Any], record_type: type[Record]) -> str:
    assert row.pop(GONE_COLUMN) is None
    extra = row.pop("x_extra" if record_type is FocusRecord else "extra")
    assert extra is None
    unit_id = row.pop(UNIT_COLUMN)
    assert len(record_type.columns) == len(row), "each column under a name of its own"
    return repr([unit_id, *map(_plain, row.values())])


def _plain(value: object) -> object:
    """Return what is the same for the wire and for the table."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value).normalize()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            is_object = value.startswith(("{", "["))
            return json.dumps(json.loads(value), sort_keys=True) if is_object else value
    return value


@pytest.fixture(autouse=True)
def _quiet_dlt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Have dlt tell nobody, and leave nothing at home."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "cfbilling"]


@pytest.mark.parametrize("endpoint", ["costs", "billable_usage"])
async def test_each_load_is_exact(tmp_path: Path, endpoint: Any) -> None:
    """First, repeated, restated, vanished, and back again: the same rows, twins and all."""
    async with Sandbox(accounts=2, records_per_day=3) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-02-02", endpoint=endpoint))
        one, other = sandbox.account_ids
        await warehouse.load(units)
        assert await warehouse.is_exact(units)
        first = warehouse.rows(endpoint)
        if endpoint == "billable_usage":
            twins = Counter(repr(row) for row in first)
            assert len(twins) < len(first), "this test needs charges that are alike"
        await warehouse.load(units)
        assert await warehouse.is_exact(units)
        assert len(first) == len(warehouse.rows(endpoint))
        sandbox.restate(one, MONTH)
        await warehouse.load(units)
        assert await warehouse.is_exact(units)
        assert first != warehouse.rows(endpoint)
        sandbox.restate(other, MONTH, changed=0, removed=1, added=0)
        await warehouse.load(units)
        assert await warehouse.is_exact(units)
        gone = next(u for u in units if u.scope_id == other and u.start == MONTH[0])
        assert gone.id not in {row[UNIT_COLUMN] for row in warehouse.rows(endpoint)}
        sandbox.restate(other, MONTH, changed=0, removed=0, added=1)
        await warehouse.load(units)
        assert await warehouse.is_exact(units)
        assert gone.id in {row[UNIT_COLUMN] for row in warehouse.rows(endpoint)}


async def test_a_unit_that_was_never_there_leaves_no_row(tmp_path: Path) -> None:
    """Also when it is the first that is loaded, an empty unit is a table without rows."""
    async with Sandbox(accounts=2, records_per_day=1) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-01-02", endpoint="usage"))
        sandbox.restate(units[0].scope_id, MONTH, changed=0, removed=1, added=0)
        await warehouse.load(units[:1])
        assert [] == warehouse.rows("usage")
        await warehouse.load(units * 2)
        assert await warehouse.is_exact(units)
        assert 31 == len(warehouse.rows("usage")), "a unit that is given twice is loaded once"


async def test_only_what_is_loaded_is_replaced(tmp_path: Path) -> None:
    """Other months of the same account, and other parameters, stay as they are."""
    async with Sandbox(accounts=1, records_per_day=2) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-02-02", endpoint="usage"))
        (split,) = plan(
            sandbox.account_ids,
            "2025-01-01",
            "2025-01-02",
            endpoint="usage",
            cost=True,
            group_by=[GroupBy.tag("team")],
        )
        await warehouse.load([*units, split])
        assert await warehouse.is_exact(units)
        assert await warehouse.is_exact([split])
        sandbox.restate(units[0].scope_id, MONTH, changed=0, removed=1, added=0)
        await warehouse.load(units[:1])
        assert await warehouse.is_exact(units)
        (table,) = cfbilling_source([split]).resources
        assert table.startswith("usage_")
        assert warehouse.rows(table)


async def test_columns_hold_every_digit(tmp_path: Path) -> None:
    """Decimals have the scale of their Arrow columns, times have their time zone."""
    async with Sandbox(accounts=1, records_per_day=1) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        await warehouse.load(list(plan(sandbox.account_ids, "2025-01-01", "2025-01-02")))
        with warehouse.pipeline.sql_client() as client:
            kinds = dict(
                client.execute_sql(
                    "SELECT column_name, data_type FROM information_schema.columns "
                    "WHERE table_name = 'costs' AND table_schema = 'cloudflare'"
                )
            )
    columns = schema(FocusRecord)
    money, quantity = (columns.field(n).type.scale for n in ("ListCost", "ConsumedQuantity"))
    assert f"DECIMAL(38,{money})" == kinds["list_cost"] == kinds["list_unit_price"]
    assert f"DECIMAL(38,{quantity})" == kinds["consumed_quantity"]
    assert money > quantity
    assert "TIMESTAMP WITH TIME ZONE" == kinds["charge_period_start"]
    assert "VARCHAR" == kinds["tags"] == kinds[UNIT_COLUMN]


async def test_a_failing_unit_keeps_what_was_loaded(tmp_path: Path) -> None:
    """It is named, the others are replaced, and of it nothing is half there."""
    async with Sandbox(accounts=2, records_per_day=2) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        good, bad = plan(sandbox.account_ids, "2025-01-01", "2025-01-02", endpoint="billable_usage")
        await warehouse.load([good, bad])
        before = warehouse.rows("billable_usage")
        for account in sandbox.account_ids:
            sandbox.restate(account, MONTH)
        # The first of its two billing cycles comes, the second one does not.
        cycles = iter([False, True])
        sandbox.faults.add(
            Fault(
                endpoint="billable_usage",
                scope_id=bad.scope_id,
                when=lambda _: next(cycles, False),
                status=403,
                times=None,
            )
        )
        failures: list[AccountFailure] = []
        await warehouse.load([good, bad], on_failure=failures.append)
        assert [bad.id] == [failure.account_id for failure in failures]
        assert isinstance(failures[0].error, PermissionDenied)
        after = warehouse.rows("billable_usage")
        assert _of(bad, before) == _of(bad, after)
        assert _of(good, before) != _of(good, after)


def _of(unit: WorkUnit, rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(repr(row) for row in rows if row[UNIT_COLUMN] == unit.id)


async def test_without_a_place_for_failures_nothing_is_loaded(tmp_path: Path) -> None:
    """The first failure ends the extraction, and says of which unit it is."""
    async with Sandbox(accounts=3, records_per_day=1) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-01-02", endpoint="usage"))
        await warehouse.load(units)
        before = warehouse.rows("usage")
        sandbox.refuse(units[1].scope_id)
        sandbox.restate(units[0].scope_id, MONTH)
        with pytest.raises(PipelineStepFailed, match=units[1].id):
            await warehouse.load(units)
        assert before == warehouse.rows("usage")


async def test_a_number_that_does_not_fit_is_a_failure(tmp_path: Path) -> None:
    """It is never rounded."""
    async with Sandbox(accounts=1, records_per_day=2) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-01-02"))
        failures: list[AccountFailure] = []
        await warehouse.load(units, decimal_scale=0, on_failure=failures.append)
        assert isinstance(failures[0].error, NumberOutOfRange)


async def test_who_stops_early_leaves_nothing_behind(tmp_path: Path) -> None:
    """A source that is left in the middle closes its client, its files and its thread."""
    async with Sandbox(accounts=9, records_per_day=2) as sandbox:
        warehouse = Warehouse(tmp_path, sandbox)
        units = list(plan(sandbox.account_ids, "2025-01-01", "2025-03-02", endpoint="usage"))

        def some() -> tuple[list[Any], bool]:
            before = temporary_files()
            source = cfbilling_source(units, client=warehouse.client)
            tables = list(source.add_limit(2))
            return tables, before == temporary_files()

        tables, is_clean = await asyncio.to_thread(some)
        assert 0 < len(tables) < len(units)
        assert is_clean


def temporary_files() -> set[Path]:
    """Return the unnamed files that this process has open, where the system tells that."""
    return {path for path in Path("/proc/self/fd").glob("*") if "(deleted)" in _link(path)}


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


async def test_no_units_are_no_tables(tmp_path: Path) -> None:
    """A source of nothing loads nothing."""
    async with Sandbox(accounts=1) as sandbox:
        await Warehouse(tmp_path, sandbox).load([])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"units": "units"}, "units"),
        ({"units": [7]}, "units"),
        ({"client": "client"}, "client"),
        ({"decimal_scale": 39}, "decimal_scale"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], named: str) -> None:
    """What cannot be right is told by its name, at once."""
    arguments: dict[str, Any] = {"units": list(plan(["a" * 32], "2025-01-01", "2025-01-02"))}
    with pytest.raises(ConfigurationError, match=named):
        cfbilling_source(**(arguments | wrong))


def test_an_async_generator_is_pulled() -> None:
    """Its items come in order, its error comes out, and it is closed whoever leaves it."""
    closed: list[str] = []

    async def numbers(until: int) -> AsyncGenerator[int, None]:
        try:
            for number in range(until):
                await asyncio.sleep(0)
                yield number
            raise LookupError("the end")
        finally:
            await asyncio.sleep(0)
            closed.append(threading.current_thread().name)

    found: list[int] = []
    with pytest.raises(LookupError, match="the end"):
        found.extend(pulled(lambda: numbers(3)))
    left = pulled(lambda: numbers(9))
    assert 0 == next(left)
    left.close()
    assert ([0, 1, 2], ["cfbilling"] * 2) == (found, closed)


def test_who_is_interrupted_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while an item is waited for cancels the wait, and closes the generator."""
    ended: list[str] = []

    async def forever() -> AsyncGenerator[None, None]:
        try:
            await asyncio.Event().wait()
            yield
        finally:
            ended.append("cancelled")

    real = asyncio.run_coroutine_threadsafe
    calls = 0

    class Interrupted:
        def result(self) -> None:
            raise KeyboardInterrupt

    def interrupting(work: Any, loop: Any) -> Any:
        nonlocal calls
        calls += 1
        future = real(work, loop)
        return Interrupted() if calls == 1 else future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupting)
    with pytest.raises(KeyboardInterrupt):
        next(pulled(forever))
    assert ["cancelled"] == ended
