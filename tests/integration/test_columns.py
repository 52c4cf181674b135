"""Every stream of records as Arrow, against the truth: fan-outs, units, costs and stores too."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillableUsageRecord,
    BillingClient,
    BillingError,
    Clock,
    ConfigurationError,
    FanOutError,
    FocusRecord,
    NumberOutOfRange,
    Record,
    RetryPolicy,
    UsageRecord,
    WorkUnit,
    plan,
)
from cfbilling.arrow import RecordColumns, schema
from cfbilling.records import ChargeRecord
from cfbilling.sandbox import Fault, Sandbox
from cfbilling.sync import Store, sync_unit

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = "2026-01-01", "2026-03-01"


def client_of(sandbox: Sandbox) -> BillingClient:
    """Return a client on the sandbox's day."""
    return BillingClient(
        ApiToken(sandbox.api_token),
        base_url=sandbox.base_url,
        clock=Clock(now=lambda: NOON),
        retry=RetryPolicy(attempts=1),
    )


def rows(records: list[Any], scope_id: str | None = None) -> list[Any]:
    """Return records as the rows of a table, with the scope where there is one."""
    scope = None if scope_id is None else "scope_id"
    columns = RecordColumns(type(records[0]), scope=scope)
    made: list[Any] = columns.batch(records, scope_id).to_pylist()
    return made


def of_scope(table: Any, scope_id: str) -> list[Any]:
    """Return the rows of one account, in order."""
    return [row for row in table.to_pylist() if row["scope_id"] == scope_id]


async def test_the_threads_that_read_end_with_the_client() -> None:
    """Columns are read in threads of the client's own, which are over when it is closed."""
    before = set(threading.enumerate())
    async with Sandbox(accounts=1, records_per_day=40) as sandbox, client_of(sandbox) as client:
        await client.usage(sandbox.account_ids[0], *DAYS).table()
        own = [t for t in set(threading.enumerate()) - before if "cfbilling" in t.name]
        assert own
    for thread in own:
        thread.join(60)
    assert not any(thread.is_alive() for thread in own)


async def test_a_table_is_the_truth() -> None:
    """Each number of the table has the digits that the service sent, over chunks and seams."""
    async with Sandbox(accounts=1, records_per_day=40) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        table = await client.usage(account, *DAYS).table()
        truth = list(sandbox.expected_usage(account, *map(date.fromisoformat, DAYS)))
        assert len(truth) == table.num_rows
        for name in ("ConsumedQuantity", "BilledCost", "ContractedCost"):
            expected = [wire.get(name) for wire in truth]
            assert [None if n is None else Decimal(str(n)) for n in expected] == (
                table.column(name).to_pylist()
            )
        records = await client.usage(account, *DAYS).collect()
        assert rows(records) == table.to_pylist()


async def test_a_fan_out_is_one_table() -> None:
    """Each account's rows are in order, with its id in the first column."""
    async with Sandbox(accounts=5, records_per_day=20) as sandbox, client_of(sandbox) as client:
        ids = sandbox.account_ids
        table = await client.fan_out(ids, *DAYS).table()
        assert schema(UsageRecord, scope="scope_id") == table.schema
        for account in ids:
            records = await client.usage(account, *DAYS).collect()
            assert rows(records, account) == of_scope(table, account)
        without = await client.fan_out(ids, *DAYS).table(scope=None, decimal_scale=24)
        assert (table.num_rows, "scope_id" in without.column_names) == (without.num_rows, False)


async def test_a_failing_account_stops_no_other() -> None:
    """Failures are deferred, raised or in place, as with records; a table has no place for them."""
    async with Sandbox(accounts=2, records_per_day=20) as sandbox, client_of(sandbox) as client:
        nobody = "0" * 32
        ids = [*sandbox.account_ids, nobody]
        count = len(await client.usage(ids[0], *DAYS).collect())
        items = [item async for item in client.fan_out(ids, *DAYS, on_error="yield").arrow()]
        failures = [item for item in items if isinstance(item, AccountFailure)]
        assert [nobody] == [failure.account_id for failure in failures]
        found = sum(i.num_rows for i in items if not isinstance(i, AccountFailure))
        assert 2 * count == found
        found = 0
        with pytest.raises(FanOutError) as caught:
            async for batch in client.fan_out(ids, *DAYS).arrow():
                found += batch.num_rows
        assert (2 * count, [nobody]) == (found, [f.account_id for f in caught.value.failures])
        for stream in (
            client.fan_out(ids, *DAYS, on_error="defer"),
            client.fan_out(ids, *DAYS, on_error="yield"),
        ):
            with pytest.raises(FanOutError, match=nobody):
                await stream.table()
        with pytest.raises(BillingError):
            await client.fan_out([nobody], *DAYS, on_error="raise").table()


async def test_a_number_that_does_not_fit_is_a_failure_of_its_account() -> None:
    """In a fan-out, an account with such a number fails, and is named with the column."""
    async with Sandbox(accounts=2, records_per_day=20) as sandbox, client_of(sandbox) as client:
        with pytest.raises(FanOutError) as caught:
            await client.fan_out(sandbox.account_ids, *DAYS).table(decimal_scale=1)
        errors = [failure.error for failure in caught.value.failures]
        assert [NumberOutOfRange, NumberOutOfRange] == list(map(type, errors))
        assert all(error.scope_id in sandbox.account_ids for error in errors)


async def test_units_are_tables() -> None:
    """Units have the columns of their endpoint; days to come have them too, and no rows."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        (account,) = sandbox.account_ids
        units = list(plan([account], *DAYS, endpoint="billable_usage"))
        table = await client.fetch_many(units).table()
        assert schema(BillableUsageRecord, scope="scope_id") == table.schema
        records = [record async for _, record in client.fetch_many(units)]
        assert len(records) == table.num_rows > 0
        (later,) = plan([account], "2026-05-01", "2026-05-02", endpoint="costs")
        nothing = await client.fetch(later).table()
        assert (0, schema(FocusRecord)) == (nothing.num_rows, nothing.schema)
        nothing = await client.fetch_many([]).table()
        assert (0, schema(ChargeRecord, scope="scope_id")) == (nothing.num_rows, nothing.schema)
        mixed = [*units, *plan([account], *DAYS, endpoint="costs")]
        with pytest.raises(ConfigurationError, match="several types"):
            await client.fetch_many(mixed).table()
        batches = [batch async for batch in client.fetch_many(mixed).arrow()]
        assert {
            tuple(schema(kind, scope="scope_id").names)
            for kind in (BillableUsageRecord, FocusRecord)
        } == {tuple(batch.schema.names) for batch in batches}
        assert 2 * table.num_rows == sum(batch.num_rows for batch in batches)


async def test_what_comes_of_units_has_no_columns() -> None:
    """Results of work on units are no records, and say so; a unit's own stream has columns."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        units = list(plan(sandbox.account_ids, *DAYS, endpoint="billable_usage"))

        async def work(_: WorkUnit, stream: Any) -> int:
            rows: int = (await stream.table()).num_rows
            return rows

        with pytest.raises(ConfigurationError, match="no records"):
            client.process(units, work).arrow()
        counts = [count async for _, count in client.process(units, work)]
        assert sum(counts) == (await client.fetch_many(units).table()).num_rows


async def test_costs_are_a_table() -> None:
    """What is made of records becomes columns as well, from either version of the API."""
    async with Sandbox(accounts=2, today=TODAY) as sandbox, client_of(sandbox) as client:
        for account in sandbox.account_ids:
            table = await client.costs(account, *DAYS).table()
            assert schema(FocusRecord) == table.schema
            assert rows(await client.costs(account, *DAYS).collect()) == table.to_pylist()


async def test_a_store_is_read_as_a_table(tmp_path: Path) -> None:
    """What a store keeps of a unit comes as columns, with the unit's scope."""
    async with Sandbox(accounts=1, today=TODAY) as sandbox, client_of(sandbox) as client:
        unit, *_ = plan(sandbox.account_ids, *DAYS, endpoint="costs")
        store = Store(tmp_path)
        written = await sync_unit(client, unit, store)
        table = await store.read(unit).table(scope="account")
        assert written.records == table.num_rows
        assert [unit.scope_id] == table.column("account").unique().to_pylist()


async def test_every_list_is_a_table() -> None:
    """The streams that are no usage have columns too."""
    async with Sandbox(accounts=3, today=TODAY) as sandbox, client_of(sandbox) as client:
        account = sandbox.account_ids[0]
        streams: list[Any] = [
            client.subscriptions(account),
            client.billing_history(account),
            client.accounts(),
            client.paygo_usage(account, *DAYS),
        ]
        for stream in streams:
            table = await stream.table()
            record_type: type[Record] = stream._delivery.record_type
            assert schema(record_type) == table.schema
            assert table.num_rows


async def test_a_fault_repeats_nothing() -> None:
    """A body that breaks is asked for again, and comes once."""
    async with Sandbox(accounts=1, records_per_day=40) as sandbox:
        sandbox.faults.add(Fault(end_at=20_000), Fault(status=503))
        async with BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            retry=RetryPolicy(attempts=4, initial_wait=0.001, max_backoff=0.001),
        ) as client:
            (account,) = sandbox.account_ids
            table = await client.usage(account, *DAYS).table()
        truth = list(sandbox.expected_usage(account, *map(date.fromisoformat, DAYS)))
        assert len(truth) == table.num_rows
