"""What others read of a store: every digit, null and twin, and whose and when it is.

Of Parquet, DuckDB, Polars and pyarrow give all of that. Of NDJSON they give all rows and nulls, but
the digits of numbers only as far as they keep them: pyarrow all of them when it is told that a
column is a decimal; DuckDB those of a double, unless it is asked for each line as it is; Polars
those of a double.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from cfbilling import WorkUnit, arrow, plan
from cfbilling.records import ChargeRecord
from cfbilling.sandbox import Sandbox
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.place import PART
from cfbilling.sync import Store, StoreFormat
from tests.integration.stores import TODAY, client_of, rows

_REASON = "a test of what other programs read needs the extra recipes"
duckdb = pytest.importorskip("duckdb", reason=_REASON)
pl = pytest.importorskip("polars", reason=_REASON)
ds = pytest.importorskip("pyarrow.dataset", reason=_REASON)
pa = pytest.importorskip("pyarrow", reason=_REASON)
pa_json = pytest.importorskip("pyarrow.json", reason=_REASON)

Row = frozenset[tuple[str, object]]
TWINS = 3
PLACE = ("endpoint", "scope_id", "month")
# Text in Parquet, objects in NDJSON, of which each reader makes something else.
TEXTS = {"Tags", "extra"}
NUMBERS = ["BilledCost", "ConsumedQuantity", "ListUnitPrice", "PricingQuantity"]


@attrs.frozen
class Filled:
    """A store, and the rows that are in it, twins and all, with their partitions."""

    folder: Path
    expected: Counter[Row]
    glob: str
    units: list[WorkUnit]


def frozen(row: Mapping[str, object]) -> Row:
    """Return a row as what can be counted."""
    told: dict[str, object] = {}
    for name, value in row.items():
        if value is None or name == "extra":
            continue
        parsed = json.loads(value) if name == "Tags" and isinstance(value, str) else value
        if isinstance(parsed, Mapping):
            parsed = json.dumps({k: v for k, v in parsed.items() if v is not None}, sort_keys=True)
        is_moment = "Period" in name and isinstance(parsed, str)
        told[name] = datetime.fromisoformat(str(parsed)) if is_moment else parsed
    return frozenset(told.items())


def counted(found: Iterable[Mapping[str, object]]) -> Counter[Row]:
    """Count equal rows."""
    return Counter(map(frozen, found))


async def _fill(folder: Path, form: StoreFormat, suffix: str) -> Filled:
    store = Store(folder, format=form)
    expected: list[dict[str, object]] = []
    async with Sandbox(accounts=2, null_costs="null", today=TODAY) as sandbox:
        units = list(plan(sandbox.account_ids, "2025-12-01", "2026-03-01", endpoint="usage"))
        async with client_of(sandbox) as client:
            for unit in units:
                records = await client.fetch(unit).collect()
                facts = ObjectFacts(unit_id=unit.id, fetched=datetime.now(UTC), is_complete=True)
                twins = records[:TWINS]
                await store.objects.write(unit, _batches(records, twins), facts)
                truth = rows(sandbox.expected_usage(unit.scope_id, unit.start, unit.end))
                place = dict(
                    zip(PLACE, ("usage", unit.scope_id, f"{unit.start:%Y-%m}"), strict=True)
                )
                expected += [row | place for row in (*truth, *truth[:TWINS])]
    for unit in units:
        left = (folder / store.key(unit)).with_name(f".data{suffix}.0123456789abcdef{PART}")
        left.write_bytes(b"what a killed run leaves")
    return Filled(folder, counted(expected), f"{folder}/**/*{suffix}", units)


async def _batches(*batches: list[ChargeRecord]) -> AsyncIterator[list[ChargeRecord]]:
    for batch in batches:
        yield batch


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A store of Parquet."""
    return asyncio.run(_fill(tmp_path_factory.mktemp("parquet"), "parquet", ".parquet"))


@pytest.fixture(scope="module")
def ndjson(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A store of NDJSON."""
    return asyncio.run(_fill(tmp_path_factory.mktemp("ndjson"), "ndjson", ".ndjson.gz"))


def test_the_rows_are_worth_reading(parquet: Filled) -> None:
    """There are twins among them, nulls, and numbers that no double holds."""
    assert max(parquet.expected.values()) == 2
    assert len({len(row) for row in parquet.expected}) > 1
    numbers = {v for row in parquet.expected for _, v in row if isinstance(v, Decimal)}
    assert any(Decimal(repr(float(number))) != number for number in numbers)


def test_duckdb_reads_parquet(parquet: Filled) -> None:
    """DuckDB finds the exact rows, and the partitions as columns."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        found = db.sql(f"FROM read_parquet('{parquet.glob}')").to_arrow_table()
        assert parquet.expected == counted(found.to_pylist())
        one = parquet.units[0]
        (count,) = db.execute(
            f"SELECT count(*) FROM read_parquet('{parquet.glob}') WHERE month = '2025-12' "  # noqa: S608 - the same
            f"AND scope_id = '{one.scope_id}' AND endpoint = 'usage'"
        ).fetchone()
        assert count == sum(
            times
            for row, times in parquet.expected.items()
            if {("month", "2025-12"), ("scope_id", one.scope_id)} <= row
        )


def test_polars_reads_parquet(parquet: Filled) -> None:
    """Polars finds the exact rows, and the partitions as columns."""
    found = pl.scan_parquet(parquet.glob, hive_partitioning=True).collect()
    assert parquet.expected == counted(found.to_dicts())


def test_pyarrow_reads_parquet(parquet: Filled) -> None:
    """A data set of pyarrow is the folder itself; what killed runs left is not of it."""
    found = ds.dataset(parquet.folder, partitioning="hive").to_table()
    assert parquet.expected == counted(found.to_pylist())


def test_pyarrow_reads_ndjson(ndjson: Filled) -> None:
    """Told which columns are decimals, pyarrow keeps every digit."""
    found: list[dict[str, object]] = []
    fields = [
        field for field in arrow.schema(ndjson.units[0].record_type) if field.name not in TEXTS
    ]
    options = pa_json.ParseOptions(explicit_schema=pa.schema(fields))
    for unit in ndjson.units:
        key = Store(ndjson.folder, format="ndjson").key(unit)
        place = dict(part.split("=") for part in key.split("/")[:-1])
        table = pa_json.read_json(ndjson.folder / key, parse_options=options)
        found += [row | place for row in table.to_pylist()]
    assert ndjson.expected == counted(found)


def test_duckdb_reads_ndjson(ndjson: Filled) -> None:
    """DuckDB finds all rows, their nulls and partitions; of numbers, what a double holds."""
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        found = db.sql(
            f"FROM read_ndjson('{ndjson.glob}', hive_partitioning = true, sample_size = -1)"
        ).to_arrow_table()
        kept = [name for name in found.column_names if name not in TEXTS]
        assert in_doubles(ndjson, kept) == doubles(found.select(kept).to_pylist())


def test_duckdb_gives_each_line_as_it_is(ndjson: Filled) -> None:
    """Asked for the objects, DuckDB gives their text, with every digit."""
    with duckdb.connect() as db:
        lines = db.execute(f"SELECT json FROM read_ndjson_objects('{ndjson.glob}')").fetchall()  # noqa: S608 - our own path
    found = Counter(
        frozen(rows([json.loads(text, parse_float=Decimal, parse_int=Decimal)])[0])
        for (text,) in lines
    )
    without_place = Counter(
        frozenset(item for item in row if item[0] not in PLACE)
        for row in ndjson.expected.elements()
    )
    assert without_place == found


def test_polars_reads_ndjson(ndjson: Filled) -> None:
    """Polars finds all rows and their nulls; of numbers, what a double holds."""
    schema = dict.fromkeys(NUMBERS, pl.Float64)
    found = pl.scan_ndjson(ndjson.glob, schema=schema).collect()
    assert in_doubles(ndjson, NUMBERS) == doubles(found.to_dicts())


def in_doubles(filled: Filled, names: list[str]) -> Counter[Row]:
    """Return what is expected of some columns where numbers are doubles."""
    wanted = {*names}
    rows_ = ({n: v for n, v in row if n in wanted} for row in filled.expected.elements())
    return doubles(rows_)


def doubles(found: Iterable[Mapping[str, object]]) -> Counter[Row]:
    """Count equal rows whose numbers are doubles."""
    return Counter(
        frozenset((n, float(v) if isinstance(v, int | float | Decimal) else v) for n, v in row)
        for row in map(frozen, found)
    )
