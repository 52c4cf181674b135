"""A content's digest is the same for the same rows, in whatever order, batches, scale and way."""

from __future__ import annotations

from random import Random
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow has no types
from hypothesis import given, settings
from hypothesis import strategies as st

from cfbilling import Record
from cfbilling.arrow import RecordColumns
from cfbilling.decoding.columns import ColumnReader
from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.records import UsageRecord
from cfbilling.store.column_content import ColumnContent
from tests.unit.strategies import USAGE, array_text, row_of

COLUMNS = RecordColumns(UsageRecord)
# Texts that could be taken for what stands between two of them, or for none.
TEXTS = st.one_of(st.none(), st.text('a\x1e\x1f,"[', max_size=3))


def digest_of(*batches: Any) -> tuple[int, str]:
    """Return how many rows there are, and what tells them from others."""
    content = ColumnContent(UsageRecord)
    for batch in batches:
        lengths = content.add(batch)
        assert len(lengths) == batch.num_rows
    return content.records, content.digest


def records_of(*quantities: str, **others: str) -> list[UsageRecord]:
    """Return records that differ in one number."""
    rows = [row_of(USAGE) | {"ConsumedQuantity": number} | others for number in quantities]
    return RecordDecoder(UsageRecord).decode(array_text(*rows)).records


def batch_of(records: list[UsageRecord], scale: int | None = None) -> Any:
    """Return records as columns."""
    return RecordColumns(UsageRecord, decimal_scale=scale).batch(records)


@settings(deadline=None)
@given(
    quantities=st.lists(st.sampled_from(["1", "2", "2.5", "1e3"]), min_size=2, max_size=12),
    seed=st.integers(0, 99),
    cut=st.integers(1, 11),
    scale=st.sampled_from([None, 2, 20]),
)
def test_order_batches_and_scale_do_not_count(
    quantities: list[str], seed: int, cut: int, scale: int | None
) -> None:
    """The same rows in any order, in one batch or two, of any scale, are the same content."""
    records = records_of(*quantities, Tags="null")
    shuffled = Random(seed).sample(records, len(records))
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    assert digest_of(batch_of(records)) == digest_of(*(batch_of(part, scale) for part in parts))


def test_what_differs_counts() -> None:
    """Another value, one row less, a twin more: each is another content; other zeros are not."""
    several = (["1"], ["1", "1"], ["1", "1", "1"], ["2"], ["1", "2"], ["-1"], ["1e-22"])
    digests = [digest_of(batch_of(records_of(*quantities)))[1] for quantities in several]
    assert len(several) == len(set(digests))
    assert digest_of(batch_of(records_of("1.00"))) == digest_of(batch_of(records_of("1")))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3), st.data())
def test_no_text_is_taken_for_another(
    rows: list[tuple[str | None, ...]], data: st.DataObject
) -> None:
    """Rows are equal content if they are equal, whatever their texts hold, and only then."""
    others = data.draw(
        st.one_of(
            st.permutations(rows), st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3)
        )
    )
    first, second = (
        [pa.record_batch([pa.array(c, pa.string()) for c in zip(*some, strict=True)], list("abc"))]
        for some in (rows, others)
    )
    apart = [second[0].slice(index, 1) for index in range(len(others))]
    is_same = sorted(map(repr, rows)) == sorted(map(repr, others))
    assert is_same == (digest_of(*first) == digest_of(*second))
    assert digest_of(*second) == digest_of(*apart)


def test_text_and_records_are_the_same_content() -> None:
    """Columns that were read from text and those that were made of records make no difference."""
    text = array_text(*(row_of(USAGE) | {"BilledCost": str(n), "Tags": "null"} for n in range(50)))
    reader = ColumnReader(UsageRecord, COLUMNS)
    read = reader.finish(reader.parse([text]))
    assert read is not None
    records: list[Record] = [*RecordDecoder(UsageRecord).decode(text).records]
    assert digest_of(read.batch) == digest_of(COLUMNS.batch(records))


def test_the_order_of_tags_does_not_count() -> None:
    """Equal tags are equal content, as are equal fields that this version does not know."""
    one, same, other = (
        digest_of(batch_of(records_of("1", Tags=tags, New=tags)))
        for tags in ('{"a":"1","b":"2"}', '{"b":"2","a":"1"}', '{"a":"1","b":"3"}')
    )
    assert (True, False) == (one == same, one == other)


def test_longer_rows_have_longer_texts() -> None:
    """The length of each row is what row groups are measured by."""
    batch = batch_of([*records_of("1", RegionId='"a"'), *records_of("1", RegionId='"abcd"')])
    short, long = ColumnContent(UsageRecord).add(batch)
    assert long - short == 3
