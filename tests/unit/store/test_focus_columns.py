"""Stored costs are FOCUS as well, unknown fields included."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow has no types

from cfbilling.focus import FocusRecord
from cfbilling.store.facts import ObjectFacts
from cfbilling.store.parquet import ParquetObjects


def test_unknown_fields_of_costs_have_a_column_of_their_own_name() -> None:
    """A column that is none of FOCUS's begins with ``x_``, and is read back."""
    file, objects = io.BytesIO(), ParquetObjects()
    facts = ObjectFacts(unit_id="u", fetched=datetime(2026, 1, 1, tzinfo=UTC), is_complete=True)
    record = FocusRecord(service_name="R2", extra={"New": {"a": [1]}})
    writer = objects.writer(file, FocusRecord, facts)
    writer.add([record])
    writer.finish(facts)
    assert [*FocusRecord.wire_names.values(), "x_Extra"] == pq.read_schema(file).names
    ((read,),) = objects.read(file, FocusRecord)
    assert (record, {"New": {"a": [1]}}) == (read, read.extra)
