"""Where a unit's object is: one place for each unit, one unit for each place."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cfbilling import ConfigurationError, WorkUnit, plan
from cfbilling.store.partitions import Partition, folder_of, key_of, partition_of

SCOPE = "0123456789abcdef" * 2


def _unit(start: date, end: date) -> WorkUnit:
    return WorkUnit(endpoint="costs", scope_id=SCOPE, start=start, end=end)


def test_a_key_says_whose_it_is() -> None:
    """Endpoint, scope and month are partitions that every reader of hive's understands."""
    unit = _unit(date(2025, 12, 1), date(2026, 1, 1))
    key = key_of(unit, ".parquet")
    assert f"endpoint=costs/scope_id={SCOPE}/month=2025-12/data.parquet" == key
    assert Partition("costs", SCOPE, "2025-12") == partition_of(key, ".parquet")


def test_units_with_other_parameters_are_other_tables() -> None:
    """Parameters are a part of the endpoint's name, so that no table holds two kinds of rows."""
    (plain,) = plan([SCOPE], "2025-01-01", "2025-01-02", endpoint="usage")
    (costly,) = plan([SCOPE], "2025-01-01", "2025-01-02", endpoint="usage", cost=True)
    assert "endpoint=usage" == folder_of(plain)
    assert folder_of(costly).startswith("endpoint=usage-")
    parsed = partition_of(key_of(costly, ".ndjson.gz"), ".ndjson.gz")
    assert parsed is not None
    assert folder_of(costly) == f"endpoint={parsed.endpoint}"


def test_each_month_has_a_place_of_its_own() -> None:
    """Whatever the year, each whole month has its key, and they differ."""
    units = [*plan([SCOPE], "2023-01-01", "2026-01-01"), *plan([SCOPE], "9999-01-01", "9999-12-31")]
    assert 12 * 4 == len({key_of(unit, ".parquet") for unit in units})


@pytest.mark.parametrize(
    ("start", "days"), [(date(2025, 1, 1), 30), (date(2025, 1, 2), 30), (date(2025, 1, 1), 59)]
)
def test_what_is_no_month_has_no_place(start: date, days: int) -> None:
    """A part of a month, or two of them, would overwrite what is not theirs."""
    with pytest.raises(ConfigurationError, match="one whole month"):
        key_of(_unit(start, start + timedelta(days)), ".parquet")


@pytest.mark.parametrize(
    "key",
    [
        "data.parquet",
        f"endpoint=costs/scope_id={SCOPE}/data.parquet",
        f"endpoint=costs/scope_id={SCOPE}/month=2025/data.parquet",
        f"endpoint=costs/scope_id={SCOPE}/month=2025-12/",
        f"endpoint=costs/scope_id={SCOPE}/month=2025-12/more/data.parquet",
        f"endpoint=costs/scope_id={SCOPE}/month=2025-12/mine.parquet",
        f"endpoint=costs/scope_id={SCOPE}/month=2025-12/data.old.parquet",
        f"endpoint=costs/scope_id={SCOPE}/month=2025-12/data.ndjson.gz",
        f"below/endpoint=costs/scope_id={SCOPE}/month=2025-12/data.parquet",
    ],
)
def test_what_is_none_of_ours_says_nothing(key: str) -> None:
    """Only what has exactly our levels and our name is taken for an object."""
    assert partition_of(key, ".parquet") is None
