"""A content's digest: the same for the same records, in whatever order and batches."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cfbilling.decoding.decoder import RecordDecoder
from cfbilling.records import UsageRecord
from cfbilling.store.content import Content
from tests.unit.strategies import USAGE, array_text, row_of


def _records(*quantities: str) -> list[UsageRecord]:
    rows = [row_of(USAGE) | {"ConsumedQuantity": quantity} for quantity in quantities]
    return RecordDecoder(UsageRecord).decode(array_text(*rows)).records


def _digest(*batches: list[UsageRecord]) -> tuple[int, str]:
    content = Content()
    for batch in batches:
        content.add(batch)
    return content.records, content.digest


@given(
    quantities=st.lists(st.sampled_from(["1", "2", "2.5", "1e3"]), max_size=12),
    seed=st.integers(0, 99),
    cut=st.integers(0, 12),
)
def test_order_and_batches_do_not_count(quantities: list[str], seed: int, cut: int) -> None:
    """The same records in any order, in one batch or two, are the same content."""
    records = _records(*quantities)
    shuffled = Random(seed).sample(records, len(records))
    assert _digest(records) == _digest(shuffled[:cut], shuffled[cut:])


def test_what_differs_counts() -> None:
    """Another value, another digit, one record less, a twin more: each is another content."""
    contents = [
        _records(*quantities)
        for quantities in ([], ["1"], ["1", "1"], ["1", "1", "1"], ["2"], ["1.0"], ["1", "2"])
    ]
    assert len(contents) == len({_digest(records)[1] for records in contents})


def test_a_field_to_come_counts() -> None:
    """What is only in ``extra`` is content, too, in whatever order its members came."""
    rows = [
        row_of(USAGE) | {"x_New": '{"a": 1, "b": 2}'},
        row_of(USAGE) | {"x_New": '{"b": 2, "a": 1}'},
        row_of(USAGE) | {"x_New": '{"a": 1, "b": 3}'},
    ]
    one, same, other = (
        _digest(RecordDecoder(UsageRecord).decode(array_text(row)).records) for row in rows
    )
    assert (True, False) == (one == same, one == other)
