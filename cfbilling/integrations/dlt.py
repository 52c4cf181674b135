"""Units of work as a source of a dlt pipeline; it needs dlt, the extra ``dlt``.

Each unit replaces what was loaded of it before: its rows carry its id, and dlt deletes by that and
inserts, in one transaction. No key of a row is used: zones are null, and two charges may be alike
in everything. A unit that came back empty sends one row that is marked as deleted: it takes away
what was there, and is not inserted itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
from dlt.extract import (  # pyright: ignore[reportMissingImports]  # an extra
    DltResource,
    DltSource,
    resource,
    source,
)

from cfbilling.arrow import MOST_DIGITS, RecordColumns
from cfbilling.client import BillingClient
from cfbilling.errors import AccountFailure, ConfigurationError, FanOutError
from cfbilling.integrations.pulled import pulled
from cfbilling.integrations.whole_units import whole_units
from cfbilling.jobs import WorkUnit, checked_units
from cfbilling.store.partitions import folder_of

__all__ = ["GONE_COLUMN", "UNIT_COLUMN", "cfbilling_source"]

UNIT_COLUMN: Final = "_cfbilling_unit"
"""The column with the id of the unit that a row belongs to."""

GONE_COLUMN: Final = "_cfbilling_gone"
"""The column that marks what is to be deleted only; in a loaded table it is null."""


def cfbilling_source(
    units: Iterable[WorkUnit],
    *,
    client: Callable[[], BillingClient] = BillingClient,
    decimal_scale: int | None = None,
    on_failure: Callable[[AccountFailure], None] | None = None,
) -> DltSource:
    """Return a dlt source with a resource, and so a table, for each endpoint of the units.

    Units with parameters, such as ``cost`` or ``group_by``, are tables of their own, with their
    digest in the name. Columns are those of `cfbilling.arrow.schema`, under the names that dlt
    makes of them, after one with the unit's id. Nothing is fetched before dlt extracts, and a
    unit is loaded only if all of it came.

    Args:
        units: The units; each is loaded once, however often it is given.
        client: What makes the client: `BillingClient`, or a `functools.partial` of it.
        decimal_scale: As in `cfbilling.arrow.schema`.
        on_failure: Called with each unit that failed, while dlt extracts: what was loaded of it
            before stays, and the others are loaded. Without it, the first failure ends the
            extraction, and nothing is loaded.

    Raises:
        ConfigurationError: For an argument that cannot be right. While dlt extracts:
            `FanOutError`, which names the unit that failed.
    """
    if not callable(client):
        raise ConfigurationError("client must make a BillingClient")
    tables: dict[str, dict[str, WorkUnit]] = {}
    for unit in checked_units(units):
        if not isinstance(unit, WorkUnit):
            raise ConfigurationError("units must be units of work")
        tables.setdefault(_table_name(unit), {})[unit.id] = unit
    resources = [
        _resource(name, list(table.values()), client, decimal_scale, on_failure)
        for name, table in tables.items()
    ]
    made: DltSource = source(lambda: resources, name="cfbilling")()
    return made


def _table_name(unit: WorkUnit) -> str:
    return folder_of(unit).removeprefix("endpoint=").replace("-", "_")


def _resource(
    name: str,
    units: list[WorkUnit],
    client: Callable[[], BillingClient],
    decimal_scale: int | None,
    on_failure: Callable[[AccountFailure], None] | None,
) -> DltResource:
    columns = RecordColumns(units[0].record_type, decimal_scale=decimal_scale, scope=UNIT_COLUMN)
    schema = _loaded(columns.schema)

    def rows() -> Iterator[Any]:
        return _tables(units, client, columns, schema, on_failure)

    hints: Any = {field.name: _hint(field.type) for field in schema}
    hints[GONE_COLUMN]["hard_delete"] = True
    made: DltResource = resource(
        rows,
        name=name,
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        merge_key=UNIT_COLUMN,
        columns=hints,
    )
    return made


def _loaded(schema: Any) -> Any:
    """Return the schema of what is given to dlt; that warns of a key that may be null."""
    named = pa.field(UNIT_COLUMN, pa.string(), nullable=False)
    return pa.schema([named, *list(schema)[1:], (GONE_COLUMN, pa.bool_())])


def _hint(kind: Any) -> dict[str, Any]:
    if pa.types.is_decimal(kind):
        return {"data_type": "decimal", "precision": MOST_DIGITS, "scale": kind.scale}
    if pa.types.is_timestamp(kind):
        return {"data_type": "timestamp", "precision": 6}
    return {"data_type": "bool" if pa.types.is_boolean(kind) else "text"}


def _tables(
    units: list[WorkUnit],
    client: Callable[[], BillingClient],
    columns: RecordColumns,
    schema: Any,
    on_failure: Callable[[AccountFailure], None] | None,
) -> Iterator[Any]:
    for whole in pulled(partial(whole_units, units, client, columns)):
        if isinstance(whole, AccountFailure):
            if on_failure is None:
                raise FanOutError([whole])
            on_failure(whole)
            continue
        is_empty = True
        for table in whole.tables():
            is_empty = False
            gone = pa.nulls(len(table), pa.bool_())
            yield pa.Table.from_arrays([*table.columns, gone], schema=schema)
        if is_empty:
            yield _tombstone(whole.unit.id, schema)


def _tombstone(unit_id: str, schema: Any) -> Any:
    told = {UNIT_COLUMN: pa.array([unit_id]), GONE_COLUMN: pa.array([True])}
    columns = [told.get(field.name, pa.nulls(1, field.type)) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)
