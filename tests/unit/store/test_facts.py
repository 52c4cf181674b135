"""What an object says of itself, and what is taken for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfbilling.store.facts import SCHEMA_VERSION, ObjectFacts

FACTS = ObjectFacts(
    unit_id="usage/a/2025-01-01/2025-02-01",
    fetched=datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
    is_complete=True,
    records=12,
    digest="ab",
)


@given(
    unit_id=st.text(),
    fetched=st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
        datetime(9999, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.integers(-720, 720).map(lambda n: timezone(timedelta(minutes=n))),
    ),
    is_complete=st.booleans(),
    records=st.integers(0, 2**60),
    digest=st.text(),
)
def test_facts_survive(
    unit_id: str,
    fetched: datetime,
    is_complete: bool,  # noqa: FBT001 - hypothesis passes by name
    records: int,
    digest: str,
) -> None:
    """What is written is read: the same moment, in UTC, and all the rest."""
    facts = ObjectFacts(
        unit_id=unit_id, fetched=fetched, is_complete=is_complete, records=records, digest=digest
    )
    again = ObjectFacts.from_json(facts.to_json())
    assert facts == again
    assert again is not None
    assert timedelta(0) == again.fetched.utcoffset()


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": SCHEMA_VERSION + 1},
        {"schema": str(SCHEMA_VERSION)},
        {"unit": None},
        {"fetched": "2025-02-03T04:05:06"},
        {"fetched": "yesterday"},
        {"records": "12"},
        {"complete": 1},
    ],
)
def test_other_facts_are_none(changes: dict[str, object]) -> None:
    """Another version, a time without its zone, a wrong type: as good as no facts."""
    told = json.loads(FACTS.to_json()) | changes
    assert ObjectFacts.from_json(json.dumps(told).encode()) is None


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b"\xff", FACTS.to_json()[:-1]])
def test_what_is_no_json_of_ours_is_none(text: bytes) -> None:
    """Whatever stands in its place, nothing is raised."""
    assert ObjectFacts.from_json(text) is None


def test_a_field_to_come_is_passed_over() -> None:
    """A field that this version does not know makes the facts no others."""
    told = json.loads(FACTS.to_json()) | {"more": 1}
    assert FACTS == ObjectFacts.from_json(json.dumps(told).encode())
